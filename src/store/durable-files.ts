/**
 * Files and directories that survive the loss of power: a small file is there whole or not at all. It is written beside
 * its place, synced, renamed into it, and the directory synced, so that the old contents or the new ones are found.
 */
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

/** In the name of every file that is not yet in its place. */
const TEMPORARY = '.tmp-'

export async function writeFileAtomic(
  file: string,
  contents: Uint8Array | string,
  mode: number,
  owner?: { uid: number; gid: number },
): Promise<void> {
  const temporary = `${file}${TEMPORARY}${process.pid}`
  try {
    // One left by an earlier process of the same number would keep its own mode.
    await rm(temporary, { force: true })
    const handle = await open(temporary, 'wx', mode)
    try {
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid)
      await handle.writeFile(contents)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  await syncDirectory(path.dirname(file))
}

/**
 * Makes a directory and those above it that are missing, with their names durable. False where it was there already.
 *
 * Not `mkdir` with `recursive`: that never returns where a directory can be made nowhere below an existing one, as in
 * /proc.
 */
export async function makeDirectory(directory: string, mode: number): Promise<boolean> {
  const parent = path.dirname(directory)
  try {
    await mkdir(directory, mode)
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(directory)).isDirectory()) return false
    if (codeOf(error) !== 'ENOENT' || parent === directory) throw error
    await makeDirectory(parent, mode)
    await mkdir(directory, mode)
  }
  await syncDirectory(parent)
  return true
}

/** Makes the names in a directory durable: a synced file whose name is lost is lost. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Removes what interrupted writes left. Only for a directory in which nobody else writes. */
export async function sweepTemporaryFiles(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const at = entry.name.lastIndexOf(TEMPORARY)
    if (!entry.isFile() || at < 0 || !/^\d+$/.test(entry.name.slice(at + TEMPORARY.length)))
      continue
    await rm(path.join(directory, entry.name), { force: true })
  }
}

/** The code that the operating system gave an error; absent for any other. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}
