export const siblings = `
CONCURRENT VALUES OF ONE KEY

Two machines write the same key without knowing of each other's write. hearsay
keeps both: they are siblings. Nobody has to be asked when a write happens, and
nothing that was acknowledged disappears.

WHAT A READ SHOWS

"hearsay get KEY" shows one sibling, the winner: the one with the greatest
timestamp, and of equal timestamps the one with the greatest dot. So all
daemons show the same one. It says so when there are others:

  $ hearsay get color --all        every sibling: value, dot, time, writer

HOW THEY END

The next write of the key that has seen them replaces them all. An ordinary
"put" has seen what its own daemon holds at that moment, so writing once more
is enough. To merge by hand, read, decide, and write with the token of what you
read: what came in between stays as a sibling instead of being overwritten
unseen.

  $ hearsay get color --all --json | jq -r .token
  $ hearsay put color blue-green --version-token TOKEN

A delete works the same way: it removes what it has seen, no more.

HOW MANY THERE CAN BE

A local write that would make more than 64 siblings of one key is refused with
TOO_MANY_SIBLINGS (limits.siblings lowers the bound). It can only happen to
writers that use old tokens again and again. What peers wrote is always taken.

CLOCKS

A wrong clock decides at most which of two siblings is shown. It cannot make a
write win over a later one that has seen it: a put takes a timestamp above all
that it replaces.

TO AVOID THEM

Let each writer have keys of its own (services/api/HOST rather than
services/api), or write each key from one machine.

SEE ALSO
  hearsay help consistency, clocks, deletes
  hearsay help get, put
`
