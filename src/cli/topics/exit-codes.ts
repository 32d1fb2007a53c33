import { EXIT } from '../exit.ts'

export const exitCodes = `
EXIT CODES

A script may rely on them.

hearsay
  ${EXIT.done}   done
  ${EXIT.failed}   refused or failed; "doctor": something needs attention
  ${EXIT.usage}   wrong usage
  ${EXIT.notFound}   the key is not there ("get", "del")
  ${EXIT.noDaemon}   no daemon answers on the socket
  ${EXIT.waited}   waited in vain for other daemons (--wait, --after, --max-staleness); a
      write is done on this daemon all the same

hearsayd
  ${EXIT.done}   stopped when told to
  ${EXIT.failed}   could not start, or must not go on; the last line says why
  ${EXIT.usage}   wrong usage
  ${EXIT.defect}  a defect of the program; a supervisor should start it again
  130 told twice to stop, and ended at once; nothing acknowledged is lost

EXAMPLES
  hearsay get feature/x || [ $? -eq ${EXIT.notFound} ]     absent is fine, failing is not
  hearsay doctor > /dev/null || page-somebody

SEE ALSO
  hearsay help codes
`
