export const consistency = `
WHAT HEARSAY PROMISES, AND WHAT NOT

Every machine holds the whole map. A read is answered from memory, by the
daemon beside you, without asking anybody. A write is done when it is on the
disk of that same daemon: it needs nobody else, and works while the machine is
cut off from all others.

A write travels to the others by gossip, usually within milliseconds. Whatever
gossip loses, repair brings within seconds ("hearsay help repair"). When writes
stop and all daemons can reach each other, all hold the same.

WHAT YOU CAN RELY ON

  Durable    An acknowledged write survives a crash and the loss of power of
             its machine. Before it is on disk nobody sees it, also not readers
             of the same daemon.
  Kept       No acknowledged write is dropped silently. Two writes that did not
             know of each other are both kept, as siblings ("hearsay help
             siblings").
  Own reads  On one daemon a read shows every write that this daemon has
             acknowledged. On another daemon it may come a moment later; "get
             --after TOKEN" waits there for the write that gave the token.
  Equal      Two daemons that have seen the same changes show the same winner
             for every key, in whatever order the changes arrived.

TO ASK FOR MORE

By default nobody is waited for. Where it matters, a command waits, or says how
far it has got:

  put --wait N          until N other daemons have it on their disks
  get --after TOKEN     until this daemon has the write that gave the token
  get --max-staleness   only what is known to be that fresh
  converged --wait      until all that was written is on every linked daemon

None of them takes a write back: one that was not confirmed in time is kept,
and travels on.

WHAT YOU CANNOT RELY ON

  Locks      There is no transaction and no compare-and-set. Both sides of a
             cut network say yes. Do not keep stock, seats, balances, locks or
             leaders here: no timestamp and no version token makes that safe.
  The latest A read may miss what another machine wrote a moment ago. "hearsay
             status" says by how much this daemon is behind its peers.
             "get --max-staleness 0" answers only when it is shown to miss
             nothing that a known peer had when you asked.
  Absence    A key that is absent may only not have arrived yet. Every answer
             says whether this daemon is complete ("hearsay help
             completeness").

WHEN YOU WANT TO BE SURE

  put --wait N        done when N other daemons have it on their disks. If they
                      are too few in time (exit code 5), it is written here all
                      the same, and goes on to the others.
  converged           yes when all that was written before you asked is on every
                      linked daemon; --fleet: on every one that can be reached.

WHEN A WRITE CAN STILL BE LOST

Three ways, each shown with an alarm: the only disk that had it is destroyed or
rolled back before any peer has it; one bit of it rots there before any peer
has it; two copies of one data directory run at once and both write ("hearsay
help codes", DUPLICATE_IDENTITY).

SEE ALSO
  hearsay help siblings, completeness, deletes, repair
`
