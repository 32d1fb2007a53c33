export const repair = `
HOW DAEMONS COME TO AGREE AGAIN

Gossip brings changes at once and may lose them: a full buffer, a cut cable, a
machine that was off. Repair is what makes all daemons equal. It runs by
itself.

  compare   Every few seconds (repair.interval; with more than four peers, with
            four of them), on every new connection, and when a gap shows, two
            daemons exchange digests of about 100 bytes. Equal: nothing more
            is sent.
  pull      The asker sends which changes it has seen; the peer answers with
            those that it lacks, in one round trip for any number of
            differences. Partial progress stays, so an interrupted pull goes on
            where it was.
  verify    When both have seen the same changes and still hold different
            values, a search over fingerprints of ranges finds the keys in a
            few rounds.

A pull goes one way. What this daemon has and the peer lacks goes over when the
peer asks.

BY HAND

  $ hearsay repair                 now, with every connected peer
  $ hearsay repair 12D3KooW...     with one

The receipt says what was done: keys changed, bytes, rounds. Exit code 1 when a
peer was busy or a session failed; it is tried again by itself.

READING "hearsay peers"

  agrees               equal at the last comparison
  differs, we lack N   N changes are known to be missing here, being pulled
  differed             it differed when last compared, and nothing is known to
                       be missing: usual while there are writes
  repairing            a session is under way
  no answer for T      it was asked and is silent

WHEN "hearsay status" SAYS "more are on their way"

A peer has told of changes that have not come yet. What took the place of a
removed value may be among them, so until then nobody removes a value only
because this daemon has heard that it is gone: two daemons may show different
values for so long. Where the changes were lost with a disk the daemon waits
for two minutes and then gives its word.

WHEN IT IS SLOW

  busy     A daemon answers repair.sessionsMax askers at a time.
  budget   All pulls together send at most repair.bytesPerSecond, so that
           repair does not starve what users do.
  clients  A daemon that is read or written sends at most 10,000 keys a second,
           so that its clients do not wait for it: they come first.
  window   One pull has repair.windowBytes under way: over a distance, raise
           it.

"hearsay top" shows it live, "hearsay doctor" says when it is stuck.

SEE ALSO
  hearsay help consistency, monitoring, config
`
