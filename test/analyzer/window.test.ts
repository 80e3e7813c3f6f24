import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BIN_COUNT, MAX_LATENCY_US, binIndex } from '../../src/analyzer/histogram.ts'
import {
  type Delta,
  MIN_SLOT_MS,
  RollingWindow,
  SLOT_LIMIT,
  quantileUs,
  sum,
  windowStats,
} from '../../src/analyzer/window.ts'

/** What happened at a moment: latencies of answered requests, and how many failed. */
interface Tick {
  readonly afterMs: number
  readonly latenciesUs: readonly number[]
  readonly errorCount: number
}

const latencyUs = fc.integer({ min: 0, max: MAX_LATENCY_US })

const ticks = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 40_000 })),
    latenciesUs: fc.array(latencyUs, { maxLength: 8 }),
    errorCount: fc.integer({ min: 0, max: 3 }),
  }),
  { maxLength: 120 },
)

const lengthsMs = fc.constantFrom(100, 1_000, 10_000, 60_000, 300_000)

function delta({ latenciesUs, errorCount }: Pick<Tick, 'latenciesUs' | 'errorCount'>): Delta {
  const counts = new Map<number, number>()
  for (const us of latenciesUs) counts.set(binIndex(us), (counts.get(binIndex(us)) ?? 0) + 1)
  return {
    requestCount: latenciesUs.length + errorCount,
    errorCount,
    binCount: counts.size,
    bins: Uint16Array.from(counts.keys()),
    counts: Uint32Array.from(counts.values()),
  }
}

/** Adds up the ticks after `fromMs` and up to now, the plain way. */
function plain(seen: readonly (readonly [number, Tick])[], fromMs: number) {
  const latency = new Float64Array(BIN_COUNT)
  let requestCount = 0
  let errorCount = 0
  for (const [atMs, tick] of seen) {
    if (atMs <= fromMs) continue
    requestCount += tick.latenciesUs.length + tick.errorCount
    errorCount += tick.errorCount
    for (const us of tick.latenciesUs) latency[binIndex(us)]! += 1
  }
  return { requestCount, errorCount, latency }
}

describe('a rolling window', () => {
  test('is the difference of the totals now and one length ago, but for less than one slot', () => {
    fc.assert(
      fc.property(lengthsMs, ticks, (lengthMs, story) => {
        const slotMs = Math.ceil(lengthMs / SLOT_LIMIT / MIN_SLOT_MS) * MIN_SLOT_MS
        const window = new RollingWindow(lengthMs)
        const seen: [number, Tick][] = []
        let nowMs = 1_700_000_000_000
        for (const tick of story) {
          nowMs += tick.afterMs
          window.add(nowMs, delta(tick))
          seen.push([nowMs, tick])
          // Slots that began at or before now - length are gone; this is where the oldest kept one begins.
          const fromMs = (Math.floor((nowMs - lengthMs) / slotMs) + 1) * slotMs
          expect(window.counts(nowMs)).toEqual(plain(seen, fromMs - 1))
          expect(fromMs - (nowMs - lengthMs)).toBeLessThanOrEqual(slotMs)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('is empty when its length has gone by, whatever it held', () => {
    fc.assert(
      fc.property(lengthsMs, ticks, (lengthMs, story) => {
        const window = new RollingWindow(lengthMs)
        let nowMs = 0
        for (const tick of story) window.add((nowMs += tick.afterMs), delta(tick))
        const { requestCount, errorCount, latency } = window.counts(nowMs + lengthMs)
        expect([requestCount, errorCount, sum(latency)]).toEqual([0, 0, 0])
      }),
      { numRuns: 60 },
    )
  })

  test('hands out copies', () => {
    const window = new RollingWindow(1_000)
    const before = window.counts(0)
    window.add(0, delta({ latenciesUs: [7], errorCount: 0 }))
    expect(before.latency[7]).toBe(0)
    expect(window.counts(0).latency[7]).toBe(1)
  })

  test('counts an earlier time as the latest that it has seen', () => {
    const window = new RollingWindow(1_000)
    window.add(5_000, delta({ latenciesUs: [1], errorCount: 0 }))
    window.add(1_000, delta({ latenciesUs: [1], errorCount: 0 }))
    expect(window.counts(5_900).requestCount).toBe(2)
    expect(window.counts(6_000).requestCount).toBe(0)
  })

  test('never tells more errors than requests', () => {
    const window = new RollingWindow(1_000)
    window.add(0, { ...delta({ latenciesUs: [], errorCount: 0 }), errorCount: 1 })
    expect(window.counts(0)).toMatchObject({ requestCount: 0, errorCount: 0 })
    window.add(100, { ...delta({ latenciesUs: [], errorCount: 0 }), requestCount: 1 })
    expect(window.counts(100)).toMatchObject({ requestCount: 1, errorCount: 1 })
  })

  test.for([99, 0, -1, NaN])('cannot be %d ms long', (lengthMs) => {
    expect(() => new RollingWindow(lengthMs)).toThrow(RangeError)
  })
})

describe('the quantiles', () => {
  test('are never below the exact ones and at most 3.2 % above', () => {
    const quantiles = fc.constantFrom(0.07, 0.5, 0.9, 0.95, 0.99, 0.999)
    const samples = fc.array(latencyUs, { minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(samples, quantiles, (sample, quantile) => {
        const { latency } = plain([[1, { afterMs: 0, latenciesUs: sample, errorCount: 0 }]], 0)
        const rank = Math.ceil(Number((quantile * sample.length).toFixed(6)))
        const exactUs = sample.toSorted((a, b) => a - b)[rank - 1]!
        const foundUs = quantileUs(latency, sample.length, quantile)!
        expect(foundUs).toBeGreaterThanOrEqual(exactUs)
        expect(foundUs - exactUs).toBeLessThanOrEqual(exactUs / 31.25)
      }),
    )
  })

  test('are null when there was no answer, and so is the ratio without a request', () => {
    const latency = new Float64Array(BIN_COUNT)
    expect(windowStats({ requestCount: 0, errorCount: 0, latency })).toEqual({
      requestCount: 0,
      errorCount: 0,
      errorRatio: null,
      p50Us: null,
      p95Us: null,
      p99Us: null,
    })
    expect(windowStats({ requestCount: 4, errorCount: 4, latency }).errorRatio).toBe(1)
  })

  test('of 100 answers are the 50th, the 95th and the 99th', () => {
    const latency = new Float64Array(BIN_COUNT)
    for (let us = 1; us <= 100; us++) latency[binIndex(us)]! += 1
    expect(windowStats({ requestCount: 100, errorCount: 3, latency })).toEqual({
      requestCount: 100,
      errorCount: 3,
      errorRatio: 0.03,
      p50Us: 50,
      p95Us: 95,
      p99Us: 99,
    })
  })
})
