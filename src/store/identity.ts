/**
 * The peer's identity: an Ed25519 key in libp2p's own encoding (the protobuf message PrivateKey), in a file that only its
 * owner may read. Whoever has it is this peer.
 */
import { chmod, readFile, stat } from 'node:fs/promises'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { HearsayError } from '../errors.ts'
import { codeOf, writeFileAtomic } from './durable-files.ts'

const FILE_MODE = 0o600
/** Signed and verified once at start, since a flipped half of a key pair still decodes. */
const PROBE = Uint8Array.of(0x68, 0x65, 0x61, 0x72, 0x73, 0x61, 0x79)

/** The identity in `file`; made and kept there where the file is missing. */
export async function loadIdentity(file: string): Promise<PrivateKey> {
  const encoded = await readIfThere(file)
  if (encoded === undefined) {
    const key = await generateKeyPair('Ed25519')
    await writeFileAtomic(file, privateKeyToProtobuf(key), FILE_MODE)
    return key
  }
  const key = await decode(file, encoded)
  // Also where it came out of a backup with other bits.
  if (((await stat(file)).mode & 0o777) !== FILE_MODE) await chmod(file, FILE_MODE)
  return key
}

async function decode(file: string, encoded: Uint8Array): Promise<PrivateKey> {
  let key: PrivateKey
  let valid: boolean
  try {
    key = privateKeyFromProtobuf(encoded)
    valid = key.type === 'Ed25519' && (await key.publicKey.verify(PROBE, await key.sign(PROBE)))
  } catch (error) {
    throw damagedIdentity(file, `it does not decode (${String(error)})`, error)
  }
  if (key.type !== 'Ed25519') throw damagedIdentity(file, `it holds a key of type ${key.type}`)
  if (!valid) throw damagedIdentity(file, 'its public half does not belong to its private half')
  return key
}

function damagedIdentity(file: string, what: string, cause?: unknown): HearsayError {
  return new HearsayError(
    'STORE_DAMAGED',
    `the identity file ${file} is damaged: ${what}. Restore it from a backup, or move it away: the daemon then starts ` +
      `under a new peer id and keeps its data`,
    { cause },
  )
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
