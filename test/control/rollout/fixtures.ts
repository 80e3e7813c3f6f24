/** A rollout of a usual shape, and words to build others from it. */

import { begin } from '../../../src/control/rollout/transition.ts'
import type {
  GuardPlan,
  Plan,
  Rollout,
  RolloutEvent,
  Step,
  Verdict,
} from '../../../src/control/rollout/state.ts'

export const GUARD: GuardPlan = {
  coin: false,
  successCriteria: 'error_rate<5%',
  windowMs: 60_000,
  intervalMs: 1_000,
  consecutiveFailureLimit: 1,
  failureLimit: null,
}

export const NO_GUARD: GuardPlan = { ...GUARD, successCriteria: '' }

/** 5 % for 2m, 25 % until promoted, 100 % with a bake of 10m. */
export const STEPS: readonly Step[] = [
  { type: 'setWeight', weightBp: 500 },
  { type: 'pause', durationMs: 120_000 },
  { type: 'setWeight', weightBp: 2_500 },
  { type: 'pause', durationMs: null },
  { type: 'setWeight', weightBp: 10_000 },
  { type: 'bake', durationMs: 600_000 },
]

export const PLAN: Plan = { steps: STEPS, guard: GUARD }

export function seedOf(plan: Plan) {
  return { id: 'shop-1', route: 'shop', from: 'shop-v1', to: 'shop-v2', plan, salt: 'salt' }
}

export function started(plan: Plan = PLAN): Rollout {
  return begin(seedOf(plan), { type: 'start', atMs: 0, actor: 'alice' }).state
}

/** A verdict on the attempt and step on which the rollout stands. */
export function verdictOn(
  state: Rollout,
  verdict: Verdict,
  atMs: number,
  sentence = `the sentence of a ${verdict}`,
): Extract<RolloutEvent, { type: 'verdict' }> {
  const stepIndex = 'stepIndex' in state ? state.stepIndex : 0
  return { type: 'verdict', atMs, attempt: state.attempt, stepIndex, verdict, sentence }
}
