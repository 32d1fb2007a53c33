/** This program's version, as its package states it. */
import { readFileSync } from 'node:fs'

// From dist/src, where this file is compiled to.
const file = new URL('../../package.json', import.meta.url)

export const VERSION = (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
