import { fchmodSync, fstatSync } from 'node:fs'
import { Command } from 'commander'

import { HearsayError } from '../../errors.ts'
import type { HungUp, NetworkKeyView } from '../../membership-api.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { print, printJson, printLine, say } from '../output.ts'
import { count } from '../words.ts'

export function networkKeyCommand(): Command {
  const command = new Command('network-key')
    .description('print a new key file for a new fleet; needs no daemon. Below: change its secret')
    .action(async () => newKey())
    .addCommand(rotateCommand())
    .addCommand(statusCommand())
    .addCommand(reloadCommand())
    .addHelpText(
      'after',
      `
All daemons of a fleet have the same key file: make it once, copy it over a safe channel. Redirected into a file, it makes that
file readable by you alone (mode 0600), as hearsayd demands.

The secret in it can be replaced while the fleet runs, at no moment of which two members refuse each other: take a step with
"rotate", copy the file to every daemon, "reload" it there, see in "status" that all have it; three times.`,
    )
  return withExamples(command, [
    'hearsay network-key > fleet.key',
    'hearsayd --network-key fleet.key --listen /ip4/0.0.0.0/tcp/4001',
    'hearsay network-key rotate fleet.key && scp fleet.key other:/etc/hearsay/fleet.key',
    'ssh other hearsay network-key reload',
    'hearsay network-key status',
  ])
}

function rotateCommand(): Command {
  return new Command('rotate')
    .description(
      'take the next step of replacing the secret in a key file, and say what comes then',
    )
    .argument('<file>', 'the key file; its comments, owner and mode are kept')
    .action(async (file: string, _options: unknown, self: Command) =>
      rotate(file, self.optsWithGlobals<GlobalOptions>()),
    )
}

function statusCommand(): Command {
  return new Command('status')
    .description('which secrets the daemon and its peers accept; exit code 1 unless all are alike')
    .action(async (_options: unknown, self: Command) =>
      status(self.optsWithGlobals<GlobalOptions>()),
    )
}

function reloadCommand(): Command {
  return new Command('reload')
    .description('let the daemon read its key file anew, without a restart')
    .action(async (_options: unknown, self: Command) =>
      reload(self.optsWithGlobals<GlobalOptions>()),
    )
}

async function newKey(): Promise<void> {
  keepPrivate()
  // Loaded only here: what reads YAML would double the time that every other command takes to start.
  const { formatNetworkKey, newNetworkKey } = await import('../../config/key-file.ts')
  await print(formatNetworkKey(newNetworkKey()))
}

/** The shell has made the file with the usual mode, which lets others read it; do it before there is a secret in it. */
function keepPrivate(): void {
  const stdout = fstatSync(process.stdout.fd)
  if (!stdout.isFile() || (stdout.mode & 0o077) === 0) return
  try {
    fchmodSync(process.stdout.fd, 0o600)
  } catch {
    say('the file that this goes to can be read by others; run chmod 600 on it')
  }
}

async function rotate(file: string, options: GlobalOptions): Promise<void> {
  const { rotateKeyFile } = await import('../../config/key-rotation.ts')
  const taken = await rotateKeyFile(file)
  if (options.json === true) return printJson(taken)
  const { step, fresh, old } = taken
  const done = {
    1: `a new secret, ${fresh}, is accepted; ${old} is still the one that is used`,
    2: `the new secret, ${fresh}, is used; ${old} is still accepted`,
    3: `the old secret, ${old}, is gone; ${fresh} alone is accepted`,
  }[step]
  await printLine(`${file}: step ${step} of 3: ${done}.`)
  await printLine('')
  await printLine('Now copy it to every daemon, and on each:  hearsay network-key reload')
  if (step === 3) return printLine('Then the secret is replaced everywhere.')
  await printLine(
    'When "hearsay network-key status" says on each that all have the same secrets, take the next step:',
  )
  await printLine(`  hearsay network-key rotate ${file}`)
}

async function status(options: GlobalOptions): Promise<void> {
  const view = await withClient(options, (client) => client.networkKey())
  if (options.json === true) await printJson(view)
  else await printView(view)
  const behind = unlike(view)
  if (behind.length === 0) return
  throw new HearsayError(
    'BAD_KEY_FILE',
    `${count(behind.length, 'peer')} of ${view.peers.length} ${behind.length === 1 ? 'has' : 'have'} other secrets than this daemon, or ` +
      'did not say: copy the key file there and reload it before you take the next step',
  )
}

async function reload(options: GlobalOptions): Promise<void> {
  const view: NetworkKeyView & HungUp = await withClient(options, (client) =>
    client.reloadNetworkKey(),
  )
  if (options.json === true) return printJson(view)
  await printLine('reloaded')
  await printView(view)
  if (view.hungUp.length > 0) {
    const { length } = view.hungUp
    say(
      `${count(length, 'connection')} made with a secret that is gone ${length === 1 ? 'was' : 'were'} ended; members connect anew by themselves`,
    )
  }
}

/** Peers whose list is not this daemon's, in the same order. */
function unlike({ labels, peers }: NetworkKeyView): NetworkKeyView['peers'] {
  return peers.filter((peer) => peer.labels?.join() !== labels.join())
}

async function printView({ labels, peers }: NetworkKeyView): Promise<void> {
  await printLine(`this daemon: ${secrets(labels)}`)
  for (const { peer, labels: theirs } of peers) {
    await printLine(`${peer}: ${theirs === undefined ? 'did not say yet' : secrets(theirs)}`)
  }
}

function secrets([used, ...others]: readonly string[]): string {
  if (used === undefined) return 'no network key'
  return others.length === 0 ? `uses ${used}` : `uses ${used}, accepts ${others.join(', ')}`
}
