/** The other systems, as far as they are installed. */
import { etcd } from './etcd.ts'
import { nats } from './nats.ts'
import { redis } from './redis.ts'
import type { System } from './system.ts'

export function installedRivals(): System[] {
  return [...redis(), ...etcd(), ...nats()]
}
