/**
 * When the evidence begins: capital of 1 in all, put in at the start, at weight steps and at restarts in between.
 *
 * A fault may begin at any time, and wealth that was lost on the healthy hours before it must be won back first. So half
 * of the capital waits: an eighth is shared among the planned weight steps, a quarter is spent evenly at up to 128
 * restarts across the planned horizon, and an eighth in ever smaller parts after it. The parts add up to at most 1 over
 * an endless run, so the bound on false aborts holds however long one watches.
 */

/** What is known of a rollout's length when it starts. */
export interface RestartPlan {
  /** Planned length in ticks, at least 1. */
  readonly horizonTickCount: number
  /** Weight changes after the first that are planned, at least 0. */
  readonly stepCount: number
  /** Restarts within the horizon at most, at least 1; default 128. */
  readonly restartCount?: number
}

const START_MASS = 1 / 2
const STEP_MASS = 1 / 8
const EVEN_MASS = 1 / 4
const TAIL_MASS = 1 / 8
const RESTART_COUNT = 128

/** Σ 1 / i² = π² / 6 */
const TAIL_SHARE = (TAIL_MASS * 6) / Math.PI ** 2

/** Returns how many ticks lie between two restarts. */
export function restartSpacing({ horizonTickCount, restartCount }: RestartPlan): number {
  return Math.max(1, Math.ceil(horizonTickCount / (restartCount ?? RESTART_COUNT)))
}

/**
 * Returns the capital to put in before the outcomes of a tick (from 0) are counted, 0 to 1, without that of steps.
 */
export function restartMass(plan: RestartPlan, tickIndex: number): number {
  if (tickIndex === 0) return START_MASS
  const spacing = restartSpacing(plan)
  if (tickIndex % spacing !== 0) return 0
  // Restarts strictly within the horizon; the end itself belongs to the tail.
  const evenCount = Math.ceil(plan.horizonTickCount / spacing) - 1
  const index = tickIndex / spacing
  if (index > evenCount) return TAIL_SHARE / (index - evenCount) ** 2
  return (plan.stepCount > 0 ? EVEN_MASS : EVEN_MASS + STEP_MASS) / evenCount
}

/** Returns the capital to put in at each of the first `stepCount` weight steps, 0 without any. */
export function stepMass({ stepCount }: RestartPlan): number {
  return stepCount > 0 ? STEP_MASS / stepCount : 0
}
