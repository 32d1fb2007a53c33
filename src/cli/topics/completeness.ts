export const completeness = `
ABSENT IS NOT DELETED

A daemon that has just joined holds nothing yet. For it "the key is not here"
means little. So every answer about the map comes with one of three states:

  complete         This daemon holds all that its fleet has told it, confirmed
                   within the last few repair intervals by a peer that is
                   complete itself. A daemon without any peers is complete by
                   definition.
  complete as of   It was complete at that moment. What was written elsewhere
                   since then may be missing: it was restarted, or is cut off.
  syncing          It has never been complete. What is absent here may only not
                   have arrived yet.

Commands say so on standard error, the control socket in the header
Hearsay-Completeness, GET /v1/ready with its status (503 while syncing), and
"hearsay status --json" in .completeness.state.

HOW A DAEMON BECOMES COMPLETE

It pulls from a peer that is complete, until it has all that this peer had when
the pull ended. Completeness is kept over a restart, as "complete as of".

A NEW FLEET

Somebody must be complete first, or all wait for each other. Start exactly one
daemon with --first (or without bootstrap peers). Later --first changes nothing.

WHAT APPLICATIONS SHOULD DO

Use what is there at once. Before acting on what is absent (starting with
defaults, removing a firewall rule, declaring a service gone), wait until the
state is not "syncing".

SEE ALSO
  hearsay help consistency, deletes
  hearsay help status
`
