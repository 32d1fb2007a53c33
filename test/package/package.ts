/**
 * `npm run package-check`: the package as users get it. Packs it, looks at what is inside, installs it globally into an empty
 * prefix and as a library into an empty project, and uses both: daemons that agree, commands, help, profiles, completion,
 * types. Needs the registry, and a minute or two; so it is for the night and for releases, not for `npm test`.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import { freePort, PROJECT_ROOT, until } from '../support/daemons.ts'

const work = mkdtempSync(path.join(tmpdir(), 'hearsay-package-'))
const prefix = path.join(work, 'prefix')
const running: ChildProcess[] = []

function step(what: string): void {
  process.stdout.write(`- ${what}\n`)
}

/** Registry, proxies and certificates of this machine; no settings of hearsay, and of npm only what was downloaded before. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HEARSAY|npm)_/i.test(name)),
  ),
  HOME: work,
  PATH: [path.join(prefix, 'bin'), path.dirname(process.execPath), '/usr/bin', '/bin'].join(':'),
  npm_config_cache: path.join(homedir(), '.npm'),
  npm_config_registry: process.env['npm_config_registry'] ?? 'https://registry.npmjs.org/',
  npm_config_update_notifier: 'false',
}

/** An installation from a registry that is slow; beyond it something hangs. */
const STEP_TIMEOUT_MS = 5 * 60_000

function run(cwd: string, program: string, ...args: string[]): string {
  // What npm complains about should be seen; that a daemon is not there yet should not.
  return execFileSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: STEP_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', program === 'npm' ? 'inherit' : 'pipe'],
  })
}

interface Packed {
  filename: string
  size: number
  unpackedSize: number
  files: { path: string }[]
}

function pack(): string {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', work]
  const [packed] = JSON.parse(run(PROJECT_ROOT, 'npm', ...args)) as Packed[]
  assert.ok(packed !== undefined)
  const files = packed.files.map((file) => file.path)
  step(
    `packed ${files.length} files, ${Math.round(packed.size / 1024)} KiB (${Math.round(packed.unpackedSize / 1024)} KiB unpacked)`,
  )
  for (const wanted of [
    'bin/hearsay',
    'bin/hearsayd',
    'dist/src/index.js',
    'dist/src/index.d.ts',
    'config/default.yaml',
    'config/lan.yaml',
    'config/hearsayd.service',
    'config/alerts.yaml',
    'README.md',
    'LICENSE',
  ]) {
    assert.ok(files.includes(wanted), `${wanted} is not in the package`)
  }
  const strays = files.filter((file) =>
    /^(src|test|dist\/test|node_modules)\/|tsbuildinfo/.test(file),
  )
  assert.deepEqual(strays, [], 'files that nobody needs')
  return path.join(work, packed.filename)
}

/** Starts a daemon that was installed; waits until it answers. */
async function daemon(name: string, ...args: string[]): Promise<void> {
  const data = path.join(work, name)
  const child = spawn('hearsayd', ['--data', data, '--name', name, ...args], {
    env,
    stdio: 'ignore',
  })
  running.push(child)
  await until(`${name} to answer`, () => {
    assert.equal(child.exitCode, null, `${name} ended`)
    try {
      return hearsay(name, 'id') !== ''
    } catch {
      return false
    }
  })
}

function hearsay(name: string, ...args: string[]): string {
  return run(work, 'hearsay', '--socket', path.join(work, name, 'hearsay.sock'), ...args)
}

async function globally(tarball: string): Promise<void> {
  mkdirSync(prefix)
  run(work, 'npm', 'install', '--global', '--prefix', prefix, '--no-audit', '--no-fund', tarball)
  step(`npm install -g into an empty prefix: hearsay ${run(work, 'hearsay', '--version').trim()}`)
  const settings = run(work, 'hearsay', 'help', 'config')
  for (const profile of settings.match(/\/\S+\.yaml/g)?.slice(0, 3) ?? []) {
    if (profile.startsWith(prefix)) assert.ok(existsSync(profile), `${profile} is not there`)
  }
  for (const shell of ['bash', 'zsh', 'fish']) {
    assert.match(run(work, 'hearsay', 'completion', shell), /network-key/)
  }
  step('help, profiles and completion are there')
  const address = `/ip4/127.0.0.1/tcp/${await freePort()}`
  const profile = path.join(prefix, 'lib/node_modules/hearsay/config/one-machine.yaml')
  await daemon('a', '--config', profile, '--listen', address)
  await daemon('b', '--config', profile, '--bootstrap', address)
  hearsay('a', 'put', 'greeting', 'hello')
  await until('b to have it', () => {
    try {
      return hearsay('b', 'get', 'greeting') === 'hello'
    } catch {
      return false
    }
  })
  assert.match(hearsay('b', 'doctor'), /All is well/)
  assert.match(hearsay('b', 'top', '--once'), /\na …\S+ +agrees/)
  step('two daemons from the package agree, and doctor has nothing to say')
  for (const child of running.splice(0)) {
    child.kill('SIGTERM')
    await until('a clean end', () => child.exitCode === 0)
  }
}

function asLibrary(tarball: string): void {
  const project = path.join(work, 'project')
  mkdirSync(project)
  writeFileSync(path.join(project, 'package.json'), '{"name":"x","private":true,"type":"module"}')
  run(
    project,
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    tarball,
    'typescript@7',
    '@types/node@22',
  )
  const source = `
import 'core-js/actual/promise/with-resolvers.js'
import { createDaemon, defaultConfig } from 'hearsay'
import type { Daemon } from 'hearsay'
import pino from 'pino'
const daemon: Daemon = await createDaemon(defaultConfig(process.argv[2]), { log: pino({ level: 'silent' }) })
await daemon.put(Buffer.from('greeting'), Buffer.from('hello'))
console.log(Buffer.from(daemon.get(Buffer.from('greeting'))?.siblings[0]?.value ?? []).toString())
await daemon.stop()
`
  writeFileSync(path.join(project, 'main.mts'), source)
  run(
    project,
    path.join(project, 'node_modules/.bin/tsc'),
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    '--skipLibCheck',
    'main.mts',
  )
  const said = run(project, process.execPath, 'main.mjs', path.join(work, 'library'))
  assert.equal(said, 'hello\n')
  step('as a library it compiles against its types, writes and reads')
}

try {
  const tarball = pack()
  await globally(tarball)
  asLibrary(tarball)
  step('all is well')
} finally {
  for (const child of running) child.kill('SIGKILL')
  rmSync(work, { recursive: true, force: true })
}
