import { expect, test } from 'vitest'
import { RollingWindow } from '../../src/analyzer/window.ts'
import { ALPHA_ROLLOUT, judgeWindow } from '../../src/control/rollout/guard.ts'
import type { Plan } from '../../src/control/rollout/state.ts'
import { seededRandom } from './random.ts'

/**
 * The guard as the engine runs it, on drawn traffic: one look a second over a rolling window that begins with
 * each step, taken back at the second failing look in a row.
 */
function isTakenBack(
  plan: Plan,
  canary: { errorRatio: number; perSecond: number },
  random: () => number,
) {
  for (const step of plan.steps) {
    if (step.type !== 'pause' || step.durationMs === null) continue
    const window = new RollingWindow(plan.guard.windowMs)
    let row = 0
    for (let nowMs = 1_000; nowMs <= step.durationMs; nowMs += 1_000) {
      const requestCount = poisson(canary.perSecond, random)
      let errorCount = 0
      for (let i = 0; i < requestCount; i++) if (random() < canary.errorRatio) errorCount++
      window.add(nowMs, { requestCount, errorCount, binCount: 0, ...NO_BINS })
      row = judgeWindow(plan, window.counts(nowMs)).verdict === 'fail' ? row + 1 : 0
      if (row > plan.guard.consecutiveFailureLimit) return true
    }
  }
  return false
}

const NO_BINS = { bins: new Uint16Array(0), counts: new Uint32Array(0) }

/** Knuth's method; fine for the small means used here. */
function poisson(mean: number, random: () => number): number {
  const limit = Math.exp(-mean)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count++
  return count
}

function planOf(successCriteria: string, stepCount: number, durationMs: number): Plan {
  return {
    steps: Array.from({ length: stepCount }, () => ({ type: 'pause', durationMs }) as const),
    guard: {
      coin: false,
      successCriteria,
      windowMs: 60_000,
      intervalMs: 1_000,
      consecutiveFailureLimit: 1,
      failureLimit: null,
    },
  }
}

const RUNS = 300

test.for([
  { limit: 0.01, perSecond: 1, steps: 1 },
  { limit: 0.01, perSecond: 20, steps: 2 },
  { limit: 0.05, perSecond: 5, steps: 2 },
  { limit: 0.05, perSecond: 20, steps: 1 },
])(
  'a canary exactly at a limit of $limit, $perSecond requests/s, is hardly ever taken back',
  ({ limit, perSecond, steps }) => {
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const plan = planOf(`error_rate<${limit * 100}%`, steps, 90_000)
    let takenBack = 0
    for (let run = 0; run < RUNS; run++) {
      if (isTakenBack(plan, { errorRatio: limit, perSecond }, random)) takenBack++
    }
    // A true share of 1 % gives more than 11 of 300 less than once in 10 000 times.
    expect(takenBack, `seed ${seed}, bound ${ALPHA_ROLLOUT}`).toBeLessThanOrEqual(11)
  },
)

test('a canary that fails 30 % of its requests is taken back within the first step', () => {
  const random = seededRandom(7)
  const plan = planOf('error_rate<1%', 1, 10_000)
  for (let run = 0; run < 50; run++) {
    expect(isTakenBack(plan, { errorRatio: 0.3, perSecond: 20 }, random)).toBe(true)
  }
})

/** The same with a limit that follows stable, whose window is drawn too. */
function isTakenBackBesideStable(plan: Plan, errorRatio: number, random: () => number): boolean {
  const windows = { canary: new RollingWindow(60_000), stable: new RollingWindow(60_000) }
  let row = 0
  for (let nowMs = 1_000; nowMs <= 90_000; nowMs += 1_000) {
    for (const [window, perSecond] of [
      [windows.canary, 5],
      [windows.stable, 20],
    ] as const) {
      const requestCount = poisson(perSecond, random)
      let errorCount = 0
      for (let i = 0; i < requestCount; i++) if (random() < errorRatio) errorCount++
      window.add(nowMs, { requestCount, errorCount, binCount: 0, ...NO_BINS })
    }
    const stable = windows.stable.counts(nowMs)
    const { verdict } = judgeWindow(plan, windows.canary.counts(nowMs), { stable })
    row = verdict === 'fail' ? row + 1 : 0
    if (row > plan.guard.consecutiveFailureLimit) return true
  }
  return false
}

test.for([0.01, 0.1])(
  'a canary that fails as stable does, %d of its requests, is hardly ever taken back',
  (errorRatio) => {
    const seed = Date.now() % 1_000_000
    const random = seededRandom(seed)
    const plan = planOf('error_rate<stable*1', 1, 90_000)
    let takenBack = 0
    for (let run = 0; run < RUNS; run++) {
      if (isTakenBackBesideStable(plan, errorRatio, random)) takenBack++
    }
    expect(takenBack, `seed ${seed}, bound ${ALPHA_ROLLOUT}`).toBeLessThanOrEqual(11)
  },
)
