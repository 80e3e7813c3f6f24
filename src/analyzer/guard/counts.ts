/**
 * What the guard is fed with: how the requests that settled in one tick came out, by the weight they were assigned at.
 *
 * Counts alone are enough, because the coin's odds are known. They add up over threads and processes in any order.
 */

import type { LatencyThreshold } from '../latency.ts'

/** How requests of one variant came out; whole numbers of at least 0. */
export interface Outcomes {
  /** Requests that were assigned by the coin and reached the settling age. */
  readonly requestCount: number
  /** Of these, not answered well by then. */
  readonly failedCount: number
  /** Of these, answered with 4xx. */
  readonly clientErrorCount: number
  /** Of these, the ones that count for latency: not those of an endpoint that is still warming up. */
  readonly timedCount: number
  /** Of the timed ones, slower than the variant's threshold; one number for each of `LATENCY_QUANTILES`. */
  readonly slowCounts: readonly number[]
}

/**
 * The same for units that stay on their variant: a unit counts once for each kind of outcome, at its first, over all
 * threads and the whole attempt; `requestCount` are units seen for the first time, `timedCount` units timed for the first time.
 *
 * For units, `slowCounts` of both variants hold what is slower than the canary's threshold: with two thresholds the
 * units in between would be used up on one side only, which a shared slow-down could turn against the canary.
 */
export interface UnitCounts extends Outcomes {
  /** Of the first requests of units, how many failed. */
  readonly firstFailedCount: number
}

/** One variant's outcomes; `units` is there when the guard's units are sticky. */
export interface VariantOutcomes extends Outcomes {
  readonly units?: UnitCounts
}

/** What settled of the requests that were assigned at one weight. */
export interface EpochCounts {
  /** The canary's weight in basis points, 0 to 10 000, when the coin was tossed. */
  readonly weightBp: number
  readonly canary: VariantOutcomes
  readonly stable: VariantOutcomes
}

/** What settled in one tick. */
export interface TickCounts {
  readonly epochs: readonly EpochCounts[]
  /** Whether a planned weight step began since the tick before; not for the first one. */
  readonly isStep?: boolean
  /** The thresholds by which `slowCounts` were counted, to be told in sentences. */
  readonly thresholds?: readonly (LatencyThreshold | null)[]
}

/** Throws a RangeError when a number of the tick could poison the evidence, or counts by unit are missing. */
export function assertCounts(counts: TickCounts, isSticky: boolean): void {
  for (const { weightBp, canary, stable } of counts.epochs) {
    if (!(Number.isInteger(weightBp) && weightBp >= 0 && weightBp <= 10_000)) {
      throw new RangeError(
        `Cannot judge a weight of ${weightBp} basis points: it must be a whole number from 0 to 10000`,
      )
    }
    for (const side of [canary, stable]) {
      assertOutcomes(side)
      if (side.units !== undefined) assertUnits(side.units)
      else if (isSticky) throw new RangeError('Cannot judge sticky units without counts by unit')
    }
  }
}

function assertUnits(units: UnitCounts): void {
  assertOutcomes(units)
  requireCount(units.firstFailedCount)
}

function assertOutcomes(outcomes: Outcomes): void {
  const { requestCount, failedCount, clientErrorCount, timedCount, slowCounts } = outcomes
  requireCount(requestCount)
  requireCount(failedCount)
  requireCount(clientErrorCount)
  requireCount(timedCount)
  for (let i = 0; i < slowCounts.length; i++) requireCount(slowCounts[i]!)
}

function requireCount(count: number): void {
  if (Number.isSafeInteger(count) && count >= 0) return
  throw new RangeError(`Cannot judge a count of ${count}: it must be a whole number of at least 0`)
}
