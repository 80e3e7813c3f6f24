import { expect, test } from 'vitest'
import { undecidable } from '../../../src/control/rollout/undecidable.ts'
import { GUARD, PLAN, STEPS } from './fixtures.ts'

const planBy = (successCriteria: string) => ({ steps: STEPS, guard: { ...GUARD, successCriteria } })

test.for([
  ['error_rate<5%', 100],
  ['custom.conversion>95', 0],
  ['', 0],
] as const)('%s at %d requests/s can be decided', ([criteria, perSecond]) => {
  expect(undecidable(planBy(criteria), perSecond)).toEqual([])
})

test('a criterion is told of at the first step that cannot decide it, with the arithmetic', () => {
  expect(undecidable(PLAN, 0.5)).toEqual([
    expect.stringMatching(
      /^step 2 of 6 at 5 %: error_rate<5% can never be decided at this traffic: 0\.025 requests\/s to canary are 1 request in a window of 60s, and it takes \d+ to pass/,
    ),
  ])
})

test('one that follows stable cannot be decided where stable has no traffic left', () => {
  expect(undecidable(planBy('error_rate<stable*1.5+1%'), 1_000)).toEqual([
    expect.stringMatching(/^step 6 of 6 at 100 %: .* 0 requests\/s to stable are 0 requests/),
  ])
})

test('a minimum of requests is one too; with fewer the others can still fail', () => {
  const warnings = undecidable(planBy('error_rate<5%,requests>=1000'), 100)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('300 requests in a window of 60s, and it takes 1000')
})

/** 5 % until there is evidence. */
const waiting = (durationMs: number | null) => ({
  steps: [
    { type: 'setWeight', weightBp: 500 } as const,
    { type: 'pause', durationMs, dwellMs: 30_000 } as const,
  ],
  guard: { ...GUARD, coin: true, successCriteria: '' },
})

test('a step that waits for evidence tells when there is too little traffic for it', () => {
  expect(undecidable(waiting(null), 1)).toEqual([])
  expect(undecidable(waiting(null), 0.1)).toEqual([
    'step 2 of 2 at 5 % waits for evidence: it takes 897 requests of a canary that never fails while stable never fails either, and at this traffic the canary gets 0.005 a second, which takes 2d1h50m or more',
  ])
  expect(undecidable(waiting(60_000), 1)[0]).toContain('waits for evidence and lasts 1m: it takes')
  expect(undecidable(waiting(null), 0)[0]).toContain('so there never will be any')
})
