/** Each sample is one tick of 50 rollouts with all checks, which must take less than 2 ms. */

import { expect, test } from 'vitest'
import { STANDARD_GUARD } from '../../src/analyzer/guard/config.ts'
import type { Outcomes, TickCounts } from '../../src/analyzer/guard/counts.ts'
import { createGuard } from '../../src/analyzer/guard/guard.ts'
import { explain } from '../../src/analyzer/guard/sentence.ts'

const ROLLOUT_COUNT = 50
const LIMIT_MS = 2

const PLAN = { tickMs: 100, horizonMs: 3_600_000, stepCount: 4 }

function outcomes(requestCount: number, badCount: number): Outcomes {
  return {
    requestCount,
    failedCount: badCount,
    clientErrorCount: badCount,
    timedCount: requestCount,
    slowCounts: [requestCount >> 1, requestCount >> 3, requestCount >> 4, requestCount >> 6],
  }
}

/** Ten ticks in turn, so that counts differ; two weights, as just after a step. */
const TICKS: readonly TickCounts[] = Array.from({ length: 10 }, (_, i) => ({
  epochs: [
    { weightBp: 500, canary: outcomes(5 * i, i % 3), stable: outcomes(95 * i, i) },
    { weightBp: 2_500, canary: outcomes(25 * i, i % 2), stable: outcomes(75 * i, i) },
  ],
}))

function guards() {
  return Array.from({ length: ROLLOUT_COUNT }, () => createGuard(STANDARD_GUARD, PLAN))
}

test('guard, one tick of 50 rollouts', async ({ bench }) => {
  const rollouts = guards()
  let tickIndex = 0
  const result = await bench('tick', () => {
    const counts = TICKS[tickIndex++ % TICKS.length]!
    for (const guard of rollouts) guard.tick(counts)
  }).run({ time: 500, warmupTime: 300 })
  expect(rollouts[0]!.evidence().tickCount).toBe(tickIndex)
  expect(result.latency.p50).toBeLessThan(LIMIT_MS)
})

test('guard, one tick of 50 rollouts, each saved and explained', async ({ bench }) => {
  const rollouts = guards()
  let tickIndex = 0
  let charCount = 0
  const result = await bench('tick, save and explain', () => {
    const counts = TICKS[tickIndex++ % TICKS.length]!
    for (const guard of rollouts) {
      charCount += explain(guard.tick(counts)).length + JSON.stringify(guard.save()).length
    }
  }).run({ time: 200 })
  expect(charCount).toBeGreaterThan(0)
  expect(result).toBeDefined()
})

test('guard, the interval for display', async ({ bench }) => {
  const [guard] = guards()
  for (const counts of TICKS) guard!.add(counts)
  const result = await bench('excess', () => {
    guard!.excess()
  }).run({ time: 100 })
  expect(result).toBeDefined()
})
