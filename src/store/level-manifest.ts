/**
 * LevelDB's list of its tables, the manifest: which of the files that look like tables are part of the store.
 *
 * Not all are. What was being merged when the store was closed, or its process killed, is left behind, whole or half; the next
 * opening removes it, or writes another table in its place, since numbers that are in no list are given out again. And while
 * the store is open, tables are being written.
 *
 * Source: doc/log_format.md and db/version_edit.cc of LevelDB. The manifest is a log of edits: tables that came, tables that went.
 */
import { crc32c } from '@node-rs/crc32'
import { Cursor, masked } from './level-format.ts'

const BLOCK_BYTES = 32 * 1024
const HEADER_BYTES = 7

const RecordPart = { none: 0, whole: 1, first: 2, middle: 3, last: 4 } as const

const EditTag = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const

/** The bytes that each table has, by its number. Throws where the manifest is damaged; an edit that is cut off never was. */
export function tablesIn(manifest: Buffer): Map<number, number> {
  const tables = new Map<number, number>()
  for (const edit of recordsOf(manifest)) applyEdit(tables, new Cursor(edit))
  return tables
}

function* recordsOf(log: Buffer): Generator<Buffer> {
  let parts: Buffer[] = []
  for (let at = 0; at + HEADER_BYTES <= log.length;) {
    const room = BLOCK_BYTES - (at % BLOCK_BYTES)
    const from = at + HEADER_BYTES
    const to = from + log.readUInt16LE(at + 4)
    const part = log[at + 6]!
    // Records begin in a block's last bytes only where a header fits; what was allocated and not written is zeros.
    if (room < HEADER_BYTES || (part === RecordPart.none && to === from)) {
      at += room
      continue
    }
    if (to > at + room) throw new Error(`the length of the record at ${at} is wrong`)
    if (to > log.length) return
    if (log.readUInt32LE(at) !== masked(crc32c(log.subarray(at + 6, to)))) {
      throw new Error(`the checksum of the record at ${at} is wrong`)
    }
    if (part === RecordPart.whole || part === RecordPart.first) parts = []
    parts.push(log.subarray(from, to))
    if (part === RecordPart.whole || part === RecordPart.last) yield Buffer.concat(parts)
    at = to
  }
}

function applyEdit(tables: Map<number, number>, edit: Cursor): void {
  while (!edit.atEnd) {
    const tag = edit.varint()
    switch (tag) {
      case EditTag.comparator:
        skipText(edit)
        break
      case EditTag.logNumber:
      case EditTag.nextFileNumber:
      case EditTag.lastSequence:
      case EditTag.previousLogNumber:
        edit.varint()
        break
      case EditTag.compactPointer:
        edit.varint()
        skipText(edit)
        break
      case EditTag.deletedFile:
        edit.varint()
        tables.delete(edit.varint())
        break
      case EditTag.newFile: {
        edit.varint()
        const number = edit.varint()
        tables.set(number, edit.varint())
        skipText(edit)
        skipText(edit)
        break
      }
      default:
        throw new Error(`an edit has the unknown tag ${tag}`)
    }
  }
}

function skipText(edit: Cursor): void {
  edit.skip(edit.varint())
}
