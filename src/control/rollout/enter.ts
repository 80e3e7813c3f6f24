/**
 * Entering a plan at one of its steps: from the top, at the next step, or at the same one again.
 *
 * `walk.ts` finds the hold; this makes the state that stands on it, or promotes when there is none left.
 */

import { finish, baseOf, recorded } from './record.ts'
import { describePosition, numberStep } from './sentence.ts'
import type { Rollout, RolloutBase, RolloutEvent, Running, Transition, WeightBp } from './state.ts'
import { type Hold, isForPerson, walk } from './walk.ts'

/** All the traffic. */
export const ALL_BP: WeightBp = 10_000

/** Where a plan is entered, and what is kept from before. */
export interface Entry extends Pick<Running, 'consecutiveFailureCount' | 'failureCount'> {
  readonly stepIndex: number
  /** The weight in force until the plan says another. */
  readonly weightBp: WeightBp
  /** False when the route does not know the canary yet, so that even an unchanged weight must be routed. */
  readonly isRouted: boolean
}

/** The entry of a new attempt. */
export const FROM_THE_TOP: Entry = {
  stepIndex: 0,
  weightBp: 0,
  isRouted: false,
  consecutiveFailureCount: 0,
  failureCount: 0,
}

/** Enters the plan at a step and goes on to the next hold, or to the end. `why` begins the journal's sentence. */
export function enter(
  base: RolloutBase,
  event: RolloutEvent,
  entry: Entry,
  why: string,
): Transition {
  const { passed, weightBp, hold } = walk(base.plan, entry.stepIndex, entry.weightBp)
  if (hold === null) {
    const reason = `${why}; every step is done`
    return finish(base, event, reason, weightBp === ALL_BP ? passed : [...passed, ALL_BP])
  }
  const { stepIndex, step } = hold
  const next = stateOn(step, base, {
    stepIndex,
    weightBp,
    stepAtMs: event.atMs,
    deadlineMs: step.durationMs === null ? null : event.atMs + step.durationMs,
    judgement: null,
    consecutiveFailureCount: entry.consecutiveFailureCount,
    failureCount: entry.failureCount,
  })
  const reason = `${why}; ${describePosition(base.plan, stepIndex, weightBp)}`
  return recorded(next, event, reason, passed.length > 0 || entry.isRouted ? passed : [weightBp])
}

function stateOn(step: Hold, base: RolloutBase, running: Running): Rollout {
  const state = { ...baseOf(base), ...running }
  switch (step.type) {
    case 'bake':
      return { ...state, phase: 'baking' }
    case 'pause':
      if (!isForPerson(step)) return { ...state, phase: 'progressing' }
      return {
        ...state,
        phase: 'paused',
        reason: `${numberStep(base.plan, running.stepIndex)} waits until somebody promotes it`,
        resumesTo: 'progressing',
      }
  }
}
