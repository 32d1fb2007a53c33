/**
 * A process that listens as its argument says, the options of `Server.listen` as JSON, and tells its parent where. When it is
 * stopped nobody accepts, and when it is killed the file of a socket stays behind.
 */
import { createServer } from 'node:net'
import type { ListenOptions } from 'node:net'

const server = createServer()
server.listen(JSON.parse(process.argv[2]!) as ListenOptions, () => process.send?.(server.address()))
