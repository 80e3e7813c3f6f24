import { expect, test } from 'vitest'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import { createGuard } from '../../../src/analyzer/guard/guard.ts'
import type { StepEvidence } from '../../../src/analyzer/guard/step-promotion.ts'
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

test('a step that waits for evidence says how much there is, and until when it waits all the same', () => {
  const steps = [
    PLAN.steps[0]!,
    { type: 'pause', durationMs: null, dwellMs: 90_000 } as const,
    ...PLAN.steps.slice(2),
  ]
  const guard = { ...PLAN.guard, coin: true, successCriteria: '' }
  const waiting = { ...live, plan: { steps, guard }, deadlineMs: null }
  const evidence = createGuard(STANDARD_GUARD, { tickMs: 100, horizonMs: 1, stepCount: 0 })
  const holding = (rollout: Rollout, isEnough: boolean | null, nowMs = NOW_MS) => {
    const step: StepEvidence = {
      log10: 0.4,
      limitLog10: 1.3,
      againstLog10: -1,
      againstLimitLog10: 1,
      isReached: isEnough === true,
      isEnough: isEnough === true,
      leastMs: 90_000,
    }
    const known = {
      evidence: evidence.evidence(),
      sentence: 'no sign',
      isTimed: true,
      canaryCount: 1,
    }
    const opinion = { ...known, step: { ...step, sentence: 'so much', record: null } }
    return viewRollout(rollout, nowMs, isEnough === null ? null : { opinion }).holding
  }
  const where = '5 % on the canary, step 2 of 4 (pause for evidence, at least 1m30s)'
  expect(holding(waiting, false)).toMatchObject({ why: `${where}: so much`, until: null })
  expect(holding(waiting, true)).toMatchObject({
    why: `${where}: so much; its least time is not over`,
    until: new Date(START_MS + 90_000).toISOString(),
  })
  expect(holding({ ...waiting, judgement: noData }, true, START_MS + 90_000)).toMatchObject({
    why: `${where}: so much, but the guard has not passed the step: 3 of 50 requests`,
    until: null,
  })
  expect(holding(waiting, null)).toMatchObject({ why: `${where}: the evidence is not known yet` })
  expect(viewRollout(waiting, NOW_MS).plan.steps[1]).toEqual({
    pause: { advance: 'onEvidence', dwell: '1m30s' },
  })
})
