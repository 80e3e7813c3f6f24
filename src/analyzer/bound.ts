/**
 * The information bound: how soon could anybody tell?
 *
 * A test that is wrong with probability alpha at most, whatever stable's own rate, needs on average ln(1 / alpha) / I
 * requests, where I is what one request tells: the least divergence, in nats, of what happens from anything that the
 * tolerance allows (Wald 1945; Lorden 1971). A verdict that is not there yet can so be told from one that is late.
 */

import type { Tolerance } from './coin/bets.ts'

/** A difference between both sides. Ratios from 0 to 1. */
export interface Difference {
  /** The canary's share of assignments. */
  readonly weight: number
  readonly canaryRatio: number
  readonly stableRatio: number
}

/** The earliest decision by any test, on average. */
export interface EarliestDecision {
  /** Requests to both sides from the fault's beginning; Infinity if the tolerance allows the difference. */
  readonly requestCount: number
  /** The same at the given traffic; Infinity without any. */
  readonly seconds: number
}

const STRICT: Tolerance = { rho: 1, delta: 0 }

/** Each leaves 0.618 of the range; around a minimum half the digits of the place are enough for all of the value's. */
const SECTIONS = 44
const GOLDEN = (Math.sqrt(5) - 1) / 2

/** Returns the earliest decision at `requestsPerSecond` (both sides together) and a false-abort bound of `alpha`. */
export function earliestDecision(
  difference: Difference,
  options: {
    readonly alpha: number
    readonly requestsPerSecond: number
    readonly tolerance?: Tolerance
  },
): EarliestDecision {
  const { alpha, requestsPerSecond, tolerance } = options
  const requestCount = -Math.log(alpha) / information(difference, tolerance)
  return { requestCount, seconds: requestCount / requestsPerSecond }
}

/**
 * Returns what one request tells against the tolerance, in nats: the least of
 * `w KL(canary ‖ rho a + delta) + (1 - w) KL(stable ‖ a)` over stable rates `a`. 0 where the tolerance allows it.
 */
export function information(difference: Difference, tolerance: Tolerance = STRICT): number {
  const { weight, canaryRatio, stableRatio } = difference
  const { rho, delta } = tolerance
  if (weight === 0 || canaryRatio <= rho * stableRatio + delta) return 0
  const told = (a: number) =>
    weight * divergence(canaryRatio, Math.min(1, rho * a + delta)) +
    (1 - weight) * divergence(stableRatio, a)
  if (rho === 0) return told(stableRatio)
  // Without stable any rate of the canary is one that stable might have had.
  if (weight === 1) return 0
  if (rho === 1 && delta === 0) return told(weight * canaryRatio + (1 - weight) * stableRatio)
  return told(minimum(told, stableRatio, Math.min(1, (canaryRatio - delta) / rho)))
}

/** Returns what one request tells if stable's rate were known and fixed, in nats. */
export function knownInformation({ weight, canaryRatio, stableRatio }: Difference): number {
  return weight * divergence(canaryRatio, stableRatio)
}

/** Returns what one request tells by the side on which bad outcomes fall alone, against "no worse", in nats. */
export function coinInformation({ weight, canaryRatio, stableRatio }: Difference): number {
  const badRatio = weight * canaryRatio + (1 - weight) * stableRatio
  if (badRatio === 0 || canaryRatio <= stableRatio) return 0
  return badRatio * divergence((weight * canaryRatio) / badRatio, weight)
}

/** Returns the Kullback-Leibler divergence of two coins, in nats; Infinity where `q` excludes what `p` does. */
export function divergence(p: number, q: number): number {
  return part(p, q) + part(1 - p, 1 - q)
}

function part(p: number, q: number): number {
  return p === 0 ? 0 : p * Math.log(p / q)
}

/** Returns where a convex function has its minimum, by golden sections: one evaluation each (Kiefer 1953). */
function minimum(f: (x: number) => number, from: number, to: number): number {
  let low = from
  let high = to
  let left = high - GOLDEN * (high - low)
  let right = low + GOLDEN * (high - low)
  let [atLeft, atRight] = [f(left), f(right)]
  for (let i = 0; i < SECTIONS; i++) {
    if (atLeft < atRight) {
      high = right
      right = left
      atRight = atLeft
      left = high - GOLDEN * (high - low)
      atLeft = f(left)
    } else {
      low = left
      left = right
      atLeft = atRight
      right = low + GOLDEN * (high - low)
      atRight = f(right)
    }
  }
  return (low + high) / 2
}
