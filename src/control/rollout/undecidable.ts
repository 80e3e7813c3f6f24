/**
 * Criteria that a plan can never decide at the traffic there is: told at its start, lest somebody waits a day for a
 * verdict that cannot come. A rollout that is warned about starts all the same, since traffic may grow.
 */

import { parseCriteria } from '../../analyzer/criteria.ts'
import { whyNeverDecided } from '../../analyzer/decidable.ts'
import { ALL_BP } from './enter.ts'
import { alphaWindow, isSampled } from './guard.ts'
import { formatWeight, numberStep } from './sentence.ts'
import type { Plan } from './state.ts'
import { walk } from './walk.ts'

/**
 * Returns one sentence without a full stop for each criterion that a step can never decide, at the first such step.
 * `requestsPerSecond` is what the route gets, stable and canary together.
 */
export function undecidable(plan: Plan, requestsPerSecond: number): readonly string[] {
  const criteria = parseCriteria(plan.guard.successCriteria)
  const minimum = criteria.find(({ type }) => type === 'requests')
  const { windowMs } = plan.guard
  const traffic = {
    windowMs,
    alphaWindow: alphaWindow(plan, criteria.filter(isSampled).length),
    ...(minimum?.type === 'requests' && { minCount: minimum.minCount }),
  }
  const holds = holdsOf(plan)
  return criteria.flatMap((criterion) => {
    for (const { stepIndex, weightBp } of holds) {
      const canaryPerSecond = (requestsPerSecond * weightBp) / ALL_BP
      const stablePerSecond = requestsPerSecond - canaryPerSecond
      const why = whyNeverDecided(criterion, { ...traffic, canaryPerSecond, stablePerSecond })
      if (why !== null) return `${numberStep(plan, stepIndex)} at ${formatWeight(weightBp)}: ${why}`
    }
    return []
  })
}

/** The steps that are judged, with their weights. */
function holdsOf(plan: Plan): readonly { stepIndex: number; weightBp: number }[] {
  const holds: { stepIndex: number; weightBp: number }[] = []
  let at = walk(plan, 0, 0)
  while (at.hold !== null) {
    const { weightBp, hold } = at
    if (weightBp > 0) holds.push({ stepIndex: hold.stepIndex, weightBp })
    at = walk(plan, hold.stepIndex + 1, weightBp)
  }
  return holds
}
