/** What a daemon says at its start on a terminal: where everything is, and what to type next. */
import path from 'node:path'

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

/** Without --socket where `hearsay` finds this daemon by itself, in a terminal that lacks this one's variables. */
function hearsay(config: DaemonConfig): string {
  const { HEARSAY_SOCKET: _socket, HEARSAY_DATA: _data, ...env } = process.env
  const found = findSocket({ ...surroundings(), env }, undefined).path === config.socket.path
  const command = typed('hearsay')
  return found ? command : `${command} --socket ${quote(config.socket.path)}`
}

function second(config: DaemonConfig, address: string | undefined): string {
  const key = config.networkKey === undefined ? '' : ` --network-key ${quote(config.networkKey)}`
  const data = quote(`${config.data}-2`)
  return `${typed('hearsayd')} --data ${data}${key} --bootstrap ${address ?? 'MULTIADDR'}`
}

/** How to type a program that lies beside this one: by its name where it is installed, by its path in a clone. */
function typed(program: string): string {
  const dir = path.dirname(process.argv[1] ?? '')
  if (dir.endsWith(path.join('node_modules', '.bin'))) return `npx ${program}`
  if ((process.env['PATH'] ?? '').split(path.delimiter).includes(dir)) return program
  return quote(path.relative(process.cwd(), path.join(dir, program)))
}

/** For a shell. */
function quote(text: string): string {
  return /^[\w./+:@%-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
