/** Some kills, as `npm run kills` does many; and whether a loss would be noticed. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { skipBecause, useFleet } from '../support/daemons.ts'
import { PowerLoss, traced } from '../support/power-loss.ts'
import { Seeded } from '../support/seeded.ts'
import { endDuringMerges } from './merges.ts'
import { KillWorld } from './world.ts'
import type { Killed } from './world.ts'

function needsStrace(context: Mocha.Context): void {
  const probe = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (probe.status === 0) return
  skipBecause(context, `no strace here: ${probe.error?.message ?? probe.stderr.trim()}`)
}

describe('kills', function () {
  this.timeout(300_000)
  const fleet = useFleet()

  it('leave what was acknowledged', async () => {
    const world = await KillWorld.start(fleet(), { seed: 1, daemons: 3, losesPower: false })
    const killed: Killed[] = []
    while (killed.length < 3) killed.push(...(await world.run()))
    await world.agree()
    assert.ok(world.acknowledged > 0)
  })

  it('and clean stops leave it where tables are being merged, and are no damage', async () => {
    assert.ok((await endDuringMerges(fleet(), 4, 4)) > 0)
  })

  it('leave what was acknowledged where all that was not synced is lost', async function () {
    needsStrace(this)
    const world = await KillWorld.start(fleet(), { seed: 2, daemons: 1, losesPower: true })
    const killed: Killed[] = []
    while (killed.length < 3) killed.push(...(await world.run()))
    await world.agree()
    assert.ok(killed.some(({ writes, names }) => writes + names > 0))
  })

  it('are noticed where a daemon answers before it has synced', async function () {
    needsStrace(this)
    const options = { seed: 3, daemons: 1, losesPower: true, withoutSync: true }
    const world = await KillWorld.start(fleet(), options)
    const many = async (): Promise<void> => {
      for (let run = 0; run < 10; run++) await world.run()
    }
    // A store whose lists are gone may refuse to start, or is put together anew, for which LevelDB moves files away.
    const noticed = [
      'lost: ',
      'records are missing',
      'went back',
      'ended before it was ready',
      'a name moved to another directory',
    ]
    await assert.rejects(many(), new RegExp(noticed.join('|')))
    for (const daemon of fleet().daemons) daemon.unexpectedExits.length = 0
  })
})

describe('loss of power, as modelled', function () {
  this.timeout(60_000)
  const fleet = useFleet()

  /** Runs a script in the directory, and gives the model of what it did to it. */
  function modelOf(script: string): { directory: string; power: PowerLoss } {
    const directory = path.join(fleet().dir, 'd')
    const trace = path.join(fleet().dir, 'trace')
    mkdirSync(directory)
    writeFileSync(path.join(directory, 'old'), 'before')
    const power = new PowerLoss(directory)
    const head = `const fs = require('node:fs'); const at = (name) => ${JSON.stringify(`${directory}/`)} + name;`
    const [program, ...args] = [...traced(trace).filter((one) => one !== '-D'), process.execPath]
    const ran = spawnSync(program, [...args, '-e', head + script], { encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
    power.take(readFileSync(trace, 'latin1'))
    return { directory, power }
  }

  const SYNC = `const sync = (name) => { const fd = fs.openSync(at(name), 'r+'); fs.fsyncSync(fd); fs.closeSync(fd) };
    const syncNames = () => { const fd = fs.openSync(at('')); fs.fsyncSync(fd); fs.closeSync(fd) };`

  it('keeps a directory that is there when a process is killed as it is about to be told so', () => {
    const directory = path.join(fleet().dir, 'd')
    const inner = path.join(directory, 'inner')
    mkdirSync(inner, { recursive: true })
    writeFileSync(path.join(inner, 'file'), 'synced')
    const power = new PowerLoss(directory)
    power.take(`1 mkdir("${inner}", 0700 <unfinished ...>\n1 +++ killed by SIGKILL +++\n`)
    power.lose(new Seeded(1, 'loss'))
    assert.equal(readFileSync(path.join(inner, 'file'), 'utf8'), 'synced')
  })

  it('keeps what was synced under its name, and loses or tears the rest', function () {
    needsStrace(this)
    const { directory, power } = modelOf(`${SYNC}
      fs.writeFileSync(at('a'), Buffer.alloc(10_000, 1)); sync('a');
      fs.renameSync(at('old'), at('new')); syncNames();
      fs.appendFileSync(at('a'), Buffer.alloc(10_000, 2));
      fs.writeFileSync(at('b'), 'b"\\\\\\n\\0\\x01' + '7é'); sync('b');
      fs.mkdirSync(at('c')); fs.unlinkSync(at('new'))`)
    assert.deepEqual(power.differences(), [])
    const lengths = new Set<number>()
    const names = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      power.lose(new Seeded(seed, 'loss'))
      const found = ['a', 'b', 'c', 'new', 'old'].filter((name) =>
        existsSync(path.join(directory, name)),
      )
      names.add(found.join())
      const a = readFileSync(path.join(directory, 'a'))
      lengths.add(a.length)
      assert.deepEqual(a.subarray(0, 10_000), Buffer.alloc(10_000, 1))
      assert.ok(a.subarray(10_000).every((byte) => byte === 2 || byte === 0))
      if (found.includes('b')) {
        assert.equal(readFileSync(path.join(directory, 'b'), 'utf8'), 'b"\\\n\0\x017é')
      }
    }
    // Page by page; 20,000 bytes of which the middle is missing are among them.
    assert.deepEqual(
      [...lengths].sort((x, y) => x - y),
      [10_000, 12_288, 16_384, 20_000],
    )
    assert.deepEqual([...names].sort(), ['a,b,c', 'a,b,c,new', 'a,b,new', 'a,new'])
  })

  it('does not take for known what it does not know', function () {
    needsStrace(this)
    assert.throws(() => modelOf(`fs.linkSync(at('old'), at('other'))`), /does not know link/)
  })
})
