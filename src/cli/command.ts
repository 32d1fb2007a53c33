/** What the commands of `hearsay` share: the global options, the client they lead to, and examples in the help. */
import type { Command } from 'commander'

import { surroundings } from '../config/config.ts'
import { ControlClient } from '../control/client.ts'
import { HearsayError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { findSocket } from './socket.ts'

export interface GlobalOptions {
  socket?: string
  json?: boolean
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((line) => `  ${line}\n`).join('')}`,
  )
}

/** Runs `task` with a client for the daemon that the options name. */
export async function withClient<T>(
  options: GlobalOptions,
  task: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const socket = findSocket(surroundings(), options.socket)
  const client = new ControlClient({ socketPath: socket.path })
  try {
    return await task(client)
  } catch (error) {
    if (!(error instanceof HearsayError)) throw await blamed(error, client)
    if (error.code !== 'NO_DAEMON') throw error
    if (socket.others.length === 0) throw error
    const tried = `${error.message} Also looked for: ${socket.others.join(', ')}.`
    throw new HearsayError('NO_DAEMON', tried, { cause: error })
  }
}

/** An answer that this command cannot read is no defect when it comes from another version: that of before an update. */
async function blamed(error: unknown, client: ControlClient): Promise<unknown> {
  const { version } = await client.id()
  if (version === VERSION) return error
  return new HearsayError(
    'UNKNOWN_VERSION',
    `the daemon runs ${version}, this command is ${VERSION}, and it cannot read the answer: restart hearsayd, so that it runs what is installed`,
    { cause: error },
  )
}

/** For an option that is a whole number from 1. */
export function parseCount(text: string, flag: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0
  if (count >= 1 && Number.isSafeInteger(count)) return count
  throw new HearsayError('BAD_ARGUMENT', `${flag}: expected a whole number from 1, found ${text}`)
}
