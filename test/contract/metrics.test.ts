/** What is scraped, against the list that explains it and against the conventions of Prometheus. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { COUNTERS, describedSources, GAUGES, PEER_GAUGES } from '../../src/daemon/metric-list.ts'
import { Metrics } from '../../src/daemon/metrics.ts'
import { zeroCounters } from '../../src/net/transport.ts'
import { peer, status } from '../support/status-fixture.ts'
import { PROJECT_ROOT, skipBecause } from '../support/daemons.ts'

const LISTED = [...GAUGES, ...PEER_GAUGES, ...COUNTERS]

/** Names of families of ours in an exposition, with their types. */
function families(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^# TYPE (hearsay_\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
  )
}

/** Names that the sources of the core and of the shell count under. */
function countedNames(): string[] {
  const dir = path.join(PROJECT_ROOT, 'src')
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' })
  const text = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(path.join(dir, file), 'utf8'))
    .join('\n')
  return [...text.matchAll(/count\(\s*'([A-Za-z.]+)'/g)].map(([, name]) => name!)
}

describe('metrics', () => {
  it('has exactly what the list says, and the version', async () => {
    const text = await new Metrics().render(status)
    assert.deepEqual(
      [...families(text).keys()].sort(),
      ['hearsay_build_info', ...LISTED.map(({ name }) => name)].sort(),
    )
    assert.match(text, /^hearsay_build_info\{version="1\.2\.3"\} 1$/m)
  })

  it('lists every counter of the transport and of the core', () => {
    const described = describedSources()
    const transport = Object.keys(zeroCounters()).filter(
      (name) => !described.has(`transport.${name}`),
    )
    assert.deepEqual(transport, [], 'without an entry in src/daemon/metric-list.ts')
    const counted = countedNames()
    assert.ok(counted.includes('commits'), 'the search finds what is counted')
    const core = counted.filter((name) => !described.has(`counters.${name}`))
    assert.deepEqual(core, [], 'without an entry in src/daemon/metric-list.ts')
  })

  it('follows the conventions: a sentence of help, base units, _total for counters alone', () => {
    for (const { name, help } of LISTED) {
      assert.match(help, /^[A-Z0-9].*\.$/, name)
      assert.match(name, /^hearsay_[a-z0-9]+(_[a-z0-9]+)*$/)
      assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kib|mib|percent|count)(_|$)/)
    }
    for (const { name } of COUNTERS) assert.match(name, /_total$/)
    for (const { name } of [...GAUGES, ...PEER_GAUGES]) assert.doesNotMatch(name, /_total$/)
    assert.equal(new Set(LISTED.map(({ name }) => name)).size, LISTED.length)
  })

  it('tells the numbers of a status, and of its peers', async () => {
    const metrics = new Metrics()
    const behind = { ...peer, dotsBehind: 7, behindMs: 1_500, stuckMs: 500 }
    const text = await metrics.render({
      ...status,
      peers: [behind],
      counters: { 'sessions.failed': 3, writes: 41 },
      transport: { ...zeroCounters(), bytesSent: 1234 },
    })
    assert.match(text, /^hearsay_keys 2503$/m)
    assert.match(text, /^hearsay_behind_seconds 1\.5$/m)
    assert.match(text, new RegExp(`^hearsay_peer_dots_behind\\{peer="${peer.peer}"\\} 7$`, 'm'))
    assert.match(text, /^hearsay_repair_sessions_total\{outcome="failed"\} 3$/m)
    assert.match(text, /^hearsay_writes_total 41$/m)
    assert.match(text, /^hearsay_link_sent_bytes_total 1234$/m)
    assert.equal(families(text).get('hearsay_writes_total'), 'counter')
    assert.equal(families(text).get('hearsay_keys'), 'gauge')
  })

  it('tells the present when scraped again: peers that left are gone, counters are not added up', async () => {
    const metrics = new Metrics()
    await metrics.render({ ...status, counters: { writes: 2 } })
    const text = await metrics.render({ ...status, peers: [], counters: { writes: 3 } })
    assert.doesNotMatch(text, /peer=/)
    assert.match(text, /^hearsay_writes_total 3$/m)
  })

  it('also tells a count that the list does not know', async () => {
    const text = await new Metrics().render({ ...status, counters: { 'new.thingsDone': 5 } })
    assert.match(text, /^hearsay_new_things_done_total 5$/m)
  })

  it('passes the linter of Prometheus', async function () {
    if (spawnSync('promtool', ['--version']).status !== 0) skipBecause(this, 'needs promtool')
    const input = await new Metrics().render(status)
    const ran = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
    const ours = `${ran.stdout}${ran.stderr}`
      .split('\n')
      .filter((line) => line.includes('hearsay_'))
    assert.deepEqual(ours, [])
  })
})

interface Alert {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string }
}

describe('config/alerts.yaml', () => {
  const file = path.join(PROJECT_ROOT, 'config/alerts.yaml')
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Alert[] }[] }
  const alerts = groups.flatMap(({ rules }) => rules)

  it('speaks of metrics that there are', async () => {
    const text = await new Metrics().render(status)
    const known = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name!))
    assert.ok(alerts.length > 10)
    for (const { alert, expr } of alerts) {
      const named = [...expr.matchAll(/\b(?:hearsay|nodejs|process)_[a-z_]+/g)].map(
        ([name]) => name,
      )
      assert.ok(named.length > 0, alert)
      for (const name of named) assert.ok(known.has(name), `${alert} speaks of ${name}`)
    }
  })

  it('gives every alert a severity and a summary', () => {
    for (const { alert, labels, annotations } of alerts) {
      assert.match(alert, /^Hearsay[A-Za-z]+$/)
      assert.match(labels.severity, /^(page|ticket)$/, alert)
      assert.ok(annotations.summary.length > 10, alert)
    }
    assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length)
  })

  it('is accepted by Prometheus', function () {
    if (spawnSync('promtool', ['--version']).status !== 0) skipBecause(this, 'needs promtool')
    const ran = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stdout + ran.stderr)
  })
})
