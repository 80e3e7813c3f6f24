/**
 * The upper tail of the binomial distribution: how many bad outcomes are too many to be luck.
 *
 * Probabilities by Loader's saddle-point form ("Fast and accurate computation of binomial probabilities",
 * 2000), which keeps fourteen digits at ten million trials, where log-gamma keeps seven. The tail is summed from
 * its near end only until it is known to be on one side of the bound; the incomplete beta function was rejected
 * as longer and, for a yes or no, slower.
 */

/** The exact part of Stirling's series for small counts: ln n! less Stirling's formula. */
const STIRLING_ERRORS: Float64Array = Float64Array.from({ length: 16 }, (_, n) => {
  if (n === 0) return 0
  let factorial = 1
  for (let i = 2; i <= n; i++) factorial *= i
  return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - 0.5 * Math.log(2 * Math.PI)
})

/**
 * Returns the least `k` such that `k` or more bad outcomes among `count`, each bad with probability `ratio`
 * (0 to 1), happen with a probability of at most `alpha` (above 0, at most 0.1).
 *
 * Returns `count + 1` where even `count` bad outcomes could be luck. Under a microsecond for a thousand trials, 3 to 20
 * for ten million (bench/micro/histogram.bench.ts).
 */
export function countToFail(count: number, ratio: number, alpha: number): number {
  if (!(alpha > 0 && alpha <= 0.1)) {
    throw new RangeError(`Cannot bound a tail by ${alpha}: it must be above 0 and at most 0.1`)
  }
  if (ratio <= 0) return 1
  if (ratio >= 1 || count < 1) return count + 1
  const mean = count * ratio
  // Up to its mean the tail is at least a quarter (Greenberg and Mohri 2014), unless the mean is below 1.
  let low = Math.max(1, Math.ceil(mean))
  let high = Math.min(count + 1, Math.ceil(mean + bernstein(mean * (1 - ratio), alpha)) + 1)
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (isTailAtMost(alpha, middle, count, ratio)) high = middle
    else low = middle + 1
  }
  return low
}

/** Returns the probability of exactly `k` bad outcomes among `count`. */
export function binomialProbability(k: number, count: number, ratio: number): number {
  if (k < 0 || k > count) return 0
  if (k === 0) return Math.exp(count * Math.log1p(-ratio))
  if (k === count) return ratio ** count
  const exponent =
    stirlingError(count) -
    stirlingError(k) -
    stirlingError(count - k) -
    deviance(k, count * ratio) -
    deviance(count - k, count * (1 - ratio))
  return Math.exp(exponent) / Math.sqrt(2 * Math.PI * k * (1 - k / count))
}

/** How far above its mean a sum of that variance gets with probability `alpha` at most (Bernstein). */
function bernstein(variance: number, alpha: number): number {
  const nats = -Math.log(alpha)
  return nats / 3 + Math.sqrt((nats * nats) / 9 + 2 * variance * nats)
}

/** Whether `k` or more bad outcomes have a probability of at most `alpha`; `k` is not below the mean. */
function isTailAtMost(alpha: number, k: number, count: number, ratio: number): boolean {
  const odds = ratio / (1 - ratio)
  let term = binomialProbability(k, count, ratio)
  let tail = term
  for (let j = k; j < count && tail <= alpha; j++) {
    const step = ((count - j) / (j + 1)) * odds
    // The steps only shrink, so what is left is less than a geometric series.
    if (step < 1 && tail + (term * step) / (1 - step) <= alpha) return true
    term *= step
    tail += term
  }
  return tail <= alpha
}

function stirlingError(n: number): number {
  if (n < STIRLING_ERRORS.length) return STIRLING_ERRORS[n]!
  const square = n * n
  const inner = 1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square
  return (1 / 12 - (1 / 360 - inner / square) / square) / n
}

/** `x ln(x / mean) + mean - x`, without cancellation where `x` is near the mean. */
function deviance(x: number, mean: number): number {
  const gap = x - mean
  if (Math.abs(gap) >= 0.1 * (x + mean)) return x * Math.log(x / mean) - gap
  const v = gap / (x + mean)
  let total = gap * v
  let power = 2 * x * v
  for (let j = 1; j < 1_000; j++) {
    power *= v * v
    const next = total + power / (2 * j + 1)
    if (next === total) break
    total = next
  }
  return total
}
