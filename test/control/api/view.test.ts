import { expect, test } from 'vitest'
import { RolloutView } from '../../../src/control/api/schema.ts'
import { viewRollout } from '../../../src/control/api/view.ts'
import type { Judgement, Rollout } from '../../../src/control/rollout/state.ts'
import { PLAN, RUNNING, rolloutBase, START_MS } from './fake-engine.ts'

const NOW_MS = START_MS + 60_000
const UNTIL = new Date(START_MS + 120_000).toISOString()
const base = rolloutBase()
const live: Rollout = { ...base, ...RUNNING, phase: 'progressing' }
const ended = { endedAtMs: NOW_MS, reason: 'why it ended' }
const held = { deadlineMs: null, reason: 'ada paused it', resumesTo: 'progressing' } as const
const passed: Judgement = { verdict: 'pass', sentence: 'all is well', atMs: NOW_MS }
const noData: Judgement = { verdict: 'noData', sentence: '3 of 50 requests', atMs: NOW_MS }

test.for<[rollout: Rollout, weight: number, step: number | null, ended: boolean]>([
  [live, 5, 1, false],
  [{ ...live, phase: 'baking', stepIndex: 3, weightBp: 10_000 }, 100, 3, false],
  [{ ...live, ...held, phase: 'paused', weightBp: 1_234 }, 12.34, 1, false],
  [{ ...live, ...held, phase: 'blocked' }, 0, 1, false],
  [{ ...base, ...ended, phase: 'promoted' }, 100, null, true],
  [{ ...base, ...ended, phase: 'aborted', stepIndex: 1, weightBp: 500 }, 0, 1, true],
  [{ ...base, ...ended, phase: 'rolledBack', stepIndex: 3, weightBp: 10_000 }, 0, 3, true],
  [{ ...base, ...ended, phase: 'superseded', stepIndex: 1, weightBp: 500 }, 0, 1, true],
])('$0.phase: weight $1, step $2', ([rollout, weight, step, hasEnded]) => {
  const view = viewRollout(rollout, NOW_MS)
  expect(RolloutView.parse(view)).toEqual(view)
  expect(view.weight).toBe(weight)
  expect(view.step?.index ?? null).toBe(step)
  expect(view.holding === null).toBe(hasEnded)
  expect(view.endedAt !== null).toBe(hasEnded)
  expect(view.reason).toBe('reason' in rollout ? rollout.reason : null)
})

test.for<[what: string, rollout: Rollout, nowMs: number, holding: object]>([
  [
    'a timed pause holds until its deadline',
    live,
    NOW_MS,
    {
      why: '5 % on the canary, step 2 of 4 (pause 2m)',
      until: UNTIL,
      waysOut: ['promote', 'pause', 'setWeight', 'abort'],
    },
  ],
  [
    'a step whose time is over holds until the guard passes it',
    { ...live, judgement: noData },
    START_MS + 120_000,
    {
      why: 'step 2 of 4 is over, but the guard has not passed it: 3 of 50 requests',
      until: null,
      waysOut: ['promote', 'pause', 'setWeight', 'abort'],
    },
  ],
  [
    'a step whose time is over and that nobody has judged says so',
    live,
    START_MS + 130_000,
    {
      why: 'step 2 of 4 is over, but the guard has not passed it: nothing has been judged yet',
      until: null,
      waysOut: ['promote', 'pause', 'setWeight', 'abort'],
    },
  ],
  [
    'without a guard the deadline decides alone',
    { ...live, plan: { ...PLAN, guard: { ...PLAN.guard, successCriteria: '' } } },
    START_MS + 120_000,
    {
      why: '5 % on the canary, step 2 of 4 (pause 2m)',
      until: UNTIL,
      waysOut: ['promote', 'pause', 'setWeight', 'abort'],
    },
  ],
  [
    'a pause waits for a person',
    { ...live, ...held, phase: 'paused' },
    NOW_MS,
    {
      why: 'ada paused it',
      until: null,
      waysOut: ['promote', 'resume', 'setWeight', 'abort'],
    },
  ],
  [
    'a blocked rollout waits for the configuration',
    { ...live, ...held, phase: 'blocked', reason: 'upstream "shop-v2" is gone' },
    NOW_MS,
    { why: 'upstream "shop-v2" is gone', until: null, waysOut: ['resume', 'abort'] },
  ],
])('%s', ([, rollout, nowMs, holding]) => {
  expect(viewRollout(rollout, nowMs).holding).toEqual(holding)
})

test('the last judgement of the step is the verdict', () => {
  expect(viewRollout(live, NOW_MS).verdict).toBeNull()
  expect(viewRollout({ ...live, judgement: passed }, NOW_MS).verdict).toEqual({
    verdict: 'pass',
    sentence: 'all is well',
    at: new Date(NOW_MS).toISOString(),
  })
})

test('the plan is shown in the words of the request', () => {
  const plan = {
    ...PLAN,
    steps: [...PLAN.steps.slice(0, 1), { type: 'pause', durationMs: null }, ...PLAN.steps.slice(1)],
  } as const
  expect(viewRollout({ ...live, plan }, NOW_MS).plan).toEqual({
    steps: [
      { setWeight: 5 },
      { pause: {} },
      { pause: { duration: '2m' } },
      { setWeight: 100 },
      { bake: { duration: '10m' } },
    ],
    guard: {
      coin: false,
      successCriteria: 'error_rate<1%',
      window: '1m',
      interval: '1s',
      consecutiveFailureLimit: 1,
      failureLimit: null,
    },
  })
})
