/**
 * Loaded into a daemon before its program: collects all garbage at SIGUSR2, so that what is in use is told from what V8 has
 * not got round to collecting.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
process.on('SIGUSR2', () => collect())
