import { Command } from 'commander'

import type { ControlClient } from '../../control/client.ts'
import type { Status } from '../../daemon-api.ts'
import { formatBytes } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import type { Finding, Surroundings } from '../doctor.ts'
import { EXIT } from '../exit.ts'
import { printJson, printLine, styleFor } from '../output.ts'
import { count } from '../words.ts'

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('check everything, and say what to do; exit code 1 when something needs you')
    .action(async (_options: unknown, self: Command) =>
      doctor(self.optsWithGlobals<GlobalOptions>()),
    )
    .addHelpText(
      'after',
      `
Each line is one check: "ok", "note" (worth knowing, nothing to be done), or "!!" with what is wrong and what to do. It looks
at the store and its disk, completeness, peers and their answers, lag and repairs that are stuck, digests that differ for long,
clocks, lost changes, gossip, stalls, memory, whether bootstrap addresses can be reached, siblings, copies, and what was dropped.
--json prints {"well", "findings": [{"check", "level", "text"}]}.`,
    )
  return withExamples(command, [
    'hearsay doctor',
    'hearsay doctor > /dev/null || echo "look at this machine"',
    'hearsay doctor --json | jq -r \'.findings[] | select(.level == "problem") | .text\'',
  ])
}

async function doctor(options: GlobalOptions): Promise<void> {
  const findings = await withClient(options, examine)
  const problems = findings.filter(({ level }) => level === 'problem')
  if (options.json === true) await printJson({ well: problems.length === 0, findings })
  else await show(findings, problems.length)
  // Not an error with a message of its own: what is wrong has been said.
  if (problems.length > 0) process.exitCode = EXIT.failed
}

async function examine(client: ControlClient): Promise<Finding[]> {
  const status = await client.status()
  // Loaded only here: what parses addresses takes longer to load than the other commands take.
  const { diagnose, reachAll } = await import('../doctor.ts')
  const [reach, crowded] = await Promise.all([reachAll(status), crowdedKeys(client, status)])
  return diagnose(status, { reach, crowded }, Date.now())
}

/** Of the bound, the share from which a key is near it. */
const NEAR_BOUND = 0.9

async function crowdedKeys(
  client: ControlClient,
  status: Status,
): Promise<Surroundings['crowded']> {
  const near = Math.max(2, Math.floor(status.siblingsMax * NEAR_BOUND))
  // So few siblings in all that no key can have as many: no need to list the map.
  if (status.digest.items - status.keys < near - 1) return []
  const crowded: Surroundings['crowded'] = []
  for await (const { key, siblingCount } of await client.list({})) {
    if (siblingCount >= near)
      crowded.push({ key: formatBytes(key, 'text'), siblings: siblingCount })
  }
  return crowded.sort((a, b) => b.siblings - a.siblings)
}

const MARKS = {
  ok: ['green', 'ok  '],
  note: ['cyan', 'note'],
  problem: ['yellow', '!!  '],
} as const

async function show(findings: readonly Finding[], problems: number): Promise<void> {
  const style = styleFor(process.stdout)
  const width = Math.max(...findings.map(({ check }) => check.length))
  for (const { check, level, text } of findings) {
    const [colour, mark] = MARKS[level]
    await printLine(`${style(colour, mark)}  ${check.padEnd(width)}  ${text}`)
  }
  await printLine('')
  await printLine(
    problems === 0
      ? style('green', 'All is well.')
      : style(
          ['bold', 'yellow'],
          `${count(problems, 'check')} of ${findings.length} ${problems === 1 ? 'needs' : 'need'} you.`,
        ),
  )
}
