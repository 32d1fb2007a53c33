/** `hearsay`: the command line of the daemon beside it. One file per command in `commands/`. */
import 'core-js/modules/es.promise.with-resolvers.js' // Node 20 lacks it, and libp2p needs it.
import { once } from 'node:events'
import { Command, CommanderError } from 'commander'

import { HearsayError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { allowCommand } from './commands/allow.ts'
import { backupCommand } from './commands/backup.ts'
import { completionCommand } from './commands/completion.ts'
import { connectCommand } from './commands/connect.ts'
import { convergedCommand } from './commands/converged.ts'
import { delCommand } from './commands/del.ts'
import { doctorCommand } from './commands/doctor.ts'
import { exportCommand } from './commands/export.ts'
import { forgetCommand } from './commands/forget.ts'
import { getCommand } from './commands/get.ts'
import { helpCommand, topicList } from './commands/help.ts'
import { idCommand } from './commands/id.ts'
import { importCommand } from './commands/import.ts'
import { listCommand } from './commands/list.ts'
import { metricsCommand } from './commands/metrics.ts'
import { networkKeyCommand } from './commands/network-key.ts'
import { peersCommand } from './commands/peers.ts'
import { putCommand } from './commands/put.ts'
import { removalsCommand } from './commands/removals.ts'
import { repairCommand } from './commands/repair.ts'
import { restoreCommand } from './commands/restore.ts'
import { statusCommand } from './commands/status.ts'
import { topCommand } from './commands/top.ts'
import { verifyCommand } from './commands/verify.ts'
import { watchCommand } from './commands/watch.ts'
import { EXIT, exitCodeOf, refusalText } from './exit.ts'
import { endQuietlyWhenNobodyReads, say } from './output.ts'

// prettier-ignore -- a line for what belongs together
const COMMANDS = [
  putCommand,
  getCommand,
  delCommand,
  listCommand,
  watchCommand,
  importCommand,
  exportCommand,
  statusCommand,
  topCommand,
  doctorCommand,
  metricsCommand,
  peersCommand,
  connectCommand,
  forgetCommand,
  allowCommand,
  repairCommand,
  convergedCommand,
  removalsCommand,
  verifyCommand,
  backupCommand,
  restoreCommand,
  idCommand,
  networkKeyCommand,
  completionCommand,
  helpCommand,
]

function program(): Command {
  const hearsay = new Command('hearsay')
    .description('Reads and writes the map of the hearsayd on this machine.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'explain, with examples')
    .helpCommand(false)
    .option('--socket <path>', "the daemon's socket (or HEARSAY_SOCKET)")
    .option('--json', 'write JSON, for programs')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help explains, with examples)')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'hearsay: ')) })
    .addHelpText(
      'after',
      `
Keys and values are bytes, typed and shown as text unless --hex or --base64 says otherwise.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 key not found, 4 no daemon,
5 waited in vain for other daemons (a write is done here all the same).

${topicList()}

Examples:
  hearsay put greeting hello
  hearsay get greeting
  hearsay watch services/
  hearsay status
  hearsay --socket /tmp/second/hearsay.sock status`,
    )
  for (const make of COMMANDS) {
    const command = make().copyInheritedSettings(hearsay)
    for (const part of command.commands) part.copyInheritedSettings(command)
    hearsay.addCommand(command)
  }
  return hearsay
}

function report(error: unknown, json: boolean): void {
  // Commander has said it already.
  if (error instanceof CommanderError) return
  if (!(error instanceof HearsayError)) {
    say(
      `a defect of this program: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    )
  } else if (json) {
    const { code, message } = error
    process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`)
  } else say(refusalText(error))
}

async function main(): Promise<number> {
  const hearsay = program()
  try {
    await hearsay.parseAsync()
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    report(error, hearsay.opts<{ json?: boolean }>().json === true)
    return exitCodeOf(error)
  }
}

endQuietlyWhenNobodyReads()
const code = await main()
if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
// Not waiting for the end of an input that nobody reads any more.
process.exit(code)
