import { describe, expect, test } from 'vitest'
import { DEFAULT_GUARD, type GuardInput } from '../../../src/control/rollout/guard-plan.ts'
import { readPlan, type StepInput } from '../../../src/control/rollout/plan.ts'

const read = (steps: readonly StepInput[], guard?: GuardInput) =>
  readPlan({ strategy: { canary: { steps } }, guard })

const faultsOf = (steps: readonly StepInput[], guard?: GuardInput) => {
  const result = read(steps, guard)
  return 'faults' in result ? result.faults : []
}

test('the words of a request become the steps of the machine', () => {
  expect(
    read([
      { setWeight: 0.07 },
      { pause: { duration: '2m' } },
      { setWeight: 33.33 },
      { pause: {} },
      { setWeight: 100 },
      { bake: { duration: '1h30m' } },
    ]),
  ).toEqual({
    plan: {
      steps: [
        { type: 'setWeight', weightBp: 7 },
        { type: 'pause', durationMs: 120_000 },
        { type: 'setWeight', weightBp: 3_333 },
        { type: 'pause', durationMs: null },
        { type: 'setWeight', weightBp: 10_000 },
        { type: 'bake', durationMs: 5_400_000 },
      ],
      guard: DEFAULT_GUARD,
    },
  })
})

test('a guard keeps what it says and takes the rest from the default', () => {
  const guard = {
    successCriteria: ' error_rate<1%, latency_p95<2s ',
    window: '5m',
    failureLimit: 3,
  }
  expect(read([{ setWeight: 5 }], guard)).toMatchObject({
    plan: {
      guard: {
        successCriteria: 'error_rate<1%, latency_p95<2s',
        windowMs: 300_000,
        intervalMs: 1_000,
        consecutiveFailureLimit: 1,
        failureLimit: 3,
      },
    },
  })
})

test('a guard says what is done about a check, and about the others it is the default', () => {
  const actions = { latency: 'warn', clientErrors: 'pause' } as const
  expect(read([{ setWeight: 5 }], { actions })).toEqual({
    plan: expect.objectContaining({ guard: { ...DEFAULT_GUARD, actions } }),
  })
})

test.for(['', '  '])('criteria of "%s" switch the guard off', (successCriteria) => {
  expect(read([{ setWeight: 5 }], { successCriteria })).toMatchObject({
    plan: { guard: { successCriteria: '' } },
  })
})

describe('a plan is refused', () => {
  const S = '/strategy/canary/steps'

  test.for<{ steps: readonly StepInput[]; pointer: string; detail: string }>([
    {
      steps: [{ setWeight: 5 }, { setWeight: 25 }, { setWeight: 10 }],
      pointer: `${S}/2/setWeight`,
      detail: 'step 3 lowers the weight from 25 to 10; use abort to lower it',
    },
    {
      steps: [{ setWeight: 101 }],
      pointer: `${S}/0/setWeight`,
      detail: 'step 1 sets the weight to 101; a weight is 0 to 100 percent',
    },
    {
      steps: [{ setWeight: -1 }],
      pointer: `${S}/0/setWeight`,
      detail: 'step 1 sets the weight to -1; a weight is 0 to 100 percent',
    },
    {
      steps: [{ setWeight: 0.125 }],
      pointer: `${S}/0/setWeight`,
      detail: 'step 1 sets the weight to 0.125; a weight has at most two decimals',
    },
    {
      steps: [{ bake: { duration: '1m' } }, { setWeight: 100 }],
      pointer: `${S}/0/bake`,
      detail: 'step 1 bakes, but only the last of the 2 steps may',
    },
    {
      steps: [{ pause: { duration: '1m' } }],
      pointer: S,
      detail: 'no step sets a weight; begin with one such as setWeight: 5',
    },
    {
      steps: [],
      pointer: S,
      detail: 'no step sets a weight; begin with one such as setWeight: 5',
    },
    {
      steps: Array.from({ length: 101 }, () => ({ setWeight: 5 })),
      pointer: S,
      detail: 'a plan has at most 100 steps, this one has 101',
    },
    {
      steps: [{ setWeight: 5 }, { pause: { duration: '90' } }],
      pointer: `${S}/1/pause/duration`,
      detail: 'step 2: "90" has no unit; write 90s for seconds, 90m for minutes',
    },
  ])('$detail', ({ steps, pointer, detail }) => {
    expect(faultsOf(steps)).toEqual([{ pointer, detail }])
  })

  test.for<{ guard: GuardInput; pointer: string; detail: RegExp }>([
    { guard: { window: '10ms' }, pointer: '/guard/window', detail: /is 10ms; it must be 1s to 1h/ },
    {
      guard: { coin: false, actions: { failed: 'warn' } },
      pointer: '/guard/actions',
      detail: /which coin: false turns off/,
    },
    { guard: { window: 'long' }, pointer: '/guard/window', detail: /is not a duration/ },
    { guard: { interval: '5ms' }, pointer: '/guard/interval', detail: /must be 100ms to 1h/ },
    {
      guard: { interval: '2m' },
      pointer: '/guard/interval',
      detail:
        /the interval of 2m is longer than the window of 1m, .*; use an interval of at most 1m/,
    },
    {
      guard: { consecutiveFailureLimit: -1 },
      pointer: '/guard/consecutiveFailureLimit',
      detail: /is -1; it must be a whole number from 0 to 100000/,
    },
    { guard: { failureLimit: 0.5 }, pointer: '/guard/failureLimit', detail: /is 0\.5/ },
    {
      guard: { successCriteria: 'error_rat<1%' },
      pointer: '/guard/successCriteria',
      detail: /character 1: found "error_rat", expected error_rate/,
    },
    {
      guard: { successCriteria: 'x'.repeat(1_025) },
      pointer: '/guard/successCriteria',
      detail: /1025 characters, at most 1024/,
    },
  ])('guard $pointer: $detail', ({ guard, pointer, detail }) => {
    const faults = faultsOf([{ setWeight: 5 }], guard)
    expect(faults.map((fault) => fault.pointer)).toEqual([pointer])
    expect(faults[0]?.detail).toMatch(detail)
  })

  test('with all its faults at once', () => {
    const faults = faultsOf(
      [{ setWeight: 25 }, { setWeight: 10 }, { pause: { duration: '1x' } }, { setWeight: 200 }],
      { window: '1' },
    )
    expect(faults.map((fault) => fault.pointer)).toEqual([
      `${S}/1/setWeight`,
      `${S}/2/pause/duration`,
      `${S}/3/setWeight`,
      '/guard/window',
    ])
  })
})

const onEvidence = (pause: object) => ({ pause: { advance: 'onEvidence' as const, ...pause } })

test('a pause that waits for evidence has a least time, and a longest where it says so', () => {
  expect(
    read([
      { setWeight: 5 },
      onEvidence({}),
      onEvidence({ dwell: '1m' }),
      onEvidence({ dwell: '1m', duration: '5m' }),
      onEvidence({ duration: '10s' }),
    ]),
  ).toMatchObject({
    plan: {
      steps: [
        {},
        { type: 'pause', durationMs: null, dwellMs: 30_000 },
        { type: 'pause', durationMs: null, dwellMs: 60_000 },
        { type: 'pause', durationMs: 300_000, dwellMs: 60_000 },
        { type: 'pause', durationMs: 10_000, dwellMs: 10_000 },
      ],
    },
  })
})

test.for<[what: string, steps: readonly StepInput[], guard: GuardInput, fault: object]>([
  [
    'where nothing is compared',
    [{ setWeight: 5 }, { pause: { advance: 'onEvidence' } }],
    { coin: false },
    {
      pointer: '/strategy/canary/steps/1/pause/advance',
      detail: 'step 2 waits for evidence, and guard.coin is false, so there is none',
    },
  ],
  [
    'where stable has no traffic',
    [{ setWeight: 100 }, { pause: { advance: 'onEvidence' } }],
    {},
    {
      pointer: '/strategy/canary/steps/1/pause/advance',
      detail: 'step 2 waits for evidence at 100 %, where stable has no traffic to compare with',
    },
  ],
  [
    'before the canary has any',
    [{ pause: { advance: 'onEvidence' } }, { setWeight: 5 }],
    {},
    {
      pointer: '/strategy/canary/steps/0/pause/advance',
      detail: 'step 1 waits for evidence at 0 %, where the canary has no traffic',
    },
  ],
  [
    'for longer than it lasts',
    [{ setWeight: 5 }, { pause: { advance: 'onEvidence', dwell: '5m', duration: '1m' } }],
    {},
    {
      pointer: '/strategy/canary/steps/1/pause/dwell',
      detail: 'step 2 waits for evidence at least 5m, but lasts 1m at most',
    },
  ],
  [
    'by half',
    [{ setWeight: 5 }, { pause: { dwell: '5m' } }],
    {},
    {
      pointer: '/strategy/canary/steps/1/pause/dwell',
      detail: 'step 2 has a dwell, which needs advance: onEvidence beside it',
    },
  ],
  [
    'for a time that is none',
    [{ setWeight: 5 }, { pause: { advance: 'onEvidence', dwell: 'soon' } }],
    {},
    {
      pointer: '/strategy/canary/steps/1/pause/dwell',
      detail: expect.stringContaining('"soon"'),
    },
  ],
])('a pause cannot wait for evidence %s', ([, steps, guard, fault]) => {
  expect(faultsOf(steps, guard)).toEqual([fault])
})
