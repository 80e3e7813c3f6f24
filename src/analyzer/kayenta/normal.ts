/**
 * Quantiles of the normal distribution, and normal noise from uniform chance.
 *
 * Wichura, "Algorithm AS 241: The percentage points of the normal distribution" (1988), which keeps sixteen
 * digits; its far tails, beyond one in 10^10, are left out because no confidence level needs them. Chance is an
 * argument everywhere, so that a verdict can be computed again.
 */

const CENTRE_ABOVE = [
  3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987,
  67265.7709270087, 33430.57558358813, 2509.0809287301227,
]
const CENTRE_BELOW = [
  1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
  28729.085735721943, 5226.495278852854,
]
const TAIL_ABOVE = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
  0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
]
const TAIL_BELOW = [
  1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008,
  0.015198666563616457, 0.0005475938084995345, 1.0507500716444169e-9,
]

/** Half the width of the range around the median in which the central form holds. */
const CENTRE = 0.425

/** How far into a tail the two forms reach. */
const TAIL_LIMIT = 1e-10

/**
 * Returns the value that a standard normal variable is below with this probability. Throws a RangeError unless
 * the probability is from 1e-10 to 1 - 1e-10.
 */
export function normalQuantile(probability: number): number {
  if (!(probability >= TAIL_LIMIT && probability <= 1 - TAIL_LIMIT)) {
    throw new RangeError(
      `Cannot take the normal quantile of ${probability}: it is too near to 0 or 1`,
    )
  }
  const fromMedian = probability - 0.5
  if (Math.abs(fromMedian) <= CENTRE) {
    const r = CENTRE ** 2 - fromMedian ** 2
    return (fromMedian * polynomial(CENTRE_ABOVE, r)) / polynomial(CENTRE_BELOW, r)
  }
  const r = Math.sqrt(-Math.log(Math.min(probability, 1 - probability))) - 1.6
  const size = polynomial(TAIL_ABOVE, r) / polynomial(TAIL_BELOW, r)
  return fromMedian < 0 ? -size : size
}

/** Returns one draw of a standard normal variable (Box and Muller 1958); `random` gives 0 to below 1. */
export function normalDraw(random: () => number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}

/** Returns a source of chance, 0 to below 1, that a 32-bit seed fixes: a Weyl sequence, finished as murmur3 is. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)
}
