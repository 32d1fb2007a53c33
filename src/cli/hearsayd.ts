/**
 * `hearsayd`: turns flags, environment and file into a configuration and runs one daemon in the foreground.
 *
 * SIGTERM and SIGINT stop it cleanly, exit code 0; a second one ends it at once, which loses nothing that was acknowledged.
 * SIGHUP makes it read its key file anew.
 * What could not start ends with one line and exit code 1, wrong usage with 2, a defect of the program with 70.
 */
import 'core-js/modules/es.promise.with-resolvers.js' // Node 20 lacks it, and libp2p needs it.
import './engine-flags.ts'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import type { Logger } from 'pino'

import { LOG_LEVELS } from '../config/config.ts'
import type { DaemonConfig } from '../config/config.ts'
import { resolveConfig } from '../config/resolve.ts'
import type { Statement } from '../config/resolve.ts'
import type { Daemon } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { ServiceManager } from './service-manager.ts'
import type { Condition } from './service-manager.ts'
import { welcome } from './welcome.ts'
import { count } from './words.ts'
import { EXIT, exitCodeOf, refusalText } from './exit.ts'
import { createLogger } from './log.ts'

/** Exit code of a process that was told to stop and would not wait: what a shell shows for SIGINT. */
const EXIT_AT_ONCE = 130

interface Flags {
  config?: string
  data?: string
  socket?: string
  listen?: string[]
  bootstrap?: string[]
  networkKey?: string
  adopt?: boolean
  name?: string
  first?: boolean
  logLevel?: string
}

const repeatable = (value: string, before: string[] | undefined) => [...(before ?? []), value]

function program(): Command {
  return new Command('hearsayd')
    .description('Runs one daemon of the fleet in the foreground.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'explain, with examples')
    .option(
      '--config <file>',
      'settings as YAML (or HEARSAY_CONFIG); config/default.yaml explains all',
    )
    .option('--data <dir>', 'directory of this replica; made if it is not there')
    .option('--socket <path>', 'unix socket for "hearsay" and applications')
    .option('--listen <multiaddr>', 'where other daemons reach this one; repeatable', repeatable)
    .option(
      '--bootstrap <multiaddr>',
      'a daemon to find the others through; repeatable',
      repeatable,
    )
    .option('--network-key <file>', 'key file of the fleet ("hearsay network-key" makes one)')
    .option('--adopt', 'take a store that was begun without a key into the cluster of the key')
    .option('--name <name>', 'what people call this daemon; the host name by default')
    .option('--first', 'first daemon of a new fleet: complete without having pulled')
    .addOption(new Option('--log-level <level>', 'how much to log').choices(LOG_LEVELS))
    .allowExcessArguments(false)
    .showHelpAfterError('(--help explains, with examples)')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'hearsayd: ')),
    })
    .addHelpText(
      'after',
      `
A flag goes before the environment (HEARSAY_DATA, HEARSAY_LISTEN, …), that before the file, that before the defaults.
SIGTERM or SIGINT stops the daemon cleanly; a second one at once. SIGHUP makes it read the key file anew, as
"hearsay network-key reload" does, unless it runs on a terminal, whose end is its own.

Exit codes: 0 stopped, 1 could not start, 2 wrong usage, 70 a defect of the program.

Examples:
  hearsayd
  hearsayd --data /tmp/second --bootstrap /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…
  hearsayd --network-key fleet.key --listen /ip4/0.0.0.0/tcp/4001 --first
  hearsayd --config /etc/hearsay/hearsay.yaml --log-level debug`,
    )
}

/** The setting that each flag states. */
const FLAG_SETTINGS: [flag: keyof Flags, setting: string[], by: string][] = [
  ['data', ['data'], '--data'],
  ['socket', ['socket', 'path'], '--socket'],
  ['listen', ['listen'], '--listen'],
  ['bootstrap', ['bootstrap'], '--bootstrap'],
  ['networkKey', ['networkKey'], '--network-key'],
  ['adopt', ['adopt'], '--adopt'],
  ['name', ['name'], '--name'],
  ['first', ['first'], '--first'],
  ['logLevel', ['log', 'level'], '--log-level'],
]

function configOf(flags: Flags): DaemonConfig {
  const statements: Statement[] = FLAG_SETTINGS.flatMap(([flag, setting, by]) =>
    flags[flag] === undefined ? [] : [{ path: setting, value: flags[flag], by }],
  )
  return resolveConfig({
    flags: statements,
    ...(flags.config === undefined ? {} : { file: flags.config }),
  })
}

async function start(config: DaemonConfig, log: Logger): Promise<Daemon> {
  makeSocketDirectory(config)
  // Loaded only now: --help and a bad setting need none of it.
  const { createDaemon } = await import('../daemon.ts')
  return createDaemon(config, { log, onFatal: () => process.exit(EXIT.failed) })
}

/** The data directory is the daemon's to make, with its own mode. */
function makeSocketDirectory(config: DaemonConfig): void {
  const dir = path.dirname(config.socket.path)
  if (dir === config.data) return
  try {
    mkdirSync(dir, { recursive: true, mode: 0o755 })
  } catch (error) {
    throw new HearsayError(
      'SOCKET_UNUSABLE',
      `cannot make the directory of the socket ${config.socket.path}: ${(error as Error).message}; choose another with --socket`,
      { cause: error },
    )
  }
}

/** For people on a terminal what to type next, for programs one line with all they need. */
async function announce(config: DaemonConfig, daemon: Daemon, log: Logger): Promise<void> {
  const status = await daemon.status()
  if (process.stdout.isTTY) process.stdout.write(welcome(config, status))
  const { peerId, addresses } = status
  const where = { peerId, addresses, data: config.data, socket: config.socket.path }
  log.info(process.stdout.isTTY ? {} : { version: VERSION, ...where }, 'hearsayd is ready')
}

async function serve(
  daemon: Daemon,
  log: Logger,
  stopAsked: Promise<string>,
  manager: ServiceManager | undefined,
): Promise<void> {
  await manager?.ready(() => conditionOf(daemon))
  const signal = await stopAsked
  log.info({ signal }, 'stopping; the same signal again ends it at once')
  await manager?.stopping()
  await daemon.stop()
  log.info('stopped')
}

function conditionOf(daemon: Daemon): Condition {
  const peers = daemon.peers()
  const agreeing = peers.filter((peer) => peer.lastDigest?.agreed === true).length
  return {
    summary: `${daemon.completeness().state}, ${count(peers.length, 'peer')}, ${agreeing} agreed when last compared`,
    ailment: daemon.ailment(),
  }
}

/** Nobody waits for an answer to a signal, so what is wrong with the file can only be logged. */
function reloadOnHangup(daemon: Daemon, log: Logger): void {
  process.on('SIGHUP', () => {
    try {
      daemon.membership.reloadNetworkKey()
    } catch (error) {
      const { code, message } = error as HearsayError
      log.error({ code }, `nothing was reloaded: ${message}`)
    }
  })
}

/** Resolves at the first signal, which may come while the daemon still starts; the second ends the process. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(EXIT_AT_ONCE)
        asked = true
        resolve(signal)
      })
    }
  })
}

/** Nothing is known of the state after these: say so and leave the restart to the supervisor. */
function exitOnDefects(log: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error, event }, 'a defect of this program; it ends and should be restarted')
      process.exit(EXIT.defect)
    })
  }
}

async function main(): Promise<number> {
  try {
    const command = program().parse()
    const config = configOf(command.opts<Flags>())
    const log = await createLogger(config.log, config.name)
    exitOnDefects(log)
    const stopAsked = stopSignal()
    const manager = ServiceManager.of(process.env, log)
    const daemon = await start(config, log)
    if (!process.stdout.isTTY) reloadOnHangup(daemon, log)
    await announce(config, daemon, log)
    await serve(daemon, log, stopAsked, manager)
    return EXIT.done
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      const text =
        error instanceof HearsayError ? refusalText(error) : String((error as Error).stack)
      process.stderr.write(`hearsayd: ${text}\n`)
    }
    return error instanceof HearsayError || error instanceof CommanderError
      ? exitCodeOf(error)
      : EXIT.defect
  }
}

// A terminal or log reader that goes away must not take the daemon with it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
process.exit(await main())
