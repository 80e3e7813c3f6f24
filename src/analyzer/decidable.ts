/**
 * Criteria that can never be decided: with so little traffic, no window holds enough to pass or to fail one.
 *
 * Asked before a rollout starts, so that nobody waits a day for a verdict that cannot come. The arithmetic is
 * that of the checks themselves.
 */

import type { Criterion } from './criteria.ts'
import { duration, plural } from './decide.ts'
import { stableCountNeeded } from './relative.ts'
import { DEFAULT_ALPHA_WINDOW, minimumSample } from './threshold.ts'

/** Traffic as it is expected. */
export interface ExpectedTraffic {
  /** Requests a second that the canary gets, at least 0. */
  readonly canaryPerSecond: number
  /** Requests a second that stable gets; matters to limits that follow it. */
  readonly stablePerSecond: number
  /** Length of the window, in milliseconds. */
  readonly windowMs: number
  /** Requests below which nothing passes, from `requests>=N`; left out: `minimumSample`. */
  readonly minCount?: number
  /** As in `CheckOptions`. */
  readonly alphaWindow?: number
}

/**
 * Returns one sentence without a full stop that says why the criterion can never be decided, with the
 * arithmetic; null where it can, or where traffic has no part in it.
 */
export function whyNeverDecided(criterion: Criterion, traffic: ExpectedTraffic): string | null {
  if (criterion.type === 'custom') return null
  const { windowMs, canaryPerSecond, stablePerSecond } = traffic
  const canary = holds(canaryPerSecond, windowMs)
  if (criterion.type === 'requests') {
    return canary < criterion.minCount
      ? `${told(criterion, 'canary', traffic)}, and it takes ${criterion.minCount}`
      : null
  }
  const alpha = traffic.alphaWindow ?? DEFAULT_ALPHA_WINDOW
  const needed = canaryNeeds(criterion, alpha, traffic.minCount)
  if (canary < needed.count) return `${told(criterion, 'canary', traffic)}, and ${needed.why}`
  if (!('limit' in criterion)) return null
  const stableNeeded = stableCountNeeded(criterion, alpha)
  if (holds(stablePerSecond, windowMs) >= stableNeeded) return null
  const takes = Number.isFinite(stableNeeded)
    ? `it takes ${stableNeeded} to compare with`
    : 'its allowance alone hides nearly any canary'
  return `${told(criterion, 'stable', traffic)}, and ${takes}`
}

type Sampled = Exclude<Criterion, { type: 'custom' | 'requests' }>

/** The least count of the canary on which the criterion passes, or on which it could fail; whichever comes first. */
function canaryNeeds(
  criterion: Sampled,
  alpha: number,
  minCount: number | undefined,
): { count: number; why: string } {
  const isRelative = 'limit' in criterion
  const limitRatio =
    criterion.type === 'errorRateAgainstStable' ? criterion.limit.plus : criterion.limitRatio
  // A comparison spends half of its bound on stable.
  const failAlpha = isRelative ? alpha / 2 : alpha
  const ownCount = minimumSample(limitRatio, failAlpha)
  const toPass = isRelative ? Math.max(minCount ?? 0, ownCount) : (minCount ?? ownCount)
  // With fewer even nothing but bad outcomes could be luck.
  const toFail = leastToFail(limitRatio, failAlpha)
  const passes = `it takes ${toPass} to pass`
  return toFail < toPass
    ? { count: toFail, why: `${passes} and at least ${toFail} to fail` }
    : { count: toPass, why: passes }
}

/** The least count of nothing but bad outcomes that is no luck: `ratio ^ count <= alpha`; Infinity where all is. */
function leastToFail(ratio: number, alpha: number): number {
  if (ratio >= 1) return Infinity
  return ratio <= 0 ? 1 : Math.max(1, Math.ceil(Math.log(alpha) / Math.log(ratio)))
}

function holds(perSecond: number, windowMs: number): number {
  return Math.floor((perSecond * windowMs) / 1_000)
}

function told({ text }: Criterion, variant: 'canary' | 'stable', traffic: ExpectedTraffic): string {
  const perSecond = variant === 'canary' ? traffic.canaryPerSecond : traffic.stablePerSecond
  const rate = Number(perSecond.toPrecision(3))
  const count = holds(perSecond, traffic.windowMs)
  const window = duration(traffic.windowMs * 1_000)
  return `${text} can never be decided at this traffic: ${rate} requests/s to ${variant} are ${plural(count, 'request')} in a window of ${window}`
}
