import { expect, test } from 'vitest'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import type { WindowCounts } from '../../../src/analyzer/window.ts'
import { ALPHA_ROLLOUT, alphaWindow, judgeWindow } from '../../../src/control/rollout/guard.ts'
import type { Plan, Step } from '../../../src/control/rollout/state.ts'
import { GUARD, PLAN } from './fixtures.ts'

function counts(requestCount: number, errorCount: number): WindowCounts {
  const latency = new Float64Array(BIN_COUNT)
  latency[binIndex(1_000)] = requestCount
  return { requestCount, errorCount, latency }
}

const planBy = (successCriteria: string): Plan => ({
  ...PLAN,
  guard: { ...GUARD, successCriteria },
})
const judged = (successCriteria: string) =>
  judgeWindow(planBy(successCriteria), counts(200, 24)).checks[0]
const plan = (...steps: readonly Step[]): Plan => ({ steps, guard: GUARD })

test.for([
  { requestCount: 0, errorCount: 0, verdict: 'noData' },
  { requestCount: 10, errorCount: 10, verdict: 'fail' },
  { requestCount: 1_000, errorCount: 500, verdict: 'fail' },
  { requestCount: 1_000, errorCount: 55, verdict: 'inconclusive' },
  { requestCount: 1_000, errorCount: 10, verdict: 'pass' },
] as const)(
  '$errorCount of $requestCount failed: $verdict',
  ({ requestCount, errorCount, verdict }) => {
    const finding = judgeWindow(PLAN, counts(requestCount, errorCount))
    expect(finding.verdict).toBe(verdict)
    expect(finding.sentence).toContain('error_rate<5%')
    expect(finding.checks).toHaveLength(1)
  },
)

test.for([
  { name: 'a plan without a hold', steps: [], windows: 1 },
  { name: 'less than a window', steps: [{ type: 'pause', durationMs: 1_000 }], windows: 1 },
  { name: 'ten minutes', steps: [{ type: 'bake', durationMs: 600_000 }], windows: 10 },
  { name: 'an hour where nobody knows', steps: [{ type: 'pause', durationMs: null }], windows: 60 },
] as const)('$name shares its false alarms among $windows windows', ({ steps, windows }) => {
  expect(alphaWindow(plan(...steps), 1) * windows).toBeCloseTo(alphaWindow(plan(), 1), 12)
  expect(alphaWindow(plan(...steps), 1)).toBeLessThanOrEqual(ALPHA_ROLLOUT / windows)
})

test('two criteria share the false alarms between them', () => {
  expect(alphaWindow(plan(), 2)).toBeCloseTo(alphaWindow(plan(), 1) / 2, 12)
})

test('what is pushed, and a minimum of requests, have no share in the false alarms', () => {
  expect(judged('error_rate<5%,requests>=1,custom.x>1')).toEqual(
    judged('error_rate<5%,requests>=1'),
  )
})

test('a limit that follows stable is no data without its window', () => {
  const following = planBy('error_rate<stable*1.5')
  expect(judgeWindow(following, counts(1_000, 0)).verdict).toBe('noData')
  expect(judgeWindow(following, counts(1_000, 0), { stable: counts(1_000, 0) }).verdict).toBe(
    'pass',
  )
})
