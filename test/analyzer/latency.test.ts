import { describe, expect, test } from 'vitest'
import { BIN_COUNT, MAX_LATENCY_US, binIndex, binUpperUs } from '../../src/analyzer/histogram.ts'
import {
  LATENCY_QUANTILES,
  type SettledLatency,
  StableLatency,
  latencyThresholds,
  slowCount,
} from '../../src/analyzer/latency.ts'
import { stats } from '../vectors/stats.ts'

/** Pairs of latency in microseconds and how many requests took it. */
function settled(
  pairs: readonly (readonly [number, number])[],
  unansweredCount = 0,
): SettledLatency {
  const bins = new Float64Array(BIN_COUNT)
  for (const [latencyUs, count] of pairs) bins[binIndex(latencyUs)]! += count
  return { bins, unansweredCount }
}

const UNIFORM = settled(Array.from({ length: 1_000 }, (_, i) => [(i + 1) * 1_000, 1] as const))

describe('thresholds', () => {
  test("are the upper edges of stable's quantiles, and 15 % more for the canary", () => {
    const thresholds = latencyThresholds(UNIFORM)!
    for (const [i, { quantile }] of LATENCY_QUANTILES.entries()) {
      const { stableUs, canaryUs } = thresholds[i]!
      expect(stableUs).toBe(binUpperUs(binIndex(quantile * 1_000_000)))
      expect(canaryUs).toBe(binUpperUs(binIndex(Math.ceil(1.15 * stableUs))))
    }
  })

  test('leave at least 5 ms', () => {
    const [median] = latencyThresholds(settled([[1_000, 500]]))!
    expect(median).toEqual({ stableUs: 1_007, canaryUs: binUpperUs(binIndex(6_007)) })
  })

  test('need 500 requests', () => {
    expect(latencyThresholds(settled([[1_000, 499]]))).toBeNull()
    expect(latencyThresholds(settled([[1_000, 499]], 1))).not.toBeNull()
  })

  test('count what was not answered as the slowest', () => {
    // Of 1000 two are unanswered: p99 is the rank 990 of the 998 that were answered.
    const thresholds = latencyThresholds({ ...UNIFORM, unansweredCount: 60 })!
    expect(thresholds[1]!.stableUs).toBe(binUpperUs(binIndex(954_000)))
    expect(thresholds[2]).toBeNull()
    expect(thresholds[3]).toBeNull()
  })

  test('beyond the last bin are none', () => {
    expect(latencyThresholds(settled([[MAX_LATENCY_US, 1_000]]))).toEqual([null, null, null, null])
    expect(latencyThresholds(settled([], 1_000))).toEqual([null, null, null, null])
  })
})

test.for(stats.log_linear_histogram.cases.filter(({ v }) => v <= MAX_LATENCY_US))(
  '$v us is in bin $index, as the reference values say',
  ({ v, index, upper }) => {
    expect(binIndex(v)).toBe(index)
    expect(binUpperUs(index)).toBe(upper)
  },
)

test('what is slower than a threshold is counted exactly', () => {
  const latency = settled(
    [
      [1_000, 10],
      [1_008, 5],
      [90_000, 2],
    ],
    3,
  )
  expect(slowCount(latency, 1_007)).toBe(10)
  expect(slowCount(latency, binUpperUs(binIndex(1_008)))).toBe(5)
  expect(slowCount(latency, 999_999)).toBe(3)
})

describe("stable's latencies", () => {
  const fast = settled([[10_000, 600]])
  const slow = settled([[40_000, 600]])

  test('count when their slot is closed, not before', () => {
    const stable = new StableLatency()
    stable.add(fast)
    expect(stable.thresholds).toEqual([null, null, null, null])
    stable.close()
    expect(stable.thresholds[0]!.stableUs).toBe(binUpperUs(binIndex(10_000)))
  })

  test('are forgotten after six slots more', () => {
    const stable = new StableLatency()
    stable.add(fast)
    stable.close()
    for (let slot = 0; slot < 5; slot++) stable.close()
    // The seventh slot pushes the first out.
    stable.add(slow)
    stable.close()
    expect(stable.thresholds[0]!.stableUs).toBe(binUpperUs(binIndex(40_000)))
  })

  test('keep their thresholds while there is too little', () => {
    const stable = new StableLatency()
    stable.add(fast)
    stable.close()
    const armed = stable.thresholds
    for (let slot = 0; slot < 20; slot++) stable.close()
    expect(stable.thresholds).toEqual(armed)
    expect(new StableLatency({}, armed).thresholds).toEqual(armed)
  })
})
