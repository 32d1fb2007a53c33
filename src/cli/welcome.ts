/** What a daemon says at its start on a terminal: where everything is, and what to type next. */
import type { DaemonConfig } from '../config/config.ts'
import { surroundings } from '../config/config.ts'
import type { Status } from '../daemon-api.ts'
import { styleFor, table } from './output.ts'
import { findSocket } from './socket.ts'

export function welcome(config: DaemonConfig, status: Status): string {
  const style = styleFor(process.stdout)
  const rows = [
    ['data', config.data],
    ['socket', config.socket.path],
    ...status.addresses.map((address, i) => [i === 0 ? 'address' : '', address]),
    [
      'cluster',
      status.cluster.local ? 'local: no network key, this machine alone' : status.cluster.id,
    ],
  ]
  const next = [
    ['write', `${hearsay(config)} put greeting hello`],
    ['look', `${hearsay(config)} status`],
    ['a second one', second(config, status.addresses[0])],
    ['stop', 'Ctrl-C'],
  ]
  return [
    '',
    `${style('bold', `hearsayd ${status.version}`)} runs as ${style('bold', status.name)}`,
    '',
    ...table(rows, '  '),
    '',
    'In another terminal:',
    '',
    ...table(next, '  '),
    '',
    '',
  ].join('\n')
}

/** Without --socket where `hearsay` finds this daemon by itself. */
function hearsay(config: DaemonConfig): string {
  const found = findSocket(surroundings(), undefined).path === config.socket.path
  return found ? 'hearsay' : `hearsay --socket ${quote(config.socket.path)}`
}

function second(config: DaemonConfig, address: string | undefined): string {
  const key = config.networkKey === undefined ? '' : ` --network-key ${quote(config.networkKey)}`
  const data = `${config.data.replace(/-\d+$/, '')}-2`
  return `hearsayd --data ${quote(data)}${key} --bootstrap ${address ?? 'MULTIADDR'}`
}

/** For a shell. */
function quote(text: string): string {
  return /^[\w./+:@%-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
