import { expect, test } from 'vitest'
import { countToFail } from '../../src/analyzer/binomial.ts'
import { BIN_COUNT, binIndex } from '../../src/analyzer/histogram.ts'
import { windowStats } from '../../src/analyzer/window.ts'

test('histogram, 1000 latencies into bins', async ({ bench }) => {
  const latenciesUs = Uint32Array.from({ length: 1_000 }, (_, i) => (i * 7_919) % 500_000)
  const latency = new Uint32Array(BIN_COUNT)
  const result = await bench('count', () => {
    for (const us of latenciesUs) latency[binIndex(us)]!++
  }).run({ time: 50 })
  expect(latency.some((count) => count > 0)).toBe(true)
  expect(result).toBeDefined()
})

test('histogram, the numbers of one window', async ({ bench }) => {
  const latency = new Float64Array(BIN_COUNT).fill(3)
  const counts = { requestCount: 3 * BIN_COUNT, errorCount: 1, latency }
  const result = await bench('windowStats', () => {
    windowStats(counts)
  }).run({ time: 50 })
  expect(result).toBeDefined()
})

test.for([1_000, 10_000_000])('binomial, %d requests', async (count, { bench }) => {
  const result = await bench('countToFail', () => {
    countToFail(count, 0.01, 1.7e-4)
  }).run({ time: 50 })
  expect(result).toBeDefined()
})
