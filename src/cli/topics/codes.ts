/** `hearsay help codes`: what each code means and what to do; a code without an explanation does not compile. */
import type { ErrorCode } from '../../errors.ts'
import { ERROR_CODES } from '../../errors.ts'
import { definitions } from './layout.ts'

const MEANINGS: Record<ErrorCode, string> = {
  BAD_REQUEST:
    'The request over the socket is not one that the daemon knows. Message names the part.',
  BAD_CONFIG:
    'A setting is wrong. The message names file, line and key, what was expected and what was found.',
  BAD_ARGUMENT: 'A flag or argument is wrong. "--help" of the command shows what it takes.',
  BAD_KEY_FILE:
    'The network key file cannot be read, is damaged, or can be read by others: chmod 600, owned by the user that runs hearsayd.',
  BAD_ALLOW_LIST:
    'The file of the allow list in the data directory does not read. Restore it, or delete it and set "allow" in the configuration: without it, who was removed would be admitted.',
  BAD_IMPORT_LINE:
    'A line of an import is not a key. The message names the line; the others are imported.',
  BAD_TOKEN:
    'The version token is damaged or belongs to another key. Read the key again for a new one.',
  BAD_ADDRESS:
    'Not a multiaddr. They look like /ip4/10.0.0.5/tcp/4001 or /dns4/a.example/tcp/4001.',
  EMPTY_KEY: 'A key has at least one byte.',
  KEY_TOO_LARGE: 'A key has at most 1 KiB.',
  VALUE_TOO_LARGE: 'A value has at most 16 MiB (or limits.valueBytes on this daemon).',
  TOO_MANY_SIBLINGS:
    'The key has as many concurrent values as are allowed. Read it with --all and write it once with the newest token, or without one. "hearsay help siblings".',
  NOT_FOUND:
    'The key is not here. Absent is not deleted while the daemon is syncing: "hearsay help completeness".',
  OVERLOADED:
    'More is under way than a bound allows; nothing was done. Try again after a moment. The message names the bound.',
  STOPPING: 'The daemon is being stopped. Try again when it is back.',
  STORE_FAILED:
    'The disk refused a write. Whether this one is there is not known: read it when the daemon is well again. Look for a full or broken disk; reads go on, and writes by themselves soon after it is mended.',
  WATCH_OVERFLOW: 'A watcher did not read for too long. List anew, and watch again.',
  BUSY: 'The peer answers as many repairs as it may. It is asked again by itself.',
  PROGRAM_REPLACED:
    'The files of the program were replaced or removed since this daemon was started, and this needs one of them. Restart the daemon; everything else goes on.',
  DATA_DIR_UNUSABLE: 'The data directory cannot be made, read or written. The message says why.',
  DATA_DIR_LOCKED: 'Another hearsayd runs on this data directory.',
  STORE_DAMAGED:
    'The store cannot be read. Move the data directory aside (keep it) and start with an empty one: the fleet fills it. What only this daemon had is lost.',
  STORE_FROM_FUTURE:
    'The store was written by a newer hearsay. Install that version or a newer one.',
  STORE_OF_OTHER_CLUSTER:
    'The data directory belongs to another fleet than the network key. Use the key it was begun with, or another directory.',
  SOCKET_PATH_TOO_LONG:
    'A unix socket has a path of about 100 bytes at most. Choose a shorter one with --socket.',
  SOCKET_IN_USE:
    'Another daemon listens on that socket path. Stop it, or give this one its own with --socket.',
  SOCKET_UNUSABLE: 'The socket cannot be made. The message says what stands in the way.',
  NO_DAEMON:
    'Nothing answers on the socket. Is hearsayd running (systemctl status hearsayd)? Does it use another socket (--socket, HEARSAY_SOCKET)? May you open it?',
  DAEMON_FAILED: 'What answered is not hearsay, broke off, or has a defect; its log says more.',
  LISTEN_FAILED: 'The address cannot be listened on: in use, or not one of this machine.',
  CONNECT_FAILED:
    'The peer was not reached, or refused. The message names the likely cause: nobody listens there, a firewall, another network key.',
  UNKNOWN_PEER: 'No link to that peer. "hearsay peers" lists those there are.',
  ALLOW_LIST_NOT_IN_FORCE:
    'There is no allow list yet, and beginning one like this would end links. "hearsay allow add --linked" begins one with all that are linked.',
  WRONG_CLUSTER: 'The peer belongs to another fleet.',
  UNKNOWN_VERSION:
    'The peer speaks no version of the protocol that this one does. Update the older one.',
  DUPLICATE_IDENTITY:
    'Two processes run from copies of one data directory. The one that was started later has ended: give it a data directory of its own.',
  PROTOCOL_VIOLATION:
    'A peer sent what nobody may send. It was hung up on; its log or version may say why.',
  TIMEOUT: 'No answer in time. Whether it was done is not known.',
  TOO_FEW_PEERS:
    'The write is done and durable here, and travels on; within the time that was given it was not confirmed by as many peers as were asked for. The message names those that have it. Nothing is lost, and writing again would be a second write.',
  NOT_HERE_YET:
    'What the token names was written on another daemon and did not arrive here in time. Wait longer (--timeout), or ask that daemon; "hearsay peers" shows how far this one is behind.',
  TOO_STALE:
    'This daemon cannot show that it has all that every known peer had within the time that was asked for. The message names whose writes may be missing. "hearsay forget" drops a peer that will not come back.',
  NOT_CONVERGED:
    'Not everything that was written is on every linked daemon yet, or that could not be shown. The answer names who lags; "hearsay converged --wait 60" asks again.',
}

export function codes(): string {
  return `
CODES OF REFUSALS AND FAILURES

Every refusal has a code for programs and a message for people. A code keeps its
meaning for ever; messages may be reworded. Commands print "message (CODE)",
with --json {"error":{"code","message"}}; the control socket answers
{"code","message"} with a fitting HTTP status.

${definitions(ERROR_CODES.map((code) => [code, MEANINGS[code]]))}

SEE ALSO
  hearsay help exit-codes
`
}
