/**
 * What becomes of a metric's values before they are compared: missing ones, outliers, and two constants.
 *
 * An infinite value counts as missing, which Kayenta does not say: no rank or mean makes sense of it.
 */

import { normalDraw } from './normal.ts'
import type { MetricRules } from './rules.ts'

/** The noise that keeps two constants apart, as a share of the value; Kayenta's. */
const NOISE_RATIO = 1e-5

/** Returns the values that are compared, in their order. */
export function prepare(
  values: readonly number[],
  { nanStrategy, outliers, outlierFactor }: MetricRules,
): readonly number[] {
  const finite =
    nanStrategy === 'remove'
      ? values.filter((value) => Number.isFinite(value))
      : values.map((value) => (Number.isFinite(value) ? value : 0))
  return outliers === 'keep' ? finite : withoutOutliers(finite, outlierFactor)
}

/**
 * Drops what lies outside `[min(p1, Q1 - f IQR), max(p99, Q3 + f IQR)]` (Tukey's fences, which Kayenta never
 * sets closer than the first and last percentile).
 */
function withoutOutliers(values: readonly number[], factor: number): readonly number[] {
  if (values.length === 0) return values
  const sorted = Float64Array.from(values).toSorted()
  const quarter = percentile(sorted, 0.25)
  const threeQuarters = percentile(sorted, 0.75)
  const reach = factor * (threeQuarters - quarter)
  const low = Math.min(percentile(sorted, 0.01), quarter - reach)
  const high = Math.max(percentile(sorted, 0.99), threeQuarters + reach)
  return values.filter((value) => value >= low && value <= high)
}

/** Hyndman and Fan's definition 7: between the two values around the rank, in proportion. At least one value. */
export function percentile(sorted: Float64Array, share: number): number {
  const rank = share * (sorted.length - 1)
  const below = Math.floor(rank)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (rank - below) * (high - low)
}

/** Returns a constant's values with a hundred-thousandth of noise each; zeros stay zeros. */
export function withNoise(values: readonly number[], random: () => number): readonly number[] {
  return values.map((value) => value + NOISE_RATIO * value * normalDraw(random))
}
