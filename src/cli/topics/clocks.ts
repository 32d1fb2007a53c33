export const clocks = `
WHAT CLOCKS DECIDE

Little. No safety rests on them.

TIMESTAMPS

A put takes the time of its machine's clock, or one more than the greatest
timestamp that it replaces if that is later. So a later write of a key always
wins over what it has seen, whatever the clocks say. Only between siblings
(writes that did not know of each other) the greater timestamp decides which
one is shown. Nothing is refused or held back because of its timestamp.

EXPIRY

A value with --ttl has an absolute expiry. Each daemon hides it when its own
clock reaches that moment, and removes it from the store only at expiry +
expiry.skew + expiry.grace: a clock that was wrong for a while can be set right
before anything is lost.

DOUBT

What expires is not removed while the clock is in doubt. It is

  - at the start, until a peer has told its clock (where there never was a
    peer: for ten minutes);
  - after the clock moved by more than expiry.skew against elapsed time, until
    peers agree again;
  - while half or more of the peers have another time;
  - while the clock stands before the latest write in the store.

A daemon that has lost its peers goes on to trust the clock that they agreed
with. One that starts without them waits for them.

"hearsay status" says whether and why; CLOCK in "hearsay peers" shows the
difference to each peer. In doubt expired values stay hidden. They take space,
and nothing else happens.

WHAT TO DO

Run NTP (chrony, systemd-timesyncd) everywhere. "hearsay doctor" names a clock
that is off. After setting it nothing needs to be restarted.

SEE ALSO
  hearsay help siblings, config
  hearsay help put
`
