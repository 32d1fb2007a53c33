/**
 * What the loss of power would leave of a directory: nothing is certain but what was synced.
 *
 * A model of the directory is kept by the system calls that changed it, as strace saw them. Of a file, what was written
 * before its last fdatasync or fsync that ended is certain; of what came later each page may have reached the disk or not,
 * the later without the earlier. Names come and go in the order of their directory; those up to the last fsync of the
 * directory are certain, and of the later ones any number of the first. (File systems promise more: on ext4 and XFS a file
 * that is synced is found under its name.) A sync that strace made up by injection was none.
 *
 * Before anything is lost, the model must show exactly what is on the disk: a call that it does not know would else be
 * taken for one that was synced.
 */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { Seeded } from './seeded.ts'
import { resultOf, straceBytes, straceCalls } from './strace.ts'
import type { Call } from './strace.ts'

const PAGE_BYTES = 4096
const PRINTED_BYTES_MAX = 17 * 1024 * 1024
/** Calls that change what the model has, and some that it does not know and must not miss. */
const TRACED =
  'open,openat,creat,write,pwrite64,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,' +
  'pwritev,pwritev2,truncate,fallocate,link,linkat,symlink,symlinkat,copy_file_range'

/** Put before a program whose writes may be lost; `file` gets the trace. */
export function traced(file: string, careless = false): string[] {
  const inject = careless ? ['-e', 'inject=fdatasync:retval=0'] : []
  const print = ['-y', '-s', String(PRINTED_BYTES_MAX), '-e', `trace=${TRACED}`, '-o', file]
  return ['strace', '-D', '-f', '--seccomp-bpf', ...print, ...inject]
}

/** Changes in the order in which they were made; the first `synced` of them are certain. */
interface Changes<Change> {
  list: { change: Change; end: number }[]
  synced: number
}

interface FileNode {
  kind: 'file'
  before: Buffer
  changes: Changes<{ at: number; bytes: Buffer } | { length: number }>
}

type Names = Map<string, Node>

interface DirectoryNode {
  kind: 'directory'
  before: Names
  now: Names
  changes: Changes<(names: Names) => void>
}

type Node = FileNode | DirectoryNode

interface OpenFile {
  node: FileNode
  append: boolean
  position: number
}

export interface Loss {
  /** Changes of contents, and of names, that were not synced. */
  writes: number
  names: number
}

export class PowerLoss {
  readonly #path: string
  readonly #root: DirectoryNode
  readonly #open = new Map<string, OpenFile>()
  /** Calls in which the process was killed may have been done or not: then the model does not say what is on disk. */
  #unsure = false

  /** All that is there now is taken to be synced. */
  constructor(directory: string) {
    this.#path = directory
    this.#root = existsSync(directory) ? readDirectory(directory) : emptyDirectory()
  }

  /** Takes the trace of a process that has ended. */
  take(trace: string): void {
    for (const call of straceCalls(trace)) this.#take(call)
  }

  /** What differs between model and disk. */
  differences(): string[] {
    if (this.#unsure) return []
    if (!existsSync(this.#path)) return [...this.#root.now.keys()]
    return compare(this.#root, this.#path)
  }

  /** Puts in the place of the directory what the loss of power may have left of it. */
  lose(random: Seeded): Loss {
    const loss: Loss = { writes: 0, names: 0 }
    rmSync(this.#path, { recursive: true, force: true })
    leave(this.#root, this.#path, random, loss)
    return loss
  }

  #take(call: Call): void {
    if (!call.text.includes(this.#path)) return
    const result = resultOf(call)
    if (result !== undefined && result < 0) return
    if (result === undefined && !call.name.endsWith('sync')) this.#unsure = true
    switch (call.name) {
      case 'open':
      case 'openat':
        return this.#openFile(call, String(result))
      case 'write':
      case 'pwrite64':
        return this.#write(call)
      case 'ftruncate':
        return this.#truncate(call)
      case 'fsync':
      case 'fdatasync':
        return this.#sync(call)
      case 'rename':
      case 'renameat':
      case 'renameat2':
        return this.#move(call)
      case 'unlink':
      case 'unlinkat':
      case 'rmdir':
        return this.#remove(call)
      case 'mkdir':
      case 'mkdirat':
        return this.#makeDirectory(call)
      default:
        assert.fail(`the model of a disk does not know ${call.name}(${call.text.slice(0, 200)}`)
    }
  }

  #openFile(call: Call, fd: string): void {
    const [, file, flags = ''] = /"((?:[^"\\]|\\.)*)", ([A-Z_|0-9]+)/.exec(call.text) ?? []
    const at = this.#within(file)
    if (at === undefined || !/O_(?:WRONLY|RDWR)/.test(flags)) return
    const [directory, name] = this.#place(at)
    let node = directory.now.get(name)
    if (node === undefined) {
      const made: FileNode = { kind: 'file', before: Buffer.alloc(0), changes: noChanges() }
      this.#rename(directory, call, (names) => names.set(name, made))
      node = made
    }
    assert.equal(node.kind, 'file', call.text)
    if (flags.includes('O_TRUNC')) {
      node.changes.list.push({ change: { length: 0 }, end: call.end })
    }
    this.#open.set(fd, { node, append: flags.includes('O_APPEND'), position: 0 })
  }

  #write(call: Call): void {
    const [, fd = '', file] = /^(\d+)<([^>]*)>/.exec(call.text) ?? []
    if (this.#within(file) === undefined) return
    // Nothing behind the bytes has a quote; they may be too many for a pattern.
    const [start, end] = [call.text.indexOf('"') + 1, call.text.lastIndexOf('"')]
    const [, cut, offset] = /^"(\.\.\.)?, \d+(?:, (\d+))?/.exec(call.text.slice(end)) ?? []
    assert.equal(cut, undefined, 'strace printed a part only')
    const open = this.#open.get(fd)
    assert.ok(open !== undefined, call.text.slice(0, 200))
    const written = straceBytes(call.text.slice(start, end)).subarray(0, resultOf(call))
    const position = open.append ? lengthOf(open.node) : open.position
    const at = offset === undefined ? position : Number(offset)
    open.node.changes.list.push({ change: { at, bytes: written }, end: call.end })
    if (offset === undefined) open.position = at + written.length
  }

  #truncate(call: Call): void {
    const [, fd = '', length] = /^(\d+)<[^>]*>, (\d+)/.exec(call.text) ?? []
    const change = { length: Number(length) }
    this.#open.get(fd)?.node.changes.list.push({ change, end: call.end })
  }

  #sync(call: Call): void {
    if (resultOf(call) === undefined || call.text.includes('(INJECTED)')) return
    const [, fd = '', file] = /^(\d+)<([^>]*)>/.exec(call.text) ?? []
    const at = this.#within(file)
    if (at === undefined) return
    const node = at === '' ? this.#root : this.#find(at)
    const synced = node?.kind === 'directory' ? node : this.#open.get(fd)?.node
    assert.ok(synced !== undefined, call.text)
    const { changes } = synced
    // A change that was under way when the sync began is not covered.
    const later = changes.list.findIndex(({ end }) => end > call.begin)
    changes.synced = Math.max(changes.synced, later < 0 ? changes.list.length : later)
  }

  #move(call: Call): void {
    const [from, to] = this.#paths(call)
    const [directory, name] = this.#place(from!)
    const [target, newName] = this.#place(to!)
    assert.equal(directory, target, `a name moved to another directory: ${call.text}`)
    const node = directory.now.get(name)
    assert.ok(node !== undefined, call.text)
    this.#rename(directory, call, (names) => {
      names.delete(name)
      names.set(newName, node)
    })
  }

  #remove(call: Call): void {
    const [directory, name] = this.#place(this.#paths(call)[0]!)
    this.#rename(directory, call, (names) => names.delete(name))
  }

  #makeDirectory(call: Call): void {
    const [at] = this.#paths(call)
    if (at === undefined || at === '') return
    const [directory, name] = this.#place(at)
    // Killed before it was told that there is one.
    if (directory.now.has(name)) return
    const made = emptyDirectory()
    this.#rename(directory, call, (names) => names.set(name, made))
  }

  #rename(directory: DirectoryNode, call: Call, change: (names: Names) => void): void {
    change(directory.now)
    directory.changes.list.push({ change, end: call.end })
  }

  /** Path below the directory, '' for itself; undefined elsewhere. */
  #within(file: string | undefined): string | undefined {
    if (file === this.#path) return ''
    return file?.startsWith(`${this.#path}/`) === true
      ? file.slice(this.#path.length + 1)
      : undefined
  }

  #paths(call: Call): string[] {
    const found = [...call.text.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    return found.map(([, file]) => this.#within(file)).filter((at) => at !== undefined)
  }

  #find(at: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const name of at.split('/'))
      node = node?.kind === 'directory' ? node.now.get(name) : undefined
    return node
  }

  #place(at: string): [directory: DirectoryNode, name: string] {
    const parent = path.dirname(at)
    const directory = parent === '.' ? this.#root : this.#find(parent)
    assert.ok(directory?.kind === 'directory', at)
    return [directory, path.basename(at)]
  }
}

function noChanges<Change>(): Changes<Change> {
  return { list: [], synced: 0 }
}

function emptyDirectory(): DirectoryNode {
  return { kind: 'directory', before: new Map(), now: new Map(), changes: noChanges() }
}

function readDirectory(at: string): DirectoryNode {
  const names: Names = new Map()
  for (const name of readdirSync(at)) {
    const file = path.join(at, name)
    if (statSync(file).isDirectory()) names.set(name, readDirectory(file))
    else names.set(name, { kind: 'file', before: readFileSync(file), changes: noChanges() })
  }
  return { kind: 'directory', before: names, now: new Map(names), changes: noChanges() }
}

function lengthOf({ before, changes }: FileNode): number {
  return changes.list.reduce(
    (length, { change }) =>
      'length' in change ? change.length : Math.max(length, change.at + change.bytes.length),
    before.length,
  )
}

/** The contents after those of the changes of which `keep` says so, each byte of them. */
function contentsAfter(file: FileNode, keep: (index: number, page: number) => boolean): Buffer {
  const longest = Math.max(
    file.before.length,
    ...file.changes.list.map(({ change }) =>
      'length' in change ? change.length : change.at + change.bytes.length,
    ),
  )
  const bytes = Buffer.alloc(longest)
  file.before.copy(bytes)
  let length = file.before.length
  for (const [index, { change }] of file.changes.list.entries()) {
    if ('length' in change) {
      if (!keep(index, 0)) continue
      length = change.length
      bytes.fill(0, length)
      continue
    }
    let from = change.at
    const end = change.at + change.bytes.length
    while (from < end) {
      const to = Math.min(end, (Math.floor(from / PAGE_BYTES) + 1) * PAGE_BYTES)
      if (keep(index, Math.floor(from / PAGE_BYTES))) {
        change.bytes.copy(bytes, from, from - change.at, to - change.at)
        length = Math.max(length, to)
      }
      from = to
    }
  }
  return bytes.subarray(0, length)
}

function compare(node: Node, at: string): string[] {
  if (node.kind === 'file') {
    return contentsAfter(node, () => true).equals(readFileSync(at)) ? [] : [`${at} differs`]
  }
  const [expected, found] = [[...node.now.keys()].sort(), readdirSync(at).sort()]
  if (expected.join() !== found.join()) return [`${at} has ${found.join()}, not ${expected.join()}`]
  return expected.flatMap((name) => compare(node.now.get(name)!, path.join(at, name)))
}

/** How much of what was not synced is still lost: all of it, none, or some. */
const LOSSES = ['all', 'some', 'some', 'none'] as const

function leave(node: Node, at: string, random: Seeded, loss: Loss): void {
  const kind = random.pick(LOSSES)
  const { list, synced } = node.changes
  const rest = list.length - synced
  if (node.kind === 'directory') {
    const kept = synced + (kind === 'all' ? 0 : kind === 'none' ? rest : random.int(0, rest))
    loss.names += list.length - kept
    const names = new Map(node.before)
    for (const { change } of node.changes.list.slice(0, kept)) change(names)
    mkdirSync(at, { mode: 0o700 })
    for (const [name, inner] of names) leave(inner, path.join(at, name), random, loss)
    return
  }
  const share = kind === 'all' ? 0 : kind === 'none' ? 1 : random.float()
  const bytes = contentsAfter(node, (index) => {
    if (index < synced || random.chance(share)) return true
    loss.writes++
    return false
  })
  writeFileSync(at, bytes, { mode: 0o600 })
}
