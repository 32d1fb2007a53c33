export const security = `
WHO MAY JOIN, AND WHO MAY READ AND WRITE

TWO DOORS

  The network   Daemons speak to each other over TCP, encrypted and
                authenticated by Noise. Whoever has the fleet's key file is a
                member, can read the whole map and change it. Without it the
                handshake fails: a stranger gets nothing, not even a count.
  The socket    Programs and people on the machine speak to the daemon over a
                unix socket. Whoever can open it may do everything. It has mode
                0600 unless socket.mode and socket.group say otherwise.

THE KEY FILE

  $ hearsay network-key > fleet.key

makes one, mode 0600. Copy it to every machine over a safe channel (scp, your
secret store). It holds a permanent cluster id and fingerprint key, and one or
more secrets. Whoever got hold of it is a member: change the secret, and count
what was in the map as known.

Without a key file a daemon listens on loopback only, and refuses any other
address.

CHANGING THE SECRET

The first secret of the file is shown to others, all are accepted. So it is
replaced in three steps, at no moment of which two members refuse each other.
Each step on every daemon before the next:

  $ hearsay network-key rotate fleet.key      takes the next step in the file
  $ scp fleet.key other:/etc/hearsay/         to every machine
  $ ssh other hearsay network-key reload      no restart
  $ hearsay network-key status                do all have it?

THROWING A MEMBER OUT

  $ hearsay allow add --linked                once: only who is linked now
  $ hearsay allow remove 12D3KooW...          hangs up at once, on every daemon

and then change the secret that it knows. What it wrote before stays.

FILES

The data directory has mode 0700. It holds the machine's identity (a private
key) and the map in the clear; so do backups of it. Encrypt the disk where that
matters.

WHAT HEARSAY DOES NOT DO

It does not tell one member from another: each may write every key. It does not
hide from a member what is in the map. It does not limit what a member can
write in all. Run separate fleets for separate trusts.

SEE ALSO
  hearsay help config
  hearsay help network-key, allow
  hearsay help allow
`
