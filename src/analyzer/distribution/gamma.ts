/**
 * The gamma function's logarithm, split into Stirling's formula and what it leaves.
 *
 * Ratios of large gamma functions are where digits get lost: ln Γ(10⁷) has eight digits before the point. Who needs a
 * ratio adds up the small remainders instead, and puts the large parts together by hand (see `ratio.ts`). Lanczos's
 * approximation was rejected because it cannot be split like that.
 */

const HALF_LN_TWO_PI = 0.918_938_533_204_672_8

/** From here on the series below keeps sixteen digits. */
const SERIES_FROM = 10

/**
 * Returns what Stirling's formula leaves of ln Γ(x): `ln Γ(x) - (x - ½) ln x + x - ½ ln 2π`, for x above 0.
 *
 * Series with Bernoulli numbers, Abramowitz and Stegun 6.1.40; below 10 by the recurrence Γ(x + 1) = x Γ(x).
 */
export function stirlingRemainder(x: number): number {
  let shift = 0
  let y = x
  // Each step is the difference of two remainders: ((y + ½) ln((y + 1) / y) - 1).
  while (y < SERIES_FROM) {
    shift += (y + 0.5) * Math.log1p(1 / y) - 1
    y += 1
  }
  const square = 1 / (y * y)
  const inner = 1 / 1680 - square * (1 / 1188 - square * (691 / 360360 - square / 156))
  return shift + (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * inner))) / y
}

/** Returns ln Γ(x) for x above 0. */
export function lnGamma(x: number): number {
  return (x - 0.5) * Math.log(x) - x + HALF_LN_TWO_PI + stirlingRemainder(x)
}

/** Returns ln B(a, b) for a and b above 0. */
export function lnBeta(a: number, b: number): number {
  const sum = a + b
  const remainder = stirlingRemainder(a) + stirlingRemainder(b) - stirlingRemainder(sum)
  const large = a * Math.log(a / sum) + b * Math.log(b / sum)
  return large + 0.5 * Math.log(sum / (a * b)) + HALF_LN_TWO_PI + remainder
}
