/** The ready profiles: each loads, and says of each setting why it is not the default. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

import { defaultConfig } from '../../src/config/config.ts'
import type { Surroundings } from '../../src/config/config.ts'
import { resolveConfig } from '../../src/config/resolve.ts'

const user: Surroundings = {
  env: {},
  root: false,
  home: '/home/ann',
  hostname: 'edge-7',
  platform: 'linux',
}

/** Paths of the settings in which two trees differ. */
function differing(one: unknown, other: unknown, at: string[] = []): string[] {
  if (!isSection(one) || !isSection(other)) {
    return JSON.stringify(one) === JSON.stringify(other) ? [] : [at.join('.')]
  }
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])]
  return keys.flatMap((key) => differing(one[key], other[key], [...at, key]))
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Every setting that a file states, with the comment right above it. */
function stated(file: string): { knob: string; reason: string }[] {
  const lines = readFileSync(file, 'utf8').split('\n')
  const found: { knob: string; reason: string }[] = []
  let section = ''
  lines.forEach((line, i) => {
    const [, indent = '', key] = /^( *)([A-Za-z]+):/.exec(line) ?? []
    if (key === undefined) return
    if (indent === '') section = key
    // A section, and not a list.
    if (line.endsWith(':') && !/^ +- /.test(lines[i + 1] ?? '')) return
    let reason = ''
    for (let above = i - 1; /^ *# ?/.test(lines[above] ?? ''); above--) {
      reason = `${lines[above]!.replace(/^ *# ?/, '')} ${reason}`
    }
    found.push({ knob: indent === '' ? key : `${section}.${key}`, reason: reason.trim() })
  })
  return found
}

describe('profiles', () => {
  for (const name of ['one-machine', 'lan', 'wan']) {
    const file = `config/${name}.yaml`

    describe(file, () => {
      const config = resolveConfig({ file, at: user })
      const settings = stated(file)

      it('loads, and states exactly the settings that differ from the defaults', () => {
        assert.deepEqual(
          differing(config, defaultConfig(undefined, user)).sort(),
          settings.map(({ knob }) => knob).sort(),
        )
      })

      it('says of each setting, right above it, why', () => {
        for (const { knob, reason } of settings) {
          assert.ok(reason.split(' ').length >= 6, `${knob}: "${reason}"`)
        }
      })

      it('has nothing that the search for settings overlooks', () => {
        const leaves = (tree: unknown): number =>
          isSection(tree) ? Object.values(tree).reduce((n: number, one) => n + leaves(one), 0) : 1
        assert.equal(leaves(parse(readFileSync(file, 'utf8'))), settings.length)
      })

      it('gives a session the time that one window takes over the slowest link it speaks of', () => {
        const { windowBytes, sessionTimeout } = config.repair
        assert.ok(windowBytes / (sessionTimeout / 1000) <= 128 * 1024, 'more than a Mbit/s')
      })

      it('waits in the right order: for a gap less than for a difference, for that less than between two looks', () => {
        const { gapDelay, pullDelay, interval, sessionTimeout } = config.repair
        assert.ok(gapDelay < pullDelay && pullDelay < interval && interval < sessionTimeout)
      })
    })
  }
})
