/**
 * A small YAML file and the line on which each of its parts stands, so that whoever refuses a part can say where it is.
 */
import { readFileSync } from 'node:fs'
import { LineCounter, isMap, isNode, isScalar, parseDocument } from 'yaml'
import type { Document, ParsedNode, ScalarTag } from 'yaml'

import { HearsayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'

/** A file of settings is typed by hand; a larger one is a mistake in its path (a device, a data file). */
const FILE_BYTES_MAX = 1024 * 1024

export type YamlPath = readonly PropertyKey[]

export interface YamlFile {
  /** Sections without content are `null`; an empty file is `null`. */
  content: unknown
  /** `FILE:LINE` of the value at `path`, or of its nearest ancestor. */
  where(path: YamlPath): string
  /** `FILE:LINE` of `key` itself inside the section at `path`. */
  whereKey(path: YamlPath, key: string): string
}

/**
 * Permission bits are octal, and YAML 1.2 reads 0600 as the number 600: keep such a token as the text that was typed.
 */
const octalAsText: ScalarTag = {
  tag: 'tag:yaml.org,2002:str',
  default: true,
  test: /^0o?[0-7]{3,4}$/,
  resolve: (text) => text,
}

export interface YamlFileOptions {
  /** How messages call the file; as it was given, not as it was resolved. */
  shown: string
  /** Every scalar is the text that was typed: 1e10 is not a number. */
  textOnly?: boolean
}

/** Throws `code`, naming file, line and column, when the file cannot be read or is no YAML. */
export function readYamlFile(path: string, code: ErrorCode, options: YamlFileOptions): YamlFile {
  const file = options.shown
  const lines = new LineCounter()
  const doc = parseDocument(readBounded(path, file, code), {
    lineCounter: lines,
    prettyErrors: false,
    ...(options.textOnly
      ? { schema: 'failsafe' as const }
      : { customTags: (tags) => [octalAsText, ...tags] }),
  })
  const problem = doc.errors[0] ?? doc.warnings[0]
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0])
    throw new HearsayError(code, `${file}:${line}:${col}: ${problem.message}`)
  }
  const line = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`
  return {
    content: toPlain(doc, file, code),
    where: (path) => line(nearest(doc, path)),
    whereKey(path, key) {
      const section = path.length === 0 ? doc.contents : doc.getIn(path, true)
      const pairs = isMap(section) ? section.items : []
      const pair = pairs.find((pair) => (isScalar(pair.key) ? pair.key.value : pair.key) === key)
      return line(isNode(pair?.key) ? pair.key.range?.[0] : nearest(doc, path))
    },
  }
}

function readBounded(path: string, file: string, code: ErrorCode): string {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > FILE_BYTES_MAX) {
      throw new HearsayError(code, `${file}: larger than ${FILE_BYTES_MAX} bytes: not such a file`)
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    if (error instanceof HearsayError) throw error
    const reason = error instanceof TypeError ? 'not UTF-8 text' : reasonOf(error)
    throw new HearsayError(code, `${file}: ${reason}`, { cause: error })
  }
}

/** What stands between `ENOENT: ` and the call that failed: "no such file or directory". */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^E[A-Z0-9]+: /, '').replace(/, [a-z]+( '.*')?$/, '')
}

function toPlain(doc: Document, file: string, code: ErrorCode): unknown {
  try {
    return doc.toJS()
  } catch (error) {
    // Aliases that would blow up.
    throw new HearsayError(code, `${file}: ${reasonOf(error)}`, { cause: error })
  }
}

function nearest(doc: Document<ParsedNode>, path: YamlPath): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const node = doc.getIn(path.slice(0, depth), true)
    if (isNode(node)) return node.range?.[0]
  }
  return doc.contents?.range[0]
}
