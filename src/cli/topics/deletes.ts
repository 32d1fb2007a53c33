export const deletes = `
WHAT WAS DELETED STAYS DELETED

hearsay keeps no tombstones. Every change has a name, its dot: the run of a
daemon that made it, and a number. Every daemon remembers all dots that it has
seen, as intervals; a few bytes for each run of each daemon. A dot that was
seen and whose value is not held was removed: that is all there is to a delete.

WHAT FOLLOWS

  No growth    A million deletes cost nothing that stays.
  No zombies   A machine that comes back after a month brings nothing back to
               life: for the others its old values are seen and removed.
  Final        There is no grace period and no undelete.
  Seen only    A delete removes the values that its daemon (or the version
               token) had seen. A value written elsewhere at the same time
               stays, and the key shows it.

DAMAGE

Because absence speaks, a store that lost records must not speak. Every batch
carries sum and count of the hashes of what is stored; a store that does not
add up is never taken for one from which things were deleted. The daemon goes
on with what is intact, says so in log and status, and takes the rest from its
peers. It also reads its whole store through once a day (store.scrubInterval),
and "hearsay verify" does it now. Never repair a data directory by hand.

Peers that say that very many keys are gone, with nothing to prove it, are not
believed at once either: "hearsay removals".

BACKUPS

A copy of a data directory is the same replica a second time. Do not start it
beside the original (DUPLICATE_IDENTITY), and do not put an old copy in the
place of a newer one. Use

  hearsay backup DIR        one moment of a running daemon, checked on the way
  hearsay restore DIR       for a disk that was lost: the rest comes from peers
  hearsay restore --revive  for values that should not have been deleted

"hearsay export" and "hearsay import" move values between fleets.

EXPIRY

A value with --ttl is hidden at its expiry and removed from the store later
("hearsay help clocks").

SEE ALSO
  hearsay help consistency, siblings, clocks
  hearsay help del, backup, restore, verify, removals
`
