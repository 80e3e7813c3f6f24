import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { BIN_COUNT, MAX_LATENCY_US, binIndex, binUpperUs } from '../../src/analyzer/histogram.ts'

const latencies = fc.integer({ min: 0, max: MAX_LATENCY_US })

interface Vectors {
  readonly cases: readonly { latencyUs: number; index: number; upperUs: number }[]
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('vectors/log-linear-histogram.json', import.meta.url), 'utf8'),
)

test.for(vectors.cases)('$latencyUs us is in bin $index', ({ latencyUs, index, upperUs }) => {
  expect(binIndex(latencyUs)).toBe(index)
  expect(binUpperUs(index)).toBe(upperUs)
})

test('the bins lie end to end and cover every latency up to the longest', () => {
  let lowerUs = 0
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    expect([binIndex(lowerUs), binIndex(binUpperUs(bin))]).toEqual([bin, bin])
    lowerUs = binUpperUs(bin) + 1
  }
  expect(lowerUs - 1).toBe(MAX_LATENCY_US)
})

test('a longer latency is never in an earlier bin', () => {
  fc.assert(
    fc.property(latencies, latencies, (a, b) => {
      expect(binIndex(Math.min(a, b))).toBeLessThanOrEqual(binIndex(Math.max(a, b)))
    }),
  )
})

test('a bin ends at most 3.2 % above what it holds', () => {
  fc.assert(
    fc.property(latencies, (latencyUs) => {
      const upperUs = binUpperUs(binIndex(latencyUs))
      expect(upperUs).toBeGreaterThanOrEqual(latencyUs)
      expect(upperUs - latencyUs).toBeLessThanOrEqual(latencyUs / 31.25)
    }),
  )
})

test.for([
  ['less than nothing', -1, 0],
  ['a fraction', 31.9, 31],
  ['longer than the longest', 2 ** 31 - 1, BIN_COUNT - 1],
  ['longer than 32 bits', 2 ** 40, BIN_COUNT - 1],
] as const)('%s has a bin too', ([, latencyUs, index]) => {
  expect(binIndex(latencyUs)).toBe(index)
})
