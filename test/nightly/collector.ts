/**
 * Loaded into a daemon before its program: at SIGUSR2 it collects all garbage and gives its pages back, so that what is in use is
 * told from what V8 has not got round to.
 *
 * As heap profilers have it done. A collection that a program asks for with `gc()` moves nothing together: one every few seconds
 * promotes whatever is under way at that moment, and the pages that this leaves half empty look like growth.
 */
import { Session } from 'node:inspector'

const session = new Session()
session.connect()
process.on('SIGUSR2', () => session.post('HeapProfiler.collectGarbage'))
