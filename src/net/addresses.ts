/** Multiaddrs as this project uses them: TCP over an IP address or a DNS name, with or without a peer id at the end. */
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { peerIdFromString } from '@libp2p/peer-id'
import { HearsayError } from '../errors.ts'
import type { PeerId } from './transport.ts'

export interface Address {
  multiaddr: Multiaddr
  /** Without its peer id. */
  endpoint: Multiaddr
  peer: PeerId | undefined
}

const HOSTS = new Set(['ip4', 'ip6', 'dns', 'dns4', 'dns6'])

/** Throws BAD_ADDRESS, naming what is wrong with it. */
export function parseAddress(text: string): Address {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (cause) {
    throw badAddress(text, 'it is not a multiaddr', cause)
  }
  const [host, port, last, ...rest] = address.getComponents()
  if (host === undefined || !HOSTS.has(host.name) || port?.name !== 'tcp') {
    throw badAddress(text, 'it does not name a TCP port')
  }
  if (rest.length > 0 || (last !== undefined && last.code !== CODE_P2P)) {
    throw badAddress(text, 'only a peer id may follow the TCP port')
  }
  if (last?.value === undefined) return { multiaddr: address, endpoint: address, peer: undefined }
  try {
    const peer = peerIdFromString(last.value).toString()
    return { multiaddr: address, endpoint: address.decapsulateCode(CODE_P2P), peer }
  } catch (cause) {
    throw badAddress(text, 'its peer id is not one', cause)
  }
}

function badAddress(text: string, what: string, cause?: unknown): HearsayError {
  return new HearsayError(
    'BAD_ADDRESS',
    `cannot use the address ${JSON.stringify(text)}: ${what}. It looks like /ip4/192.0.2.1/tcp/7400 or ` +
      '/dns4/host.example/tcp/7400, with /p2p/PEERID at the end if the peer id is known.',
    { cause },
  )
}

/** An address without its peer id; one of another form as it is. */
export function endpointOf(address: string): string {
  try {
    return String(parseAddress(address).endpoint)
  } catch {
    return address
  }
}

/** Whether we can dial it. */
export function isUsable(address: string): boolean {
  try {
    parseAddress(address)
    return true
  } catch {
    return false
  }
}

export function isPeerId(text: string): boolean {
  try {
    return peerIdFromString(text).toString() === text
  } catch {
    return false
  }
}

export function isLoopback(address: string): boolean {
  return /^\/(?:ip4\/127\.|ip6\/::1\/)/.test(address)
}
