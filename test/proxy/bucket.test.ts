import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BUCKET_COUNT, bucketOf, murmur3, seedOf, utf8 } from '../../src/proxy/bucket.ts'

/** MurmurHash3_x86_32 once more, from the reference description, in exact arithmetic and over bytes. */
function referenceHash(bytes: Uint8Array, seed: number): number {
  const word = 0xffff_ffffn
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & word
  const scramble = (k: bigint): bigint =>
    (rotate((k * 0xcc9e_2d51n) & word, 15n) * 0x1b87_3593n) & word
  const littleEndian = (from: number, to: number): bigint => {
    let k = 0n
    for (let i = to - 1; i >= from; i--) k = (k << 8n) | BigInt(bytes[i]!)
    return k
  }
  let hash = BigInt(seed)
  const tail = bytes.length - (bytes.length % 4)
  for (let i = 0; i < tail; i += 4) {
    hash = (rotate(hash ^ scramble(littleEndian(i, i + 4)), 13n) * 5n + 0xe654_6b64n) & word
  }
  if (tail < bytes.length) hash ^= scramble(littleEndian(tail, bytes.length))
  hash ^= BigInt(bytes.length)
  hash = ((hash ^ (hash >> 16n)) * 0x85eb_ca6bn) & word
  hash = ((hash ^ (hash >> 13n)) * 0xc2b2_ae35n) & word
  return Number(hash ^ (hash >> 16n))
}

const SEED = 0x9747_b28c

/** Published test vectors of MurmurHash3_x86_32; the last ones from its C++ source over UTF-8. */
const VECTORS: readonly (readonly [text: string, seed: number, hash: number])[] = [
  ['', 0, 0],
  ['', 1, 0x514e_28b7],
  ['', 0xffff_ffff, 0x81f1_6f39],
  ['\0', 0, 0x514e_28b7],
  ['\0\0', 0, 0x30f4_c306],
  ['\0\0\0', 0, 0x85f0_b427],
  ['\0\0\0\0', 0, 0x2362_f9de],
  ['a', SEED, 0x7fa0_9ea6],
  ['aa', SEED, 0x5d21_1726],
  ['aaa', SEED, 0x283e_0130],
  ['aaaa', SEED, 0x5a97_808a],
  ['ab', SEED, 0x7487_5592],
  ['abc', SEED, 0xc84a_62dd],
  ['abcd', SEED, 0xf047_8627],
  ['test', 0, 0xba6b_d213],
  ['test', SEED, 0x704b_81dc],
  ['Hello, world!', 0, 0xc036_3e43],
  ['Hello, world!', SEED, 0x2488_4cba],
  ['The quick brown fox jumps over the lazy dog', SEED, 0x2fa8_26cd],
  ['a'.repeat(256), SEED, 0x3740_5bdc],
  ['ππππππππ', SEED, 0xd580_63c1],
  ['My 🚀 is full of 🦎.', 0, 1_818_098_979],
  ['吉 星 高 照', 0, 3_435_142_074],
]

describe('murmur3', () => {
  test.for(VECTORS)('of %j with seed %d is %d', ([text, seed, hash]) => {
    expect(murmur3(utf8(text), seed)).toBe(hash)
    expect(referenceHash(Buffer.from(text), seed)).toBe(hash)
  })

  test('has high bytes in every place', () => {
    expect(murmur3('\xff\xff\xff\xff', 0)).toBe(0x7629_3b50)
    expect(murmur3('\x21\x43\x65\x87', 0)).toBe(0xf55b_516b)
    expect(murmur3('\x21\x43\x65\x87', 0x5082_edee)).toBe(0x2362_f9de)
  })

  test('passes the verification of SMHasher', () => {
    const hashes = Buffer.alloc(4 * 256)
    for (let i = 0; i < 256; i++) {
      const key = Buffer.from(Uint8Array.from({ length: i }, (_, byte) => byte)).toString('latin1')
      hashes.writeUInt32LE(murmur3(key, 256 - i), 4 * i)
    }
    expect(murmur3(hashes.toString('latin1'), 0)).toBe(0xb0f5_7ee3)
  })

  test('agrees with the reference on any bytes and seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 0xffff_ffff }), (bytes, seed) => {
        const text = Buffer.from(bytes).toString('latin1')
        expect(murmur3(text, seed)).toBe(referenceHash(bytes, seed))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a bucket', () => {
  test('is the hash modulo the number of buckets', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 0xffff_ffff }), (text, seed) => {
        const unit = utf8(text)
        expect(bucketOf(unit, seed)).toBe(referenceHash(Buffer.from(text), seed) % BUCKET_COUNT)
      }),
    )
  })

  test('is the same for bytes off the wire and for the text that they are', () => {
    const wire = Buffer.from('session=naïve-user-吉').toString('latin1')
    expect(bucketOf(wire, 7)).toBe(bucketOf(utf8('session=naïve-user-吉'), 7))
  })
})

test('the seed of a salt is its hash, over UTF-8', () => {
  expect(seedOf('test')).toBe(0xba6b_d213)
  expect(seedOf('吉 星 高 照')).toBe(3_435_142_074)
})
