/** The other systems, as far as they are installed. */
import type { System } from './system.ts'

export function installedRivals(): System[] {
  return []
}
