/**
 * The beta distribution's tails as logarithms, and the exact interval of a share that follows from them.
 *
 * The regularised incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method as
 * Thompson and Barnett modified it. Logarithms, because a mixture over bets divides two tails that both may vanish.
 */

import { lnBeta } from './gamma.ts'

/** Below this a term of Lentz's method counts as zero and is replaced by it. */
const TINY = 1e-300

/** Terms; the fraction needs about the root of the larger parameter, so this is enough for 10⁹. */
const TERM_LIMIT = 200_000

const PRECISION = 1e-16

/** The parameters of a beta distribution, both above 0. */
export interface Beta {
  readonly a: number
  readonly b: number
}

/** Returns ln P(X ≤ x) for X ~ Beta(a, b) and x from 0 to 1. */
export function lnBetaLower(x: number, beta: Beta): number {
  return lnBelow(x, 1 - x, beta)
}

/** Returns ln P(X > x) for X ~ Beta(a, b) and x from 0 to 1. */
export function lnBetaUpper(x: number, { a, b }: Beta): number {
  return lnBelow(1 - x, x, { a: b, b: a })
}

/**
 * Returns the Clopper-Pearson interval of a share, 0 to 1: with probability of at least `1 - alpha` it covers the
 * probability behind `count` successes among `total` trials (Clopper and Pearson 1934). Needs `0 ≤ count ≤ total` and
 * a `total` of at least 1.
 */
export function shareInterval(
  count: number,
  total: number,
  alpha = 0.05,
): { readonly lower: number; readonly upper: number } {
  const lnHalf = Math.log(alpha / 2)
  return {
    lower:
      count === 0 ? 0 : bisect((p) => lnBetaLower(p, { a: count, b: total - count + 1 }) - lnHalf),
    upper:
      count === total
        ? 1
        : bisect((p) => lnHalf - lnBetaUpper(p, { a: count + 1, b: total - count })),
  }
}

/** The root of an increasing function between 0 and 1. */
function bisect(excess: (x: number) => number): number {
  let low = 0
  let high = 1
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (excess(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** ln(1 - exp(lnShare)), without losing either end. */
function lnComplement(lnShare: number): number {
  return lnShare > -Math.LN2 ? Math.log(-Math.expm1(lnShare)) : Math.log1p(-Math.exp(lnShare))
}

/** The lower tail at x; `rest` is `1 - x`, given apart because a small one would be lost in the other. */
function lnBelow(x: number, rest: number, { a, b }: Beta): number {
  if (x <= 0) return -Infinity
  if (rest <= 0) return 0
  if (x < (a + 1) / (a + b + 2)) return lnTail(x, rest, { a, b })
  return lnComplement(lnTail(rest, x, { a: b, b: a }))
}

function lnTail(x: number, rest: number, { a, b }: Beta): number {
  const front = a * Math.log(x) + b * lnRest(x, rest) - Math.log(a) - lnBeta(a, b)
  return front + Math.log(fraction(x, { a, b }))
}

function lnRest(x: number, rest: number): number {
  return x < 0.5 ? Math.log1p(-x) : Math.log(rest)
}

/** The continued fraction 1 / (1 + d1 / (1 + d2 / (1 + ...))). */
function fraction(x: number, { a, b }: Beta): number {
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let value = d
  for (let m = 1; m < TERM_LIMIT; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    value *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    const step = d * c
    value *= step
    if (Math.abs(step - 1) <= PRECISION) return value
  }
  return value
}

function away(value: number): number {
  return Math.abs(value) < TINY ? TINY : value
}
