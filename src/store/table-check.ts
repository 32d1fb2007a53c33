/**
 * The checksums of a table of LevelDB, which its binding leaves unchecked (`verify_checksums`).
 *
 * A damaged table is not only one that lacks records: where damage puts keys out of order, LevelDB ends the process, by an
 * assertion, when it next merges that table with others. So who opens a store must know before LevelDB does.
 *
 * Source: doc/table_format.md of LevelDB. A table is blocks and a footer; each block is followed by a byte for its compression
 * and a masked CRC-32C of both. The footer names two of them, which name all others.
 */
import { crc32c } from '@node-rs/crc32'
import { uncompress } from 'snappyjs'
import { Cursor, masked } from './level-format.ts'

const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n
const TRAILER_BYTES = 5
const SNAPPY = 1
/** An index takes some 40 bytes for each block of 16 KiB. */
const INDEX_BYTES_MAX = 64 * 1024 * 1024

/** What is wrong with the table, the first thing found; undefined when every block is as it was written. */
export function tableFault(table: Buffer): string | undefined {
  try {
    checkTable(table)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function checkTable(table: Buffer): void {
  const footer = new Cursor(table.subarray(Math.max(table.length - FOOTER_BYTES, 0)))
  const hasMagic = table.length >= FOOTER_BYTES && table.readBigUInt64LE(table.length - 8) === MAGIC
  if (!hasMagic) throw new Error('its footer is damaged')
  // Of the filters, then of the data.
  for (const index of [blockAt(table, footer), blockAt(table, footer)]) {
    for (const handle of entriesOf(contentsOf(index))) blockAt(table, handle)
  }
}

interface Block {
  bytes: Buffer
  compression: number
}

/** The block that the handle at the cursor names, offset and size. */
function blockAt(table: Buffer, cursor: Cursor): Block {
  const offset = cursor.varint()
  const end = offset + cursor.varint()
  if (end + TRAILER_BYTES > table.length) throw new Error('its index is damaged')
  if (table.readUInt32LE(end + 1) !== masked(crc32c(table.subarray(offset, end + 1)))) {
    throw new Error(`the checksum of the block at ${offset} is wrong`)
  }
  return { bytes: table.subarray(offset, end), compression: table[end]! }
}

function contentsOf({ bytes, compression }: Block): Buffer {
  return compression === SNAPPY ? uncompress(bytes, INDEX_BYTES_MAX) : bytes
}

/** Cursors at the values of a block's entries. */
function* entriesOf(block: Buffer): Generator<Cursor> {
  const restarts = block.readUInt32LE(block.length - 4)
  const cursor = new Cursor(block.subarray(0, block.length - 4 * (restarts + 1)))
  while (!cursor.atEnd) {
    cursor.varint()
    const keyBytes = cursor.varint()
    const valueBytes = cursor.varint()
    cursor.skip(keyBytes)
    yield new Cursor(cursor.skip(valueBytes))
  }
}
