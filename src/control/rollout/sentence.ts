/**
 * The machine's words for people: weights, steps, positions. One place, so that the journal, the API and the
 * command line name a step alike.
 */

import { formatDuration } from '../duration.ts'
import type { Plan, Step, WeightBp } from './state.ts'

/** Basis points as percent with at most two decimals, such as `2.5 %`. */
export function formatWeight(weightBp: WeightBp): string {
  return `${weightBp / 100} %`
}

/** What a step does, such as `pause 2m`; no number, no full stop. */
export function describeStep(step: Step): string {
  switch (step.type) {
    case 'setWeight':
      return `set weight ${formatWeight(step.weightBp)}`
    case 'pause':
      return describePause(step)
    case 'bake':
      return `bake ${formatDuration(step.durationMs)}`
  }
}

function describePause({ durationMs, dwellMs }: Extract<Step, { type: 'pause' }>): string {
  if (dwellMs === undefined) {
    return durationMs === null ? 'pause until promoted' : `pause ${formatDuration(durationMs)}`
  }
  const least = formatDuration(dwellMs)
  return durationMs === null
    ? `pause for evidence, at least ${least}`
    : `pause for evidence, ${least} to ${formatDuration(durationMs)}`
}

/** A step's place as people count, such as `step 2 of 6`. */
export function numberStep(plan: Plan, stepIndex: number): string {
  return `step ${stepIndex + 1} of ${plan.steps.length}`
}

/** Where a running rollout stands, such as `5 % on the canary, step 2 of 6 (pause 2m)`. */
export function describePosition(plan: Plan, stepIndex: number, weightBp: WeightBp): string {
  const step = plan.steps[stepIndex]
  const what = step === undefined ? '' : ` (${describeStep(step)})`
  return `${formatWeight(weightBp)} on the canary, ${numberStep(plan, stepIndex)}${what}`
}
