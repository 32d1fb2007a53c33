import { setTimeout as pause } from 'node:timers/promises'
import { Command } from 'commander'

import { formatDuration, parseDuration } from '../../config/units.ts'
import type { ControlClient } from '../../control/client.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { refusalText } from '../exit.ts'
import { printLine, styleFor } from '../output.ts'
import { frame } from '../top/frame.ts'
import type { Look } from '../top/frame.ts'
import { Screen } from '../top/screen.ts'

interface Options extends GlobalOptions {
  once?: boolean
  interval: string
}

const INTERVAL_MS_MIN = 100

/** Of a frame that goes to a pipe or a file, where nothing need be cut. */
const COLUMNS_ONCE = 200
const ROWS_ONCE = 1_000

export function topCommand(): Command {
  const command = new Command('top')
    .description('this daemon and its peers, live on the whole screen')
    .option('--once', 'print a single frame, for pipes and tests')
    .option('--interval <duration>', 'time between two looks', '1s')
    .action(async (_options: unknown, self: Command) => top(self.optsWithGlobals<Options>()))
    .addHelpText(
      'after',
      `
LACK is the number of changes that a peer has and this daemon lacks, by their last comparison, and FOR how long some have been
missing; the peers that need attention come first. Rates are those since the last look. q or Ctrl-C ends it, space looks at once.`,
    )
  return withExamples(command, [
    'hearsay top',
    'hearsay top --interval 250ms',
    'hearsay top --once | head',
  ])
}

async function top(options: Options): Promise<void> {
  const intervalMs = parseDuration(options.interval) ?? 0
  if (intervalMs < INTERVAL_MS_MIN) {
    throw new HearsayError(
      'BAD_ARGUMENT',
      `--interval: expected a duration from ${formatDuration(INTERVAL_MS_MIN)}, such as 2s, found ${options.interval}`,
    )
  }
  await withClient(options, async (client) => {
    if (options.once === true) return once(client, intervalMs)
    if (!process.stdout.isTTY) {
      throw new HearsayError(
        'BAD_ARGUMENT',
        'standard output is no terminal; --once prints a single frame',
      )
    }
    return live(client, intervalMs)
  })
}

async function look(client: ControlClient): Promise<Look> {
  return { status: await client.status(), at: Date.now() }
}

/** Two looks, so that there are rates. */
async function once(client: ControlClient, intervalMs: number): Promise<void> {
  const before = await look(client)
  await pause(intervalMs)
  const now = await look(client)
  const columns = process.stdout.isTTY ? process.stdout.columns : COLUMNS_ONCE
  const lines = frame(now, before, {
    columns,
    rows: ROWS_ONCE,
    style: styleFor(process.stdout),
    footer: '',
  })
  for (const line of lines.slice(0, -1)) await printLine(line)
}

async function live(client: ControlClient, intervalMs: number): Promise<void> {
  // Before the screen is taken: that there is no daemon is said as by any other command.
  let now = await look(client)
  let before: Look | undefined
  let trouble: string | undefined
  let awake = new AbortController()
  const quit = new AbortController()
  const draw = (): void => {
    const footer = trouble ?? `every ${formatDuration(intervalMs)}; q ends, space looks at once`
    const style = styleFor(process.stdout)
    screen.draw(frame(now, before, { ...screen.size, style, footer }))
  }
  const screen = new Screen({
    redraw: draw,
    quit: () => quit.abort(),
    key: (key) => {
      if (key === ' ') awake.abort()
    },
  })
  screen.show()
  try {
    for (;;) {
      draw()
      const signal = AbortSignal.any([quit.signal, awake.signal])
      await pause(intervalMs, undefined, { signal }).catch(() => undefined)
      if (quit.signal.aborted) return
      awake = new AbortController()
      try {
        const next = await look(client)
        before = now
        now = next
        trouble = undefined
      } catch (error) {
        if (!(error instanceof HearsayError)) throw error
        // The frame stays as it was; its time of day tells how old it is.
        trouble = `${refusalText(error)}; trying on`
      }
    }
  } finally {
    screen.hide()
  }
}
