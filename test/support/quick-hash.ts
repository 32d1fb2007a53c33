/**
 * A 128-bit hash of short byte strings, several times quicker than a call into OpenSSL: most of what a simulated fleet does
 * is to hash. Mixes like MurmurHash3; good enough where nobody tries to make two inputs collide.
 */

export function quickHash(bytes: Uint8Array): Uint8Array {
  let [a, b, c, d] = [0x2f1b9c35, 0x6a09e667, 0x3c6ef372, 0x510e527f]
  const { length } = bytes
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    let mixed = Math.imul(word, 0xcc9e2d51)
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
    a = (Math.imul(((a ^ mixed) << 13) | ((a ^ mixed) >>> 19), 5) + 0xe6546b64) | 0
    b = (Math.imul(b ^ word, 0x38b34ae5) + a) | 0
    c = (Math.imul(c ^ mixed, 0xa1e38b93) ^ (b >>> 11)) | 0
    d = (Math.imul(d + word, 0x239b961b) ^ (c >>> 7)) | 0
  }
  let tail = length
  for (let i = whole; i < length; i++) tail = (tail << 8) | bytes[i]!
  return finish(a ^ tail, b ^ Math.imul(tail, 0x85ebca6b), c ^ length, d + tail)
}

/** Each of four words ends up depending on every bit of all. */
function finish(a: number, b: number, c: number, d: number): Uint8Array {
  const words = [a, b, c, d]
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 4; i++) {
      words[i] = avalanche((words[i]! + Math.imul(words[(i + 3) & 3]!, 0x9e3779b1)) | 0)
    }
  }
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 4; i++) {
    const word = words[i]!
    bytes[4 * i] = word >>> 24
    bytes[4 * i + 1] = word >>> 16
    bytes[4 * i + 2] = word >>> 8
    bytes[4 * i + 3] = word
  }
  return bytes
}

function avalanche(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
