/** Where this program's package is, and the version that it states. */
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** From dist/src, where this file is compiled to, and from dist/program, where it is bundled to. */
export const PACKAGE_ROOT = path.resolve(import.meta.dirname, '../..')

const about = readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')

export const VERSION = (JSON.parse(about) as { version: string }).version
