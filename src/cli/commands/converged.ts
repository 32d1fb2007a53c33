import { Command } from 'commander'

import { parseDuration } from '../../config/units.ts'
import {
  CONVERGED_FLEET_TIMEOUT_MS,
  CONVERGED_TIMEOUT_MS,
  WAIT_MS_MAX,
} from '../../control/limits.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { convergedFleetLines, convergedLines } from '../converged-text.ts'
import { printJson, printLine } from '../output.ts'

/** Between two questions while waiting for a yes: a no comes at once where something lags. */
const ASK_AGAIN_MS = 500

interface Options extends GlobalOptions {
  fleet?: true
  wait?: string
}

export function convergedCommand(): Command {
  const command = new Command('converged')
    .description(
      'whether all that was written before now is on every linked daemon; exit code 1 if not',
    )
    .option('--wait <seconds>', 'ask again until the answer is yes, for so long (or 90s, 5m)')
    .option('--fleet', 'of every daemon that can be reached, by way of those between')
    .action(async (_options: unknown, self: Command) => converged(self.optsWithGlobals<Options>()))
    .addHelpText(
      'after',
      `
A yes names a moment, the one at which it was asked: what was acknowledged before it at this daemon or at any linked peer is
held or superseded at every one of them, and what was deleted is gone from all. So it can be yes while writes go on. It is
proved, not guessed: this daemon gathers all that its peers have, then each of them shows that it has all of that.

It speaks of this daemon and the peers it is linked with; with --fleet of every daemon that can be reached over links from one
to the next. Those that are known and were not asked are named, and not spoken for.
A no says who lags, by how many mutations, and for how long one of them is known to be missing.`,
    )
  return withExamples(command, [
    'hearsay converged',
    'hearsay converged --wait 30 && echo "everybody has it"',
    'hearsay converged --fleet',
    'hearsay converged --json | jq .asOf',
  ])
}

async function converged(options: Options): Promise<void> {
  const waitMs = options.wait === undefined ? 0 : parseWait(options.wait)
  const isYes = await (options.fleet === true ? ofFleet(options, waitMs) : ofPeers(options, waitMs))
  if (isYes) return
  const waited = waitMs === 0 ? 'not converged' : `not converged within ${options.wait ?? ''}`
  throw new HearsayError('NOT_CONVERGED', waited)
}

async function ofPeers(options: Options, waitMs: number): Promise<boolean> {
  const answer = await withClient(options, (client) =>
    askUntil(waitMs, CONVERGED_TIMEOUT_MS, (timeoutMs) => client.converged({ timeoutMs })),
  )
  return show(options, answer, convergedLines(answer))
}

async function ofFleet(options: Options, waitMs: number): Promise<boolean> {
  const answer = await withClient(options, (client) =>
    askUntil(waitMs, CONVERGED_FLEET_TIMEOUT_MS, (timeoutMs) =>
      client.convergedFleet({ timeoutMs }),
    ),
  )
  return show(options, answer, convergedFleetLines(answer))
}

async function show(
  options: Options,
  answer: { converged: boolean },
  lines: readonly string[],
): Promise<boolean> {
  if (options.json === true) await printJson(answer)
  else for (const line of lines) await printLine(line)
  return answer.converged
}

/** Asks again until the answer is yes or the time is over; each question has twice the time of the one before. */
async function askUntil<T extends { converged: boolean }>(
  waitMs: number,
  leastMs: number,
  ask: (timeoutMs: number) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + waitMs
  for (let timeoutMs = leastMs; ; timeoutMs = Math.min(2 * timeoutMs, WAIT_MS_MAX)) {
    const answer = await ask(timeoutMs)
    if (answer.converged || performance.now() + ASK_AGAIN_MS > deadline) return answer
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
  }
}

function parseWait(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : parseDuration(text)
  if (ms !== undefined && Number.isSafeInteger(ms)) return ms
  throw new HearsayError(
    'BAD_ARGUMENT',
    `--wait: expected seconds, or a duration such as 90s or 5m, found ${text}`,
  )
}
