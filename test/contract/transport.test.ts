import { memoryWorld } from './memory-world.ts'
import { libp2pWorld } from './libp2p-world.ts'
import { transportContract } from './transport.ts'

transportContract('memory', memoryWorld)
transportContract('libp2p', libp2pWorld)
