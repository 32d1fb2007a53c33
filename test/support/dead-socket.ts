/** A process that listens on the socket given to it, says so, and leaves the file behind when it is killed. */
import { createServer } from 'node:net'

createServer().listen(process.argv[2], () => process.send?.('listening'))
