/**
 * The guard's judgement: the counts of a window in, a verdict and its sentence out.
 *
 * A rollout is judged in many windows, and each could be unlucky. So the bound of 1 % false alarms is for the
 * whole rollout and is shared among its windows: the longer the plan, the more a single window must show.
 */

import { parseCriteria } from '../../analyzer/criteria.ts'
import { type Judged, judge } from '../../analyzer/verdict.ts'
import type { WindowCounts } from '../../analyzer/window.ts'
import type { Plan, Step } from './state.ts'

/** The probability that the guard takes back a canary that keeps its criteria, over a whole rollout. */
export const ALPHA_ROLLOUT = 0.01

/** How long a pause without an end is taken to be, in milliseconds: nobody knows when a person will come. */
const UNBOUNDED_PAUSE_MS = 3_600_000

/** What a window says of a canary. */
export type Finding = Judged

/** Judges what a window of the plan's guard holds. The plan's criteria have been read before. */
export function judgeWindow(plan: Plan, counts: WindowCounts): Finding {
  const criteria = parseCriteria(plan.guard.successCriteria)
  return judge(criteria, counts, { alphaWindow: alphaWindow(plan) })
}

/** The bound on the false alarms of one window: the rollout's, shared among windows that do not overlap. */
export function alphaWindow(plan: Plan): number {
  const guardedMs = plan.steps.reduce((sum, step) => sum + holdMs(step), 0)
  return ALPHA_ROLLOUT / Math.max(1, Math.ceil(guardedMs / plan.guard.windowMs))
}

function holdMs(step: Step): number {
  switch (step.type) {
    case 'setWeight':
      return 0
    case 'pause':
      return step.durationMs ?? UNBOUNDED_PAUSE_MS
    case 'bake':
      return step.durationMs
  }
}
