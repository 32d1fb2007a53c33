/**
 * Rotating the secret of a key file, one step at a time, so that at no moment two members refuse each other.
 *
 *     step   the file before   after        every daemon then
 *     1      old               old, new     accepts both and uses the old one: it can talk to those that have not got the file yet
 *     2      old, new          new, old     accepts both and uses the new one, which all know by now
 *     3      new, old          new          accepts the new one alone, which all use by now
 *
 * A member that is one step ahead or behind shares a secret with every other; two steps apart they may not. So a step is
 * taken only when every daemon has read the file of the step before.
 *
 * Which step a file has come to stands in it (`rotation`), since two secrets in a row do not tell. Everything else in it is
 * kept, comments too, and so are its owner and mode. It is replaced whole, or not at all.
 */
import { randomBytes } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isSeq, parseDocument } from 'yaml'
import type { Document } from 'yaml'

import { HearsayError } from '../errors.ts'
import { labelOf } from '../net/admission.ts'
import { writeFileAtomic } from '../store/durable-files.ts'
import { hex, readKeyFile, SECRET_BYTES } from './key-file.ts'
import type { NetworkKey } from './key-file.ts'

export interface RotationStep {
  step: 1 | 2 | 3
  /** Labels of the secrets in the file now. */
  labels: string[]
  /** Label of the secret that steps 1 and 2 bring in and step 3 leaves. */
  fresh: string
  old: string
}

/** Takes the next step with a key file. Throws BAD_KEY_FILE, and then the file is as it was. */
export async function rotateKeyFile(file: string): Promise<RotationStep> {
  const key = readKeyFile(file)
  const place = await realpath(file)
  const doc = parseDocument(await readFile(place, 'utf8'), { schema: 'failsafe' })
  const taken = take(file, key, doc)
  const { uid, gid, mode } = await stat(place)
  try {
    await writeFileAtomic(place, doc.toString({ lineWidth: 0 }), mode & 0o777, { uid, gid })
  } catch (cause) {
    const message = `${file} was not changed: ${(cause as Error).message}`
    throw new HearsayError('BAD_KEY_FILE', message, { cause })
  }
  return taken
}

function take(file: string, key: NetworkKey, doc: Document): RotationStep {
  const list = doc.get('secrets')
  if (!isSeq(list)) throw new HearsayError('BAD_KEY_FILE', `${file}: secrets are not a list`)
  const [first, second] = key.secrets
  if (key.rotation === undefined) {
    if (second !== undefined) throw undecided(file, key.secrets.length)
    const secret = randomBytes(SECRET_BYTES)
    list.add(doc.createNode(hex(secret)))
    doc.set('rotation', 'added')
    return step(1, [first, secret], { fresh: secret, old: first })
  }
  if (second === undefined || key.secrets.length > 2) throw undecided(file, key.secrets.length)
  if (key.rotation === 'added') {
    list.items.reverse()
    doc.set('rotation', 'used')
    return step(2, [second, first], { fresh: second, old: first })
  }
  list.items.splice(1)
  doc.delete('rotation')
  return step(3, [first], { fresh: first, old: second })
}

function step(
  number: RotationStep['step'],
  secrets: Uint8Array[],
  { fresh, old }: { fresh: Uint8Array; old: Uint8Array },
): RotationStep {
  return {
    step: number,
    labels: secrets.map(labelOf),
    fresh: labelOf(fresh),
    old: labelOf(old),
  }
}

function undecided(file: string, secrets: number): HearsayError {
  return new HearsayError(
    'BAD_KEY_FILE',
    `${file} has ${secrets} secrets, and it cannot be told from it which step a rotation has come to. With one secret and no ` +
      'line "rotation" a new rotation begins; with two, the line "rotation: added" says that the second is new and not used ' +
      'yet, and "rotation: used" that the first is',
  )
}
