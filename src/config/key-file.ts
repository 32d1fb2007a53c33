/**
 * The key file: what the daemons of one fleet have in common and nobody else has.
 *
 *     version: 1
 *     cluster: 32 hexadecimal digits      which fleet this is; permanent
 *     fingerprint: 64 hexadecimal digits  key of the fingerprints by which replicas compare; permanent
 *     secrets:                            what admits a peer; the first is shown to others, all are accepted
 *       - 64 hexadecimal digits
 *     rotation: added | used              only while a secret is being replaced; key-rotation.ts
 *
 * Only the secrets can be changed: cluster and fingerprint key are part of the data.
 *
 * It is YAML so that it can carry comments, read as text throughout, since digits such as 12e4… would be a number. Messages
 * name file and line and never show what stands there.
 */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import path from 'node:path'
import * as z from 'zod'

import { HearsayError } from '../errors.ts'
import { readYamlFile, reasonOf } from './yaml-file.ts'

const VERSION = '1'
const CLUSTER_ID_BYTES = 16
const FINGERPRINT_KEY_BYTES = 32
export const SECRET_BYTES = 32

/** A rotation needs two; every dial tries them in turn at the other end, so the list stays short. */
const SECRETS_MAX = 4

/** Any access for group or others. */
const OTHERS_MODE = 0o077

export interface NetworkKey {
  /** 16 bytes. */
  clusterId: Uint8Array
  /** 32 bytes. */
  fingerprintKey: Uint8Array
  /** 32 bytes each, at least one. The first is used, all are accepted. */
  secrets: [Uint8Array, ...Uint8Array[]]
  /** Which step a rotation has come to: whether the new secret is only accepted, or used. */
  rotation?: 'added' | 'used'
}

export function newNetworkKey(): NetworkKey {
  return {
    clusterId: randomBytes(CLUSTER_ID_BYTES),
    fingerprintKey: randomBytes(FINGERPRINT_KEY_BYTES),
    secrets: [randomBytes(SECRET_BYTES)],
  }
}

export function formatNetworkKey(key: NetworkKey): string {
  return `# The network key of a hearsay fleet. Whoever has this file can join the fleet, read the map and change it:
# copy it to each machine over a safe channel, and let nobody else read it (chmod 600).

version: ${VERSION}

# Permanent. Another value is another fleet.
cluster: ${hex(key.clusterId)}
fingerprint: ${hex(key.fingerprintKey)}

# What admits a peer. The first is used, all are accepted. "hearsay network-key rotate FILE" replaces it without an outage,
# in three steps, each on every daemon before the next.
secrets:
${key.secrets.map((secret) => `  - ${hex(secret)}\n`).join('')}`
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

const digits = (bytes: number) =>
  z
    .string({ error: `expected ${bytes * 2} hexadecimal digits, found none` })
    .transform((text, context) => {
      if (text.length === bytes * 2 && /^[0-9a-fA-F]*$/.test(text)) {
        return new Uint8Array(Buffer.from(text, 'hex'))
      }
      const found =
        text.length === bytes * 2 ? 'another character among them' : `${text.length} characters`
      context.addIssue({
        code: 'custom',
        message: `expected ${bytes * 2} hexadecimal digits, found ${found}`,
      })
      return z.NEVER
    })

const SECRETS_EXPECTED = `expected a list of 1 to ${SECRETS_MAX} secrets`

const keySchema = z.strictObject(
  {
    version: z.literal(VERSION, {
      error: `expected ${VERSION}; a newer file needs a newer hearsay`,
    }),
    cluster: digits(CLUSTER_ID_BYTES),
    fingerprint: digits(FINGERPRINT_KEY_BYTES),
    secrets: z
      .array(digits(SECRET_BYTES), { error: SECRETS_EXPECTED })
      .min(1, SECRETS_EXPECTED)
      .max(SECRETS_MAX, SECRETS_EXPECTED),
    rotation: z
      .enum(['added', 'used'], {
        error: 'expected added or used: which step a rotation has come to',
      })
      .optional(),
  },
  {
    error: (issue) =>
      issue.code === 'invalid_type'
        ? 'not a network key; "hearsay network-key > FILE" makes one'
        : undefined,
  },
)

/** Throws BAD_KEY_FILE. */
export function readKeyFile(file: string): NetworkKey {
  const resolved = path.resolve(file)
  checkPrivate(resolved, file)
  const yaml = readYamlFile(resolved, 'BAD_KEY_FILE', { shown: file, textOnly: true })
  const result = keySchema.safeParse(yaml.content)
  if (!result.success) {
    const issue = result.error.issues[0]
    const at = issue?.path ?? []
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    const where = unknown === undefined ? yaml.where(at) : yaml.whereKey(at, unknown)
    const what = unknown === undefined ? issue?.message : `${unknown}: unknown key`
    const name = at.length > 0 ? `${at.join('.')}: ` : ''
    throw new HearsayError('BAD_KEY_FILE', `${where}: ${name}${what}`)
  }
  const { cluster, fingerprint, secrets, rotation } = result.data
  return {
    clusterId: cluster,
    fingerprintKey: fingerprint,
    secrets: secrets as NetworkKey['secrets'],
    ...(rotation === undefined ? {} : { rotation }),
  }
}

function checkPrivate(resolved: string, file: string): void {
  let stat
  try {
    stat = statSync(resolved)
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const hint = missing
      ? '; "hearsay network-key > FILE" makes one for a new fleet, else copy it from a daemon of the fleet'
      : ''
    throw new HearsayError('BAD_KEY_FILE', `${file}: ${reasonOf(error)}${hint}`, { cause: error })
  }
  if (!stat.isFile()) throw new HearsayError('BAD_KEY_FILE', `${file}: not a regular file`)
  if ((stat.mode & OTHERS_MODE) !== 0) {
    const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
    throw new HearsayError(
      'BAD_KEY_FILE',
      `${file}: its mode is ${mode}, so others than its owner can read or change it; run "chmod 600 ${file}"`,
    )
  }
}
