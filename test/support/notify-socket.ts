/**
 * A service manager's ear: a real unix datagram socket, which Node does not have, in a process of Python, and what was said
 * to it. Each message is a set of lines, KEY=VALUE.
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from './daemons.ts'

/** Prints each datagram as one line; descriptors that come along are closed, which is what the sender waits for. */
const RECEIVER = `
import json, os, socket, sys
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1])
print('"listening"', flush=True)
while True:
    data, descriptors, _, _ = socket.recv_fds(ear, 65536, 8)
    for descriptor in descriptors:
        os.close(descriptor)
    print(json.dumps(data.decode()), flush=True)
`

/** Why there can be none here; undefined when there can. */
export function notifyUnavailable(): string | undefined {
  for (const program of ['python3', 'systemd-notify']) {
    if (spawnSync(program, ['--version']).status !== 0) return `needs ${program}`
  }
  return undefined
}

export class NotifySocket {
  readonly path: string
  readonly heard: string[][] = []
  readonly #child: ChildProcess

  private constructor(path: string) {
    this.path = path
    const child = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.heard.push((JSON.parse(line) as string).split('\n'))
    })
  }

  static async listen(path: string): Promise<NotifySocket> {
    const socket = new NotifySocket(path)
    await until('the notify socket', () => socket.count('listening') > 0)
    return socket
  }

  /** How many messages have had this line. */
  count(line: string): number {
    return this.heard.filter((lines) => lines.includes(line)).length
  }

  /** Whatever follows `STATUS=` in the latest message that had it. */
  get status(): string | undefined {
    const last = this.heard.flat().findLast((line) => line.startsWith('STATUS='))
    return last?.slice('STATUS='.length)
  }

  close(): void {
    this.#child.kill('SIGKILL')
  }
}
