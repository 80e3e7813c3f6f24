/**
 * The way through a plan: from a step to the next one that holds the rollout.
 *
 * Weights are passed through at once, so a running rollout always stands on a `pause` or a `bake`. A state
 * "on a setWeight step" was rejected: nothing could ever be seen in it.
 */

import type { Plan, Step, WeightBp } from './state.ts'

/** A step that holds a rollout. */
export type Hold = Exclude<Step, { type: 'setWeight' }>

/** A rollout on one of its steps. */
interface Position {
  readonly plan: Plan
  readonly stepIndex: number
}

/** Where a rollout comes to rest. */
export interface Landing {
  /** The weights passed on the way, in order; the last one is in force. */
  readonly passed: readonly WeightBp[]
  readonly weightBp: WeightBp
  /** Null: the plan is over. */
  readonly hold: { readonly stepIndex: number; readonly step: Hold } | null
}

/** Walks from the step at `stepIndex`, with `weightBp` in force, to the next hold or the plan's end. */
export function walk(plan: Plan, stepIndex: number, weightBp: WeightBp): Landing {
  const passed: WeightBp[] = []
  for (const [i, step] of plan.steps.entries()) {
    if (i < stepIndex) continue
    const inForceBp = passed.at(-1) ?? weightBp
    if (step.type !== 'setWeight') {
      return { passed, weightBp: inForceBp, hold: { stepIndex: i, step } }
    }
    passed.push(step.weightBp)
  }
  return { passed, weightBp: passed.at(-1) ?? weightBp, hold: null }
}

/** The weight that the plan gives the step at `stepIndex`: that of the last `setWeight` before it, else 0. */
export function plannedWeightBp(plan: Plan, stepIndex: number): WeightBp {
  const weights = plan.steps.slice(0, stepIndex + 1).filter((step) => step.type === 'setWeight')
  return weights.at(-1)?.weightBp ?? 0
}

/** Returns the step that holds a running rollout. Throws `RangeError` on a state that no plan can lead to. */
export function holdAt(plan: Plan, stepIndex: number): Hold {
  const step = plan.steps[stepIndex]
  if (step === undefined || step.type === 'setWeight') {
    throw new RangeError(`No rollout can rest on step ${stepIndex} of ${plan.steps.length}`)
  }
  return step
}

/** Whether only a person ends it. */
export function isForPerson(hold: Hold): boolean {
  return hold.type === 'pause' && hold.durationMs === null && hold.dwellMs === undefined
}

/** The least time in milliseconds after which evidence ends the step that holds it; null where evidence does not. */
export function dwellMsOf({ plan, stepIndex }: Position): number | null {
  const step = plan.steps[stepIndex]
  return step?.type === 'pause' ? (step.dwellMs ?? null) : null
}

/** Whether evidence that the canary is good would end the step. */
export function waitsForEvidence(position: Position): boolean {
  return dwellMsOf(position) !== null
}
