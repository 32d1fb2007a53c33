/**
 * Builds of a version ahead: today's build, changed in the places that a later version will change.
 *
 * They speak version 2 of the link protocol, and 1 unless told otherwise. Every message has a field that today's build
 * does not know, and so have gossip, items and what peers tell each other of their neighbours. Before and after the
 * greeting they send a message of an unknown type. What is put under `next/` is an item of an unknown kind, and under
 * `next/cell/` in a field of its key; they show it as any other.
 *
 * A place that is not there any more fails the test: then the change has to be made where that code is now.
 */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { PROJECT_ROOT } from './daemons.ts'

/** Of an unknown number, 1000, with three bytes: its tag, its length, its contents. */
const UNKNOWN_FIELD = '0xc2, 0x3e, 3, 1, 2, 3'
/** Of an unknown type, 99. */
const UNKNOWN_MESSAGE = 'Uint8Array.of(99, 8, 1)'
const send = (peer: string, lane: 'control' | 'bulk'): string =>
  `this.#host.emit({ type: 'send', peer: ${peer}, lane: '${lane}', bytes: ${UNKNOWN_MESSAGE} });`

interface Patch {
  file: string
  find: string
  put: string
}

const PATCHES: Patch[] = [
  { file: 'core/links.js', find: 'const VERSION_MAX = 1;', put: 'const VERSION_MAX = 2;' },
  {
    file: 'core/links.js',
    find: 'this.peers.set(id, peer);',
    put: `this.peers.set(id, peer); ${send('id', 'control')}`,
  },
  {
    file: 'core/links.js',
    find: 'this.#host.completeness.peerSeen();',
    put: `this.#host.completeness.peerSeen(); ${send('peer.id', 'control')} ${send('peer.id', 'bulk')}`,
  },
  {
    file: 'core/wire/link.js',
    find: 'codec.encode(body, w, { lengthDelimited: false });',
    put: 'codec.encode(body, w, { lengthDelimited: false }); w.uint32((1000 << 3) | 2).bytes(Uint8Array.of(1, 2, 3));',
  },
  {
    file: 'core/wire/gossip.js',
    find: 'Gossip.encode({ actors: table.actors, deltas: batch })',
    put: `Uint8Array.from([...Gossip.encode({ actors: table.actors, deltas: batch }), ${UNKNOWN_FIELD}])`,
  },
  {
    file: 'core/item.js',
    find: 'const envelope = Envelope.encode(fields);',
    put: `if (item.key.startsWith('next/')) { fields.kind = 7; }
    if (item.key.startsWith('next/cell/')) { fields.field = Uint8Array.of(1); }
    const envelope = Uint8Array.from([...Envelope.encode(fields), ${UNKNOWN_FIELD}]);`,
  },
  {
    file: 'daemon/views.js',
    find: "item.kind === KIND_REGISTER && item.field === ''",
    put: "(item.kind === KIND_REGISTER && item.field === '') || item.kind === 7",
  },
  {
    file: 'net/peer-exchange.js',
    find: 'links: neighbours.length,',
    put: 'links: neighbours.length, later: { known: false },',
  },
]

/** The version of the protocol that is spoken today is spoken no more. */
const NOT_TODAYS: Patch = {
  file: 'core/links.js',
  find: 'const VERSION_MIN = 1;',
  put: 'const VERSION_MIN = 2;',
}

/** Makes such a build in a directory, which is made; the path of its hearsayd, from separate files. */
export function buildNextVersion(directory: string, options: { onlyNext?: boolean } = {}): string {
  mkdirSync(directory)
  cpSync(path.join(PROJECT_ROOT, 'dist/src'), path.join(directory, 'dist/src'), {
    recursive: true,
  })
  symlinkSync(path.join(PROJECT_ROOT, 'node_modules'), path.join(directory, 'node_modules'))
  const about = readFileSync(path.join(PROJECT_ROOT, 'package.json'), 'utf8')
  const named = { ...(JSON.parse(about) as object), version: '99.0.0' }
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify(named))
  for (const { file, find, put } of options.onlyNext === true
    ? [...PATCHES, NOT_TODAYS]
    : PATCHES) {
    const at = path.join(directory, 'dist/src', file)
    const parts = readFileSync(at, 'utf8').split(find)
    assert.equal(parts.length, 2, `${file} has "${find}" ${parts.length - 1} times`)
    writeFileSync(at, parts.join(put))
  }
  return path.join(directory, 'dist/src/cli/hearsayd.js')
}
