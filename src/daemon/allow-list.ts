/**
 * The allow list: which peers, of all that hold a secret of the fleet, this daemon has to do with.
 *
 * Without a list everyone who holds a secret is admitted. With one, those alone that it names: others are turned away
 * at the end of the handshake, links with them end at once, and gossip that they wrote is neither taken nor passed on, whoever
 * brings it. What a member wrote while the fleet took it stays, and repair carries it as ever: dots that one daemon took and
 * another refused could never agree again. So a removal is to be made on every daemon.
 *
 * The list is what the configuration names (`allow`), and what was added, less what was removed, while the daemon ran. Those
 * changes are in a file of the data directory, written and synced before they count, so that who was removed stays
 * removed. A file that does not read keeps the daemon from starting: going on without it would let in who was
 * thrown out. It has a checksum, since with one bit flipped a peer id is mostly another peer id.
 *
 * Every daemon has a list of its own.
 */
import { readFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import * as z from 'zod'

import type { AllowChange, AllowView } from '../membership-api.ts'
import { HearsayError } from '../errors.ts'
import { isPeerId } from '../net/addresses.ts'
import type { PeerId } from '../net/transport.ts'
import { codeOf, writeFileAtomic } from '../store/durable-files.ts'

/** Beyond any fleet; about 250 KiB on disk. */
const PEERS_MAX = 4096
const FILE_MODE = 0o600
const VERSION = 1

const peers = z.array(z.string().refine(isPeerId, 'not a peer id')).max(PEERS_MAX)
const AllowFile = z.strictObject({
  version: z.literal(VERSION),
  /** Whether a list holds although the configuration has none. */
  inForce: z.boolean(),
  added: peers,
  removed: peers,
  /** CRC-32 of the rest, hexadecimal digits. */
  checksum: z.string(),
})

type AllowFileContent = Omit<z.infer<typeof AllowFile>, 'checksum'>

interface Changes {
  inForce: boolean
  added: ReadonlySet<PeerId>
  removed: ReadonlySet<PeerId>
}

export class AllowList {
  readonly #file: string
  readonly #configured: ReadonlySet<PeerId> | undefined
  #changes: Changes
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(file: string, configured: readonly PeerId[] | undefined, changes: Changes) {
    this.#file = file
    this.#configured = configured === undefined ? undefined : new Set(configured)
    this.#changes = changes
  }

  /** `configured` is absent where the configuration has no list. Throws BAD_ALLOW_LIST. */
  static async open(file: string, configured: readonly PeerId[] | undefined): Promise<AllowList> {
    return new AllowList(file, configured, await readChanges(file))
  }

  get inForce(): boolean {
    return this.#configured !== undefined || this.#changes.inForce
  }

  allows(peer: PeerId): boolean {
    return !this.inForce || this.#names(peer)
  }

  #names(peer: PeerId): boolean {
    const { added, removed } = this.#changes
    if (removed.has(peer)) return false
    return added.has(peer) || this.#configured?.has(peer) === true
  }

  view(): AllowView {
    const { added, removed } = this.#changes
    const configured = [...(this.#configured ?? [])]
    const named = [...new Set([...configured, ...added])].filter((peer) => this.#names(peer))
    return {
      inForce: this.inForce,
      peers: named.map((peer) => ({
        peer,
        from: this.#configured?.has(peer) === true ? 'configuration' : 'command',
      })),
      removed: configured.filter((peer) => removed.has(peer)),
    }
  }

  /** One after another; each is on disk when it resolves. Throws BAD_ARGUMENT, ALLOW_LIST_NOT_IN_FORCE. */
  change(change: AllowChange, linked: () => readonly PeerId[]): Promise<void> {
    const done = this.#writing.then(() => this.#change(change, linked()))
    this.#writing = done.catch(() => undefined)
    return done
  }

  async #change(change: AllowChange, linked: readonly PeerId[]): Promise<void> {
    const changes = 'off' in change ? this.#off() : this.#with(change, linked)
    if (changes.added.size + changes.removed.size > PEERS_MAX) {
      throw new HearsayError('BAD_ARGUMENT', `an allow list names at most ${PEERS_MAX} peers`)
    }
    const content: AllowFileContent = {
      version: VERSION,
      inForce: changes.inForce,
      added: [...changes.added],
      removed: [...changes.removed],
    }
    const text = { ...content, checksum: checksumOf(content) }
    try {
      await writeFileAtomic(this.#file, `${JSON.stringify(text, undefined, 2)}\n`, FILE_MODE)
    } catch (cause) {
      const message = `the allow list was not changed, since ${this.#file} cannot be written: ${(cause as Error).message}`
      throw new HearsayError('STORE_FAILED', message, { cause })
    }
    this.#changes = changes
  }

  #with(change: Exclude<AllowChange, { off: true }>, linked: readonly PeerId[]): Changes {
    const add = [...(change.add ?? []), ...(change.addLinked === true ? linked : [])]
    const remove = change.remove ?? []
    for (const peer of [...add, ...remove]) {
      if (isPeerId(peer)) continue
      const message = `${JSON.stringify(peer)} is no peer id; "hearsay id" on that machine prints it`
      throw new HearsayError('BAD_ARGUMENT', message)
    }
    const added = new Set([...this.#changes.added, ...add])
    const removed = new Set(this.#changes.removed)
    for (const peer of add) removed.delete(peer)
    for (const peer of remove) {
      added.delete(peer)
      // Also when nothing names it now: a configuration may, later.
      removed.add(peer)
    }
    if (!this.inForce) this.#mayBegin(added, linked, change)
    return { inForce: true, added, removed }
  }

  /** The first entry makes strangers of all others: nobody means that when they add one peer. */
  #mayBegin(
    added: ReadonlySet<PeerId>,
    linked: readonly PeerId[],
    change: { add?: PeerId[]; addLinked?: true; force?: true },
  ): void {
    if ((change.add ?? []).length === 0 && change.addLinked !== true) {
      throw new HearsayError(
        'ALLOW_LIST_NOT_IN_FORCE',
        'there is no allow list yet, so there is nobody to remove: begin one with "hearsay allow add --linked"',
      )
    }
    const cut = linked.filter((peer) => !added.has(peer))
    if (cut.length === 0 || change.force === true) return
    throw new HearsayError(
      'ALLOW_LIST_NOT_IN_FORCE',
      `there is no allow list yet. One that names only these admits nobody else, and would end the links with ${cut.join(', ')}: ` +
        'add --linked to name all that are linked now, or --force if that is meant',
    )
  }

  #off(): Changes {
    if (this.#configured !== undefined) {
      throw new HearsayError(
        'BAD_ARGUMENT',
        'the configuration has an allow list: take "allow" out of it and restart the daemon',
      )
    }
    return { inForce: false, added: new Set(), removed: new Set() }
  }
}

async function readChanges(file: string): Promise<Changes> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return { inForce: false, added: new Set(), removed: new Set() }
    }
    throw badFile(file, error)
  }
  try {
    const { checksum, ...content } = AllowFile.parse(JSON.parse(text))
    if (checksum !== checksumOf(content)) throw new Error('its checksum is wrong')
    const { inForce, added, removed } = content
    return { inForce, added: new Set(added), removed: new Set(removed) }
  } catch (error) {
    throw badFile(file, error)
  }
}

function checksumOf({ version, inForce, added, removed }: AllowFileContent): string {
  return crc32(JSON.stringify([version, inForce, added, removed])).toString(16)
}

function badFile(file: string, cause: unknown): HearsayError {
  const reason =
    cause instanceof z.ZodError
      ? cause.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)[0]
      : (cause as Error).message
  return new HearsayError(
    'BAD_ALLOW_LIST',
    `the allow list ${file} does not read (${reason}), and without it peers that were removed would be admitted: ` +
      'restore it, or delete it and set "allow" in the configuration before the next start',
    { cause },
  )
}
