import { describe, expect, test } from 'vitest'
import { begin, transition } from '../../../src/control/rollout/transition.ts'
import type {
  Effect,
  Plan,
  Rollout,
  RolloutEvent,
  Step,
  Verdict,
} from '../../../src/control/rollout/state.ts'
import { GUARD, NO_GUARD, PLAN, seedOf, started, STEPS, verdictOn } from './fixtures.ts'

const actor = 'alice'
const weightsOf = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.type === 'route').map((effect) => effect.weightBp)
const kindsOf = (effects: readonly Effect[]) => effects.map((effect) => effect.type)

function play(start: Rollout, ...events: readonly RolloutEvent[]): Rollout {
  return events.reduce((state, event) => transition(state, event).state, start)
}

const promote = (atMs: number): RolloutEvent => ({ type: 'promote', atMs, actor, full: false })
const deadline = (atMs: number): RolloutEvent => ({ type: 'deadline', atMs })
const abort = (atMs: number): RolloutEvent => ({ type: 'abort', atMs, actor, reason: 'it smells' })
const pause = (atMs: number): RolloutEvent => ({ type: 'pause', atMs, actor, reason: 'lunch' })
const resume = (atMs: number): RolloutEvent => ({ type: 'resume', atMs, actor })
const block = (atMs: number): RolloutEvent => ({ type: 'block', atMs, reason: 'no upstream' })
const weight = (atMs: number, weightBp: number): RolloutEvent => ({
  type: 'setWeight',
  atMs,
  actor,
  weightBp,
})

/** The usual rollout in each phase in which it runs. */
const RUNNING: Record<string, Rollout> = {
  progressing: started(),
  'paused by a step': play(started(), promote(1)),
  'paused by a person': play(started(), pause(1)),
  baking: play(started(), promote(1), promote(2)),
  'at a person’s weight': play(started(), weight(1, 777)),
}
const BLOCKED = play(started(), block(1))
const ENDED: Record<string, Rollout> = {
  promoted: play(started(), { type: 'promote', atMs: 1, actor, full: true }),
  aborted: play(started(), abort(1)),
  rolledBack: play(started(), promote(1), promote(2), abort(3)),
  superseded: play(started(), { type: 'supersede', atMs: 1, actor, by: 'shop-2' }),
}

const plan = (...steps: readonly Step[]): Plan => ({ steps, guard: GUARD })
const w = (weightBp: number): Step => ({ type: 'setWeight', weightBp })

describe('begin', () => {
  const bake: Step = { type: 'bake', durationMs: 60_000 }
  const wait: Step = { type: 'pause', durationMs: null }

  test.for([
    { steps: STEPS, phase: 'progressing', weights: [500], why: 'a timed pause' },
    { steps: [w(500), w(900), bake], phase: 'baking', weights: [500, 900], why: 'two weights' },
    { steps: [wait, w(500)], phase: 'paused', weights: [0], why: 'a pause before any weight' },
    { steps: [w(10_000)], phase: 'promoted', weights: [10_000], why: 'no hold at all' },
    { steps: [w(2_500)], phase: 'promoted', weights: [2_500, 10_000], why: 'an implicit 100' },
  ] as const)('$why: $phase', ({ steps, phase, weights }) => {
    const { state, effects } = begin(seedOf(plan(...steps)), { type: 'start', atMs: 7, actor })
    expect(state.phase).toBe(phase)
    expect(weightsOf(effects)).toEqual(weights)
    expect(state).toMatchObject({ attempt: 1, generation: 1, startedAtMs: 7, attemptAtMs: 7 })
  })

  test('a promoted one makes its upstream stable after its weights, and is told last', () => {
    const { effects } = begin(seedOf(plan(w(2_500))), { type: 'start', atMs: 7, actor })
    expect(kindsOf(effects)).toEqual(['record', 'route', 'route', 'promoteUpstream', 'tell'])
  })
})

describe('a timed pause', () => {
  const over = 120_000

  test.for([
    { name: 'holds before its time', verdict: 'pass', atMs: over - 1, weights: [] },
    { name: 'advances at exactly its time', verdict: 'pass', atMs: over, weights: [2_500] },
    { name: 'holds without a verdict', verdict: null, atMs: over * 9, weights: [] },
    { name: 'holds without data', verdict: 'noData', atMs: over * 9, weights: [] },
    { name: 'holds while inconclusive', verdict: 'inconclusive', atMs: over * 9, weights: [] },
    { name: 'holds on a failure that is still allowed', verdict: 'fail', atMs: over, weights: [] },
  ] as const)('$name', ({ verdict, atMs, weights }) => {
    const state =
      verdict === null ? started() : play(started(), verdictOn(started(), verdict, over - 5))
    expect(weightsOf(transition(state, deadline(atMs)).effects)).toEqual(weights)
  })

  test('advances on a pass that comes after its time', () => {
    const late = play(started(), verdictOn(started(), 'noData', over - 5), deadline(over))
    const { state, effects } = transition(late, verdictOn(late, 'pass', over + 5_000))
    expect(weightsOf(effects)).toEqual([2_500])
    expect(effects[0]).toMatchObject({ type: 'record', trigger: 'analyzer', actor: 'sluice' })
    expect(state).toMatchObject({ phase: 'paused', stepIndex: 3, stepAtMs: over + 5_000 })
  })

  test('needs no verdict when no guard is set', () => {
    const state = started({ steps: STEPS, guard: NO_GUARD })
    expect(weightsOf(transition(state, deadline(over)).effects)).toEqual([2_500])
  })

  test('needs no verdict while the canary has no traffic', () => {
    const steps: readonly Step[] = [{ type: 'setWeight', weightBp: 0 }, ...STEPS.slice(1)]
    expect(weightsOf(transition(started({ ...PLAN, steps }), deadline(over)).effects)).toEqual([
      2_500,
    ])
  })
})

const guarded = (consecutiveFailureLimit: number, failureLimit: number | null): Rollout =>
  started({ steps: STEPS, guard: { ...GUARD, consecutiveFailureLimit, failureLimit } })

describe('verdicts', () => {
  test.for([
    { row: 'F', inARow: 0, inAll: null, ends: true },
    { row: 'F', inARow: 1, inAll: null, ends: false },
    { row: 'FF', inARow: 1, inAll: null, ends: true },
    { row: 'FPF', inARow: 1, inAll: null, ends: false },
    { row: 'FIF', inARow: 1, inAll: null, ends: false },
    { row: 'FNF', inARow: 1, inAll: null, ends: true },
    { row: 'FNNNNF', inARow: 1, inAll: null, ends: true },
    { row: 'FPFPF', inARow: 1, inAll: 2, ends: true },
    { row: 'FPFPNIP', inARow: 1, inAll: 2, ends: false },
    { row: 'FFF', inARow: 3, inAll: 2, ends: true },
    { row: 'F', inARow: 3, inAll: 0, ends: true },
    { row: 'NNNNNNNN', inARow: 0, inAll: 0, ends: false },
    { row: 'IIIIIIII', inARow: 0, inAll: 0, ends: false },
  ])(
    '$row with $inARow in a row and $inAll in all allowed: ends is $ends',
    ({ row, inARow, inAll, ends }) => {
      const verdicts: Record<string, Verdict> = {
        P: 'pass',
        F: 'fail',
        I: 'inconclusive',
        N: 'noData',
      }
      let state = guarded(inARow, inAll)
      for (const [i, letter] of row.split('').entries()) {
        expect(state.phase).toBe('progressing')
        state = transition(state, verdictOn(state, verdicts[letter] ?? 'pass', i)).state
      }
      expect(state.phase).toBe(ends ? 'aborted' : 'progressing')
    },
  )

  test('an abort by the guard says which limit was passed, and why', () => {
    const state = guarded(0, null)
    const next = transition(state, verdictOn(state, 'fail', 5, 'error_rate<5%: 40 % failed')).state
    expect(next).toMatchObject({
      reason: '1 judgement failed in a row (limit 0): error_rate<5%: 40 % failed',
      stepIndex: 1,
      weightBp: 500,
      endedAtMs: 5,
    })
  })

  test.for(Object.entries(RUNNING))('count while %s', ([, state]) => {
    const failed = play(state, verdictOn(state, 'fail', 10), verdictOn(state, 'fail', 11))
    expect(failed.phase).toBe(state.phase === 'baking' ? 'rolledBack' : 'aborted')
  })

  test.for([
    { name: 'another step', change: { stepIndex: 3 } },
    { name: 'another attempt', change: { attempt: 2 } },
  ])('on $name change nothing', ({ change }) => {
    const state = guarded(0, 0)
    const next = transition(state, { ...verdictOn(state, 'fail', 5), ...change })
    expect(next.state).toBe(state)
    expect(next.effects).toEqual([])
  })

  test('that say the same again change nothing, whatever their sentence', () => {
    for (const verdict of ['pass', 'inconclusive', 'noData'] as const) {
      const state = play(started(), verdictOn(started(), verdict, 1))
      expect(transition(state, verdictOn(state, verdict, 2, 'other words')).state).toBe(state)
    }
  })

  test('that fail again are counted again', () => {
    const state = play(guarded(5, null), verdictOn(started(), 'fail', 1))
    expect(transition(state, verdictOn(state, 'fail', 2)).state).toMatchObject({
      generation: state.generation + 1,
      failureCount: 2,
    })
  })

  test('without traffic are no verdicts', () => {
    const state = play(started(), weight(1, 0))
    expect(transition(state, verdictOn(state, 'fail', 2)).state).toBe(state)
  })
})

describe('a person', () => {
  test.for(Object.entries(RUNNING))('promotes what is %s, whatever the verdict', ([, state]) => {
    const failing = play(state, verdictOn(state, 'fail', 10))
    const next = transition(failing, promote(11)).state
    const expected =
      state.phase === 'baking'
        ? { phase: 'promoted' }
        : { stepIndex: 'stepIndex' in state && state.stepIndex + 2 }
    expect(next).toMatchObject(expected)
  })

  test.for(Object.entries(RUNNING))('promotes what is %s in full', ([, state]) => {
    const { state: next, effects } = transition(state, {
      type: 'promote',
      atMs: 11,
      actor,
      full: true,
    })
    expect(next.phase).toBe('promoted')
    expect(weightsOf(effects)).toEqual(state.phase === 'baking' ? [] : [10_000])
    expect(kindsOf(effects).slice(-2)).toEqual(['promoteUpstream', 'tell'])
  })

  test('stops the clock by a pause, and starts hold and evidence again by a resume', () => {
    const judged = play(started(), verdictOn(started(), 'pass', 50_000))
    const paused = play(judged, pause(60_000))
    expect(paused).toMatchObject({ phase: 'paused', deadlineMs: null, resumesTo: 'progressing' })
    expect(transition(paused, deadline(900_000)).state).toBe(paused)
    expect(play(paused, resume(1_000_000))).toMatchObject({
      phase: 'progressing',
      stepIndex: 1,
      stepAtMs: 1_000_000,
      deadlineMs: 1_120_000,
      judgement: null,
    })
  })

  test('goes on from a pause step by a resume', () => {
    const waiting = play(started(), promote(1))
    expect(play(waiting, resume(2))).toMatchObject({ phase: 'baking', weightBp: 10_000 })
  })

  test('resumes a bake to a bake', () => {
    const baking = play(started(), promote(1), promote(2), pause(3))
    expect(baking).toMatchObject({ phase: 'paused', resumesTo: 'baking' })
    expect(play(baking, resume(4))).toMatchObject({ phase: 'baking', deadlineMs: 600_004 })
  })

  test.for(Object.entries(RUNNING))('sets the weight of what is %s', ([, state]) => {
    const judged = play(state, verdictOn(state, 'pass', 9))
    const { state: next, effects } = transition(judged, weight(10, 6_000))
    expect(next).toMatchObject({
      phase: 'paused',
      weightBp: 6_000,
      stepAtMs: 10,
      deadlineMs: null,
      judgement: null,
    })
    expect(weightsOf(effects)).toEqual([6_000])
  })

  test('brings back the weight of the step by a resume, so that what is judged is what was planned', () => {
    const resumed = play(started(), weight(1, 6_000), resume(2))
    expect(resumed).toMatchObject({ phase: 'progressing', weightBp: 500, deadlineMs: 120_002 })
    expect(weightsOf(transition(resumed, promote(3)).effects)).toEqual([2_500])
  })

  test.for(Object.entries({ ...RUNNING, blocked: BLOCKED }))('aborts what is %s', ([, state]) => {
    const { state: next, effects } = transition(state, abort(10))
    expect(next.phase).toBe(state.phase === 'baking' ? 'rolledBack' : 'aborted')
    expect(next).toMatchObject({ reason: 'alice aborted it: it smells', endedAtMs: 10 })
    expect(kindsOf(effects)).toEqual(['record', 'route', 'tell'])
    expect(weightsOf(effects)).toEqual([0])
  })

  test.for(['aborted', 'rolledBack'])('retries what is %s with nothing but its salt', (phase) => {
    const state = ENDED[phase]!
    const { state: next, effects } = transition(state, { type: 'retry', atMs: 99, actor })
    expect(next).toMatchObject({
      phase: 'progressing',
      attempt: 2,
      attemptAtMs: 99,
      startedAtMs: 0,
      stepIndex: 1,
      weightBp: 500,
      judgement: null,
      consecutiveFailureCount: 0,
      failureCount: 0,
      salt: state.salt,
    })
    expect(next).not.toHaveProperty('endedAtMs')
    expect(weightsOf(effects)).toEqual([500])
  })

  test('resumes what was blocked at the weight of its step', () => {
    const { state, effects } = transition(play(started(), promote(1), block(2)), resume(3))
    expect(state).toMatchObject({ phase: 'paused', stepIndex: 3, weightBp: 2_500, stepAtMs: 3 })
    expect(weightsOf(effects)).toEqual([2_500])
  })
})

test.for(Object.entries(RUNNING))('a block takes %s out of traffic', ([, state]) => {
  const { state: next, effects } = transition(state, block(10))
  expect(next).toMatchObject({ phase: 'blocked', weightBp: 0, reason: 'no upstream' })
  expect(weightsOf(effects)).toEqual([0])
  expect(effects[0]).toMatchObject({ trigger: 'config', actor: 'sluice' })
})

test('an abort after a block at 100 % is a roll-back', () => {
  const baking = RUNNING['baking']!
  expect(play(baking, block(10), abort(11)).phase).toBe('rolledBack')
})

test.for(Object.entries(RUNNING))('a restart of the process keeps what is %s', ([, state]) => {
  const judged = play(state, verdictOn(state, 'fail', 9))
  const { state: next, effects } = transition(judged, { type: 'restart', atMs: 10 })
  const { generation } = judged
  expect(next).toEqual({ ...judged, judgement: null, generation: generation + 1 })
  expect(effects[0]).toMatchObject({ type: 'record', trigger: 'process' })
})

test.for(Object.entries(ENDED))('nothing but a retry moves what is %s', ([phase, state]) => {
  const events: readonly RolloutEvent[] = [
    { type: 'start', atMs: 9, actor },
    verdictOn(state, 'fail', 9),
    verdictOn(state, 'pass', 9),
    deadline(9e9),
    weight(9, 5_000),
    promote(9),
    { type: 'promote', atMs: 9, actor, full: true },
    pause(9),
    resume(9),
    abort(9),
    { type: 'supersede', atMs: 9, actor, by: 'shop-2' },
    block(9),
    { type: 'restart', atMs: 9 },
  ]
  for (const event of events) {
    const next = transition(state, event)
    expect(next.state).toBe(state)
    expect(next.effects).toEqual([])
  }
  const retried = transition(state, { type: 'retry', atMs: 9, actor })
  expect(retried.state === state).toBe(phase === 'promoted' || phase === 'superseded')
})
