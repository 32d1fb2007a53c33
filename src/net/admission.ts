/**
 * Admission: only who holds a secret of the fleet gets a connection.
 *
 * Every connection is encrypted and authenticated by Noise, pattern XX, as everywhere in libp2p. From an admission secret
 * (32 random bytes) two things are derived by HMAC-SHA-256:
 *
 * - a *label*, public, part of the protocol id that the two sides negotiate: `/noise/hearsay/<16 hex digits>`. It lets
 *   the sides find a secret that both hold, so that secrets can be rotated (add the new one everywhere, then make it the
 *   first everywhere, then remove the old one), and tells a dialler at once that it holds another network key. It is
 *   a name, not a proof.
 * - the *prologue*, secret, 32 bytes, never sent. Noise hashes it into `h`, which is the associated data of every
 *   encrypted handshake message. This is the proof.
 *
 * Why that refuses strangers, both ways:
 *
 * - A stranger that answers cannot make message 2, and one that dials cannot make message 3: each carries AEAD tags over
 *   `h`. A participant knows the cipher's keys (the prologue is not mixed into them), but not `h`: that is a SHA-256
 *   chain which began with the unknown 256-bit prologue. A tag that it sees gives it one 128-bit equation about one
 *   link of that chain; the next tag covers the following link, and hashing forward leaves 2^128 candidates. So it can
 *   only guess, once per connection, with a chance of about 2^-128.
 * - A stranger in the middle must replace the ephemeral keys to learn anything, which changes `h` on both sides, and
 *   cannot make the tags that either side then expects. Without replacing them it is a wire.
 * - The secret is not at risk: it is random, not a password, so what is on the wire allows no useful guessing. Each
 *   session's keys come from fresh Diffie-Hellman exchanges, so a secret that leaks later opens no recorded session.
 *
 * What a stranger can learn: that something here speaks hearsay; the labels, by asking for the protocols or by watching
 * one connection being opened; and, having such a label, the peer id of a daemon that it dials and the time of its start
 * (message 2 is encrypted to whoever dials, and the tag which a stranger cannot check does not hide the text). It learns
 * nothing after that, and no stream is opened.
 *
 * The list of secrets can be changed while the node runs: connections made from then on use the new list, and those that
 * were made under a secret which is gone have to be closed by the caller, who learns of them from `accepts`.
 *
 * What secrets do not do: all who hold one are equal. Who of them may come in at all is the allow list's to say, by peer
 * id, at the gater of each connection and at the author of each gossip payload (`node.ts`, `libp2p-transport.ts`).
 *
 * Without secrets the label and the prologue are fixed and public; the node then listens on loopback addresses only.
 *
 * The handshake also carries, encrypted, a nonce that every process draws at its start, led by the time. By it a process recognises
 * itself when it has dialled its own address, another process that runs under a copy of its own key, and a peer that
 * was restarted while its old connection still looks alive. It travels in the certificate hashes of the handshake
 * payload, which only WebTransport uses; a peer that sends none is taken as it is.
 */
import { createHmac } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents, NoiseExtensions } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface'
import { HearsayError } from '../errors.ts'
import { joined } from './joined.ts'

/** 32 random bytes. */
export type AdmissionSecret = Uint8Array

const ADMISSION_SECRET_BYTES = 32
/** Enough that two fleets never share a label by chance. */
const LABEL_BYTES = 8
const PROTOCOL_PREFIX = '/noise/hearsay/'
const OPEN_LABEL = 'open'
const OPEN_PROLOGUE = new TextEncoder().encode('hearsay/1 without a network key')

/** Told of every handshake that succeeded, before its connection is announced. */
export type HandshakeListener = (handshake: {
  peer: string
  /** The other end, where the transport names it. */
  address: string
  /** What the other process drew at its start, in hexadecimal; absent if it sent none. */
  nonce: string | undefined
  direction: 'inbound' | 'outbound'
}) => void

interface Handshake {
  protocol: string
  prologue: Uint8Array
}

function derive(secret: AdmissionSecret): Handshake {
  return {
    protocol: PROTOCOL_PREFIX + labelOf(secret),
    prologue: hmac(secret, 'hearsay/1 admission prologue'),
  }
}

function hmac(secret: AdmissionSecret, purpose: string): Buffer {
  if (secret.byteLength !== ADMISSION_SECRET_BYTES) {
    throw new TypeError(`an admission secret has ${ADMISSION_SECRET_BYTES} bytes`)
  }
  return createHmac('sha256', secret).update(purpose).digest()
}

/** The public name of a secret: 16 hexadecimal digits that say nothing about it. */
export function labelOf(secret: AdmissionSecret): string {
  return hmac(secret, 'hearsay/1 admission label').subarray(0, LABEL_BYTES).toString('hex')
}

/** The encrypters of a node, one per secret, in the order in which a dialler offers them. */
export function admissionEncrypters(
  secrets: readonly AdmissionSecret[],
  nonce: Uint8Array,
  onHandshake: HandshakeListener,
): ((components: NoiseComponents) => ConnectionEncrypter<NoiseExtensions>)[] {
  const admissions =
    secrets.length === 0
      ? [{ protocol: PROTOCOL_PREFIX + OPEN_LABEL, prologue: OPEN_PROLOGUE }]
      : secrets.map(derive)
  return admissions.map(
    (admission) => (components) =>
      new AdmissionEncrypter(components, admission, nonce, onHandshake),
  )
}

/** Who is admitted to a running node. */
export class Admission {
  readonly #nonce: Uint8Array
  readonly #onHandshake: HandshakeListener
  #secrets: readonly AdmissionSecret[]
  #protocols = new Set<string>()
  #components: NoiseComponents | undefined

  constructor(
    secrets: readonly AdmissionSecret[],
    nonce: Uint8Array,
    onHandshake: HandshakeListener,
  ) {
    this.#secrets = secrets
    this.#nonce = nonce
    this.#onHandshake = onHandshake
  }

  /** What the node is made with. */
  encrypters(): ReturnType<typeof admissionEncrypters> {
    return admissionEncrypters(this.#secrets, this.#nonce, this.#onHandshake).map(
      (make) => (components) => {
        this.#components = components
        const encrypter = make(components)
        this.#protocols.add(encrypter.protocol)
        return encrypter
      },
    )
  }

  /** The labels of the secrets in their order; empty without a network key. */
  labels(): string[] {
    return this.#secrets.map(labelOf)
  }

  /** Replaces the list, for every handshake that begins from now on. */
  replace(secrets: readonly AdmissionSecret[]): void {
    const components = this.#components
    if (components === undefined) throw new TypeError('the node was not made yet')
    const made = admissionEncrypters(secrets, this.#nonce, this.#onHandshake).map((make) =>
      make(components),
    )
    // The upgrader's own map: it offers what is in there, in this order, at each dial and each call.
    const offered = components.upgrader.getConnectionEncrypters()
    offered.clear()
    for (const encrypter of made) offered.set(encrypter.protocol, encrypter)
    this.#secrets = secrets
    this.#protocols = new Set(offered.keys())
  }

  /** Whether a connection whose encryption was negotiated as `protocol` would be admitted now. */
  accepts(protocol: string | undefined): boolean {
    return protocol !== undefined && this.#protocols.has(protocol)
  }
}

type SecureOptions = Parameters<ConnectionEncrypter['secureOutbound']>[1]

class AdmissionEncrypter implements ConnectionEncrypter<NoiseExtensions> {
  readonly protocol: string
  readonly #noise: ConnectionEncrypter<NoiseExtensions>
  readonly #onHandshake: HandshakeListener

  constructor(
    components: NoiseComponents,
    admission: Handshake,
    nonce: Uint8Array,
    onHandshake: HandshakeListener,
  ) {
    this.protocol = admission.protocol
    this.#noise = noise({
      prologueBytes: admission.prologue,
      extensions: { webtransportCerthashes: [nonce] },
    })(components)
    this.#onHandshake = onHandshake
  }

  async secureOutbound(
    connection: MessageStream,
    options?: SecureOptions,
  ): Promise<SecuredConnection<NoiseExtensions>> {
    return this.#told(
      'outbound',
      connection,
      await this.#noise.secureOutbound(joined(connection), options),
    )
  }

  async secureInbound(
    connection: MessageStream,
    options?: SecureOptions,
  ): Promise<SecuredConnection<NoiseExtensions>> {
    return this.#told(
      'inbound',
      connection,
      await this.#noise.secureInbound(joined(connection), options),
    )
  }

  #told(
    direction: 'inbound' | 'outbound',
    connection: MessageStream,
    secured: SecuredConnection<NoiseExtensions>,
  ): SecuredConnection<NoiseExtensions> {
    const nonce = secured.remoteExtensions?.webtransportCerthashes[0]
    this.#onHandshake({
      peer: secured.remotePeer.toString(),
      // A TCP connection is handed to the encrypter as it is, with its address.
      address: 'remoteAddr' in connection ? String(connection.remoteAddr) : 'unknown',
      nonce: nonce === undefined ? undefined : Buffer.from(nonce).toString('hex'),
      direction,
    })
    return secured
  }
}

const LOOPBACK = /^\/(?:ip4\/127\.|ip6\/::1\/|ip6\/::ffff:127\.|unix\/)/

/** Throws LISTEN_FAILED when a node without a secret would be reachable from other machines. */
export function assertListenAllowed(
  secrets: readonly AdmissionSecret[],
  listen: readonly string[],
): void {
  if (secrets.length > 0) return
  const open = listen.find((address) => !LOOPBACK.test(address))
  if (open === undefined) return
  throw new HearsayError(
    'LISTEN_FAILED',
    `refusing to listen on ${open} without a network key: anyone who reaches it could read and write the map. ` +
      'Set a network key, or listen on a loopback address such as /ip4/127.0.0.1/tcp/0.',
  )
}
