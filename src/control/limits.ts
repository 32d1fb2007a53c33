/**
 * Every bound of the control socket, with its reason. Together they bound what all callers can make the daemon hold:
 * about 256 MiB of unfinished input, and per open stream one chunk and one value.
 */

/** Largest value, bytes: the protocol's bound, checked here so that a body is refused before it is read. */
export const VALUE_BYTES_MAX = 16 * 1024 * 1024

/** Largest key, bytes: the protocol's bound. */
export const KEY_BYTES_MAX = 1024

/**
 * Largest line of a write request, bytes: a value of the largest size in the longer of its JSON forms (text in which
 * every byte is escaped with a backslash), with room for key and token.
 */
export const LINE_BYTES_MAX = 2 * VALUE_BYTES_MAX + 64 * 1024

/** Largest JSON body, bytes: an address or a peer id is far smaller. */
export const JSON_BODY_BYTES_MAX = 16 * 1024

/** Request line and headers together, bytes. A key of 1 KiB takes 3 KiB percent-encoded, and a listing names two. */
export const HEADER_BYTES_MAX = 32 * 1024

/** Connections at once; what is above it is closed by the kernel's accept loop, so it is far above REQUESTS_MAX. */
export const CONNECTIONS_MAX = 1024

/** A connection on which nothing was asked for so long is closed, milliseconds. */
export const CONNECTION_IDLE_MS = 72_000

/** Requests under way at once, watches and write streams among them; the next is answered with OVERLOADED. */
export const REQUESTS_MAX = 512

/** Bodies and unfinished lines held in memory for all callers together, bytes; above it OVERLOADED. */
export const INPUT_BYTES_HELD_MAX = 256 * 1024 * 1024

/** Lines of one write request that are written and not yet answered. Sixteen times what saturates one commit at a time. */
export const WRITE_LINES_IN_FLIGHT_MAX = 1024

/** The same in bytes; one line is let through however large it is. */
export const WRITE_BYTES_IN_FLIGHT_MAX = 4 * 1024 * 1024

/** Text gathered before it is handed to the socket, bytes: amortises the call, and is what a stopped reader costs. */
export const CHUNK_BYTES = 64 * 1024

/** Keys looked at in one step of a listing, so that one listing does not hold up everything else. */
export const SCAN_KEYS_MAX = 256

/** Silence after which a watch sends a heartbeat, milliseconds: below the usual idle limits of proxies and pools. */
export const WATCH_HEARTBEAT_MS = 10_000

/** How long a closing server lets streams end by themselves before it cuts them, milliseconds. */
export const CLOSE_GRACE_MS = 2_000

/** Longest socket path, bytes: `sun_path` without its final zero. The kernel would silently cut a longer one. */
export const SOCKET_PATH_BYTES_MAX = process.platform === 'darwin' ? 103 : 107

/**
 * Largest line, and largest plain JSON answer, that the client takes, bytes: a key with several siblings of the largest
 * size.
 */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024

/** How long one question whether the fleet has converged waits for its peers when nothing else is said, milliseconds. */
export const CONVERGED_TIMEOUT_MS = 5_000

/** The same of a whole fleet: each level of the tree over it takes its part of it. */
export const CONVERGED_FLEET_TIMEOUT_MS = 15_000

/** How long a request waits for other daemons when it does not say for how long, milliseconds. */
export const WAIT_TIMEOUT_MS = 10_000

/** More peers than any daemon is linked with. */
export const PEERS_WAITED_FOR_MAX = 4096

/** Longest that a request may ask this daemon to wait for its peers, milliseconds. */
export const WAIT_MS_MAX = 60_000

/** How long the client waits for an answer that does no work across the network, milliseconds. */
export const CLIENT_TIMEOUT_MS = 30_000

/** The same for connecting to a peer and for a repair, which wait for other machines, and for reading the whole store. */
export const CLIENT_NETWORK_TIMEOUT_MS = 10 * 60_000

/** Connections that a client keeps open for its next requests. */
export const CLIENT_IDLE_CONNECTIONS_MAX = 16

/** For how long, milliseconds: far below `CONNECTION_IDLE_MS`, so that the daemon closes none under a request. */
export const CLIENT_IDLE_MS = 4_000

/**
 * How long a reader of a snapshot may take for one chunk, milliseconds: as long as it reads, the disk keeps what was
 * overwritten meanwhile.
 */
export const SNAPSHOT_PATIENCE_MS = 60_000
