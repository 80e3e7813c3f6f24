/**
 * How soon anybody could tell: the information bound for what the guard sees, or for the least fault to worry about.
 */

import { earliestDecision } from '../bound.ts'
import type { GuardConfig } from './config.ts'
import type { CheckEvidence, Earliest, GuardEvidence, PartEvidence } from './evidence.ts'
import type { SideCounts } from './onset.ts'

/** What one would worry about without an objective of one's own. */
const CONCERN_RATIO = 0.05

/**
 * Returns the bound for the first of the checks whose rates are beyond its tolerance (since the difference began, where
 * that is enough to speak of); else for a canary that fails as much as the `slo` check allows, or twice as much as
 * stable's rate allows where that is more.
 */
export function earliestOf(
  config: GuardConfig,
  checks: readonly CheckEvidence[],
  traffic: GuardEvidence['traffic'],
): Earliest {
  const { tolerance, ...difference } =
    seenDifference(config, checks) ?? concern(config, checks, traffic.weightBp)
  const weight = traffic.weightBp / 10_000
  const { requestCount, seconds } = earliestDecision(
    { weight, ...difference },
    { alpha: config.alpha, requestsPerSecond: traffic.requestsPerSecond, tolerance },
  )
  return {
    ...difference,
    requestCount: Number.isFinite(requestCount) ? Math.ceil(requestCount) : null,
    seconds: Number.isFinite(seconds) ? seconds : null,
  }
}

type Difference = Pick<Earliest, 'check' | 'canaryRatio' | 'stableRatio' | 'isSeen'> &
  Pick<PartEvidence, 'tolerance'>

function seenDifference(
  { minimum }: GuardConfig,
  checks: readonly CheckEvidence[],
): Difference | null {
  for (const { name, parts, leadIndex } of checks) {
    const { tolerance, totals, onset } = parts[leadIndex]!
    const counts = onset.canaryBadCount >= minimum.canaryBadCount ? onset : totals
    if (counts.canaryBadCount < minimum.canaryBadCount) continue
    const { canaryRatio, stableRatio } = ratiosOf(counts)
    if (canaryRatio <= tolerance.rho * stableRatio + tolerance.delta) continue
    if (name === 'slo' && isShared(parts[1])) continue
    return { check: name, canaryRatio, stableRatio, isSeen: true, tolerance }
  }
  return null
}

/** Whether the limit is broken, but no more than stable breaks it: then there is nothing to tell. */
function isShared(blame: PartEvidence | undefined): boolean {
  if (blame === undefined || blame.totals.stableCount === 0) return false
  const { canaryRatio, stableRatio } = ratiosOf(blame.totals)
  return canaryRatio <= stableRatio
}

function concern(
  config: GuardConfig,
  checks: readonly CheckEvidence[],
  weightBp: number,
): Difference {
  const slo = config.checks.find((check) => check.type === 'slo')
  if (slo !== undefined && weightBp === 10_000) {
    // Without stable only the limit can be broken.
    const tolerance = { rho: 0, delta: slo.limitRatio }
    const canaryRatio = Math.min(1, 2 * slo.limitRatio)
    return { check: 'slo', canaryRatio, stableRatio: 0, isSeen: false, tolerance }
  }
  const { name, parts } = checks.find((check) => check.name === 'failed') ?? checks[0]!
  const { tolerance, totals } = parts[0]!
  const { stableRatio } = ratiosOf(totals)
  const worrying = 2 * (tolerance.rho * stableRatio + tolerance.delta)
  const canaryRatio = Math.min(1, Math.max(slo?.limitRatio ?? CONCERN_RATIO, worrying))
  return { check: name, canaryRatio, stableRatio, isSeen: false, tolerance }
}

function ratiosOf(counts: SideCounts): { canaryRatio: number; stableRatio: number } {
  const { canaryBadCount, canaryCount, stableBadCount, stableCount } = counts
  return {
    canaryRatio: canaryCount > 0 ? Math.min(1, canaryBadCount / canaryCount) : 0,
    stableRatio: stableCount > 0 ? Math.min(1, stableBadCount / stableCount) : 0,
  }
}
