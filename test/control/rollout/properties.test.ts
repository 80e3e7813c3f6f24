/** What holds for every plan and every sequence of events. */

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isEnded } from '../../../src/control/rollout/actions.ts'
import { begin, transition } from '../../../src/control/rollout/transition.ts'
import type {
  Effect,
  Plan,
  Rollout,
  RolloutEvent,
  Step,
  Transition,
  Verdict,
} from '../../../src/control/rollout/state.ts'
import { GUARD, seedOf } from './fixtures.ts'

const actor = 'alice'

const pauses: fc.Arbitrary<Step> = fc.record(
  {
    type: fc.constant('pause' as const),
    durationMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: null }),
    dwellMs: fc.integer({ min: 0, max: 200 }),
  },
  { requiredKeys: ['type', 'durationMs'] },
)

const plans: fc.Arbitrary<Plan> = fc
  .record({
    weights: fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 5 }),
    between: fc.array(fc.array(pauses, { maxLength: 2 }), { minLength: 5, maxLength: 5 }),
    bakeMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: null }),
    isGuarded: fc.boolean(),
    consecutiveFailureLimit: fc.integer({ min: 0, max: 2 }),
    failureLimit: fc.option(fc.integer({ min: 0, max: 4 }), { nil: null }),
  })
  .map(({ weights, between, bakeMs, isGuarded, consecutiveFailureLimit, failureLimit }) => {
    const steps = weights
      .toSorted((a, b) => a - b)
      .flatMap((weightBp, i) => [{ type: 'setWeight' as const, weightBp }, between[i] ?? []])
      .flat()
    if (bakeMs !== null) steps.push({ type: 'bake', durationMs: bakeMs })
    const successCriteria = isGuarded ? 'error_rate<5%' : ''
    return { steps, guard: { ...GUARD, successCriteria, consecutiveFailureLimit, failureLimit } }
  })

const PROOF = {
  log10: 1,
  limitLog10: 1.3,
  againstLog10: 0,
  againstLimitLog10: 1,
  isReached: true,
  leastMs: null,
  sentence: 'so much',
  record: null,
}

/** An event without its time; a verdict is on the current step, or on a neighbouring one. */
type Cue = (state: Rollout, atMs: number) => RolloutEvent

const verdicts = fc.constantFrom<Verdict>('pass', 'pass', 'fail', 'inconclusive', 'noData')
const cues: fc.Arbitrary<Cue> = fc.oneof(
  fc
    .record({
      verdict: verdicts,
      offBy: fc.constantFrom(0, 0, 0, 0, -1, 1),
      isEnough: fc.option(fc.boolean(), { nil: null }),
    })
    .map(({ verdict, offBy, isEnough }): Cue => (state, atMs) => {
      const stepIndex = ('stepIndex' in state ? state.stepIndex : 0) + offBy
      const { attempt } = state
      const judged = { attempt, stepIndex, verdict, sentence: 'so it is' }
      const promotion = isEnough === null ? {} : { promotion: { ...PROOF, isEnough } }
      return { type: 'verdict', atMs, ...judged, ...promotion }
    }),
  fc.constant<Cue>((_, atMs) => ({ type: 'deadline', atMs })),
  fc.integer({ min: 0, max: 10_000 }).map((weightBp): Cue => (_, atMs) => ({
    type: 'setWeight',
    atMs,
    actor,
    weightBp,
  })),
  fc.boolean().map((full): Cue => (_, atMs) => ({ type: 'promote', atMs, actor, full })),
  fc.constantFrom<Cue>(
    (_, atMs) => ({ type: 'promote', atMs, actor, full: false }),
    (_, atMs) => ({ type: 'pause', atMs, actor, reason: 'lunch' }),
    (_, atMs) => ({ type: 'resume', atMs, actor }),
    (_, atMs) => ({ type: 'abort', atMs, actor, reason: '' }),
    (_, atMs) => ({ type: 'retry', atMs, actor }),
    (_, atMs) => ({ type: 'supersede', atMs, actor, by: 'shop-2' }),
    (_, atMs) => ({ type: 'block', atMs, reason: 'gone' }),
    (_, atMs) => ({ type: 'restart', atMs }),
  ),
)

const scripts = fc.array(fc.record({ cue: cues, afterMs: fc.integer({ min: 0, max: 400 }) }), {
  maxLength: 40,
})

interface Move extends Transition {
  /** Null at the beginning. */
  readonly before: Rollout | null
  readonly event: RolloutEvent
}

/**
 * Looks at each move of random rollouts, and returns the report of one of which `holds` is not true; undefined
 * when there is none. `holds` is also told all moves up to this one.
 */
function counterexample(
  holds: (move: Move, moves: readonly Move[]) => boolean,
): string | undefined {
  const run = fc.check(
    fc.property(plans, scripts, (plan, script) => {
      const event = { type: 'start', atMs: 0, actor } as const
      const moves: Move[] = [{ before: null, event, ...begin(seedOf(plan), event) }]
      let atMs = 0
      for (const { cue, afterMs } of script) {
        atMs += afterMs
        const before = moves.at(-1)!.state
        const next = cue(before, atMs)
        moves.push({ before, event: next, ...transition(before, next) })
      }
      return moves.every((move, i) => holds(move, moves.slice(0, i + 1)))
    }),
    { numRuns: 1_000 },
  )
  return fc.defaultReportMessage(run)
}

const weightsOf = (effects: readonly Effect[]) =>
  effects.filter((effect) => effect.type === 'route').map((effect) => effect.weightBp)
const lastRoutedBp = (moves: readonly Move[]) =>
  moves.flatMap((move) => weightsOf(move.effects)).at(-1)
const isOnlyZero = (weights: readonly number[]) => weights.length === 1 && weights[0] === 0
const isRising = (weights: readonly number[]) =>
  weights.every((weightBp, i) => weightBp >= (weights[i - 1] ?? 0))

test('a change is recorded once, first, with one generation more; no change asks for nothing', () => {
  const found = counterexample(({ before, state, effects }) => {
    if (state === before) return effects.length === 0
    const kinds = effects.map((effect) => effect.type)
    const isInOrder =
      kinds.lastIndexOf('record') === 0 && kinds.indexOf('tell') === kinds.length - 1
    return isInOrder && state.generation === (before?.generation ?? 0) + 1
  })
  expect(found).toBeUndefined()
})

test('the weight in the state is the last one that was routed', () => {
  const found = counterexample(({ state }, moves) => {
    if (state.phase === 'promoted') return lastRoutedBp(moves) === 10_000
    return lastRoutedBp(moves) === (isEnded(state) ? 0 : state.weightBp)
  })
  expect(found).toBeUndefined()
})

test('an upstream becomes stable exactly when its rollout is promoted', () => {
  const found = counterexample(({ before, state, effects }) => {
    const isPromotion = state.phase === 'promoted' && before?.phase !== 'promoted'
    return effects.some((effect) => effect.type === 'promoteUpstream') === isPromotion
  })
  expect(found).toBeUndefined()
})

test('an abort always ends a rollout, and takes its canary out', () => {
  const found = counterexample(({ before, event, state, effects }) => {
    if (event.type !== 'abort' || before === null) return true
    if (isEnded(before)) return state === before
    return isEnded(state) && isOnlyZero(weightsOf(effects))
  })
  expect(found).toBeUndefined()
})

test('nothing revives what was promoted or superseded; only a retry revives what was taken back', () => {
  const found = counterexample(({ before, event, state }) => {
    if (before === null || !isEnded(before)) return true
    const isFinal = before.phase === 'promoted' || before.phase === 'superseded'
    if (isFinal || event.type !== 'retry') return state === before
    return state.attempt === before.attempt + 1
  })
  expect(found).toBeUndefined()
})

test('the weight only rises within an attempt, but for a person, an end and a block', () => {
  const found = counterexample(({ before, state, effects }, moves) => {
    if (before === null || isEnded(before) || before.phase === 'blocked') return true
    if (moves.some((move) => move.event.type === 'setWeight')) return true
    const isTakenOut = state.phase === 'blocked' || (isEnded(state) && state.phase !== 'promoted')
    const weights = weightsOf(effects)
    return isTakenOut ? isOnlyZero(weights) : isRising([before.weightBp, ...weights])
  })
  expect(found).toBeUndefined()
})

/** Whether the step asks for evidence, has had its time, and there is enough. */
function isProven(before: Rollout, event: RolloutEvent): boolean {
  if (event.type !== 'verdict' || isEnded(before) || before.phase === 'paused') return false
  const step = before.plan.steps[before.stepIndex]
  if (step?.type !== 'pause' || step.dwellMs === undefined) return false
  return event.promotion?.isEnough === true && event.atMs >= before.stepAtMs + step.dwellMs
}

test('a guarded canary with traffic leaves a step only by a pass or a person', () => {
  const found = counterexample(({ before, event, state }) => {
    if (before === null || isEnded(before) || before.phase === 'blocked') return true
    if (event.type !== 'deadline' && event.type !== 'verdict') return true
    const isGuarded = before.plan.guard.successCriteria !== '' && before.weightBp > 0
    const hasLeft =
      state.phase === 'promoted' || (!isEnded(state) && state.stepIndex !== before.stepIndex)
    if (!isGuarded || !hasLeft) return true
    const verdict = event.type === 'verdict' ? event.verdict : before.judgement?.verdict
    const isInTime = event.atMs >= (before.deadlineMs ?? Infinity)
    return verdict === 'pass' && (isInTime || isProven(before, event))
  })
  expect(found).toBeUndefined()
})
