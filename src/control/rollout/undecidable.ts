/**
 * Criteria that a plan can never decide at the traffic there is: told at its start, lest somebody waits a day for a
 * verdict that cannot come. A rollout that is warned about starts all the same, since traffic may grow.
 */

import { parseCriteria } from '../../analyzer/criteria.ts'
import { whyNeverDecided } from '../../analyzer/decidable.ts'
import { STANDARD_GUARD } from '../../analyzer/guard/config.ts'
import { leastGoodCount } from '../../analyzer/guard/promotion.ts'
import { formatDuration } from '../duration.ts'
import { ALL_BP } from './enter.ts'
import { alphaWindow, isSampled } from './guard.ts'
import { formatWeight, numberStep } from './sentence.ts'
import type { Plan } from './state.ts'
import { walk } from './walk.ts'

/** Evidence that takes longer than a day is no way to go on. */
const PATIENCE_MS = 86_400_000

const LEAST_COUNT = leastGoodCount(STANDARD_GUARD.promotion!)

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
  const unjudged = criteria.flatMap((criterion) => {
    for (const { stepIndex, weightBp } of holds) {
      const canaryPerSecond = (requestsPerSecond * weightBp) / ALL_BP
      const stablePerSecond = requestsPerSecond - canaryPerSecond
      const why = whyNeverDecided(criterion, { ...traffic, canaryPerSecond, stablePerSecond })
      if (why !== null) return `${numberStep(plan, stepIndex)} at ${formatWeight(weightBp)}: ${why}`
    }
    return []
  })
  return [...unjudged, ...unproven(plan, requestsPerSecond)]
}

/** Steps that wait for evidence, and for too little traffic to give it while they may last. */
function unproven(plan: Plan, requestsPerSecond: number): readonly string[] {
  return holdsOf(plan).flatMap(({ stepIndex, weightBp }) => {
    const step = plan.steps[stepIndex]
    if (step?.type !== 'pause' || step.dwellMs === undefined) return []
    const canaryPerSecond = (requestsPerSecond * weightBp) / ALL_BP
    const neededMs = canaryPerSecond > 0 ? (LEAST_COUNT / canaryPerSecond) * 1_000 : Infinity
    if (neededMs <= (step.durationMs ?? PATIENCE_MS)) return []
    const rate = Number(canaryPerSecond.toPrecision(3))
    const takes = Number.isFinite(neededMs)
      ? `which takes ${formatDuration(Math.ceil(neededMs / 1_000) * 1_000)} or more`
      : 'so there never will be any'
    const longest = step.durationMs === null ? '' : ` and lasts ${formatDuration(step.durationMs)}`
    return `${numberStep(plan, stepIndex)} at ${formatWeight(weightBp)} waits for evidence${longest}: it takes ${LEAST_COUNT} requests of a canary that never fails while stable never fails either, and at this traffic the canary gets ${rate} a second, ${takes}`
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
