/**
 * The coin: murmur3 over a unit's UTF-8 bytes, and the bucket that it falls into. Hot: once a request.
 *
 * Written here because the JavaScript packages hash UTF-16 code units and so disagree with every other
 * language on non-ASCII keys. Algorithm: MurmurHash3_x86_32 (Appleby, public domain). A string in which
 * one character is one byte ('latin1', as header values arrive) is hashed as it stands; text goes
 * through `utf8` first.
 */

/** How many buckets there are: one for each basis point of weight. */
export const BUCKET_COUNT = 10_000

/** Returns the bucket, 0 to 9 999, of a unit given as bytes in a latin1 string. */
export function bucketOf(unit: string, seed: number): number {
  return murmur3(unit, seed) % BUCKET_COUNT
}

/** Returns the seed that belongs to a rollout's salt. */
export function seedOf(salt: string): number {
  return murmur3(utf8(salt), 0)
}

/** Returns the text's UTF-8 bytes as a latin1 string. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** Returns the hash, 0 to 2^32 - 1, of bytes in a latin1 string. */
export function murmur3(bytes: string, seed: number): number {
  const length = bytes.length
  const blocksEnd = length & ~3
  let hash = seed | 0
  for (let i = 0; i < blocksEnd; i += 4) {
    const block =
      bytes.charCodeAt(i) |
      (bytes.charCodeAt(i + 1) << 8) |
      (bytes.charCodeAt(i + 2) << 16) |
      (bytes.charCodeAt(i + 3) << 24)
    hash ^= scramble(block)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = length - 1; i >= blocksEnd; i--) tail = (tail << 8) | bytes.charCodeAt(i)
  if (blocksEnd < length) hash ^= scramble(tail)
  hash ^= length
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}
