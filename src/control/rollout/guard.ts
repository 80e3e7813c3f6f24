/**
 * The guard's judgement: the counts of a window in, a verdict and its sentence out.
 *
 * A rollout is judged by several criteria in many windows, and each could be unlucky. So the bound of 1 % false
 * alarms is for the whole rollout and is shared among them: the longer the plan, the more one window must show.
 */

import { type Criterion, parseCriteria } from '../../analyzer/criteria.ts'
import type { CheckOptions } from '../../analyzer/threshold.ts'
import { type Judged, judge } from '../../analyzer/verdict.ts'
import type { WindowCounts } from '../../analyzer/window.ts'
import type { Plan, Step } from './state.ts'

/** The probability that the guard takes back a canary that keeps its criteria, over a whole rollout. */
export const ALPHA_ROLLOUT = 0.01

/**
 * Windows overlap, since the guard looks again at each interval: so many more chances for bad luck than windows
 * that do not, with a limit of one failing look in a row. Measured on canaries exactly at their limit: without
 * it 1.5 to 4.8 % of them are taken back, with 5 up to 1.4 %, with 10 up to 0.6 % (test/sim/guard.test.ts).
 */
const LOOKS_PER_WINDOW = 10

/** How long a pause without an end is taken to be, in milliseconds: nobody knows when a person will come. */
const UNBOUNDED_PAUSE_MS = 3_600_000

/** What a window says of a canary. */
export type Finding = Judged

/** What is looked at beside the canary's window: stable's, of the same length and beginning, and what was pushed. */
export type Beside = Pick<CheckOptions, 'stable' | 'readCustom'>

/** Judges what a window of the plan's guard holds. The plan's criteria have been read before. */
export function judgeWindow(plan: Plan, counts: WindowCounts, beside: Beside = {}): Finding {
  const criteria = parseCriteria(plan.guard.successCriteria)
  const sampledCount = criteria.filter(isSampled).length
  return judge(criteria, counts, { ...beside, alphaWindow: alphaWindow(plan, sampledCount) })
}

/** Whether a criterion follows stable, so that stable's window is needed too. */
export function followsStable({ guard }: Plan): boolean {
  return parseCriteria(guard.successCriteria).some(({ type }) => type.endsWith('AgainstStable'))
}

/** Whether anything is judged at all. */
export function hasGuard({ guard }: Plan): boolean {
  return guard.coin || guard.successCriteria !== ''
}

/** The bound on the false alarms of one criterion in one window: the rollout's, shared among all that are sampled. */
export function alphaWindow(plan: Plan, criteriaCount: number): number {
  const guardedMs = plan.steps.reduce((sum, step) => sum + holdMs(step), 0)
  const windowCount = Math.max(1, Math.ceil(guardedMs / plan.guard.windowMs))
  return ALPHA_ROLLOUT / (windowCount * LOOKS_PER_WINDOW * Math.max(1, criteriaCount))
}

/** Whether luck has a part in it: what is pushed is taken as it is, and a count of requests fails nobody. */
export function isSampled({ type }: Criterion): boolean {
  return type !== 'custom' && type !== 'requests'
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
