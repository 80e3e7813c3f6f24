/**
 * A classic Prometheus histogram made from the log-linear bins, with the bounds that OpenTelemetry advises.
 *
 * A bin that a bound falls into is counted above it: a bucket never claims that an answer was faster than it
 * was, and its bound is off by the width of one bin, 3.2 % at most. The sum takes each bin at its middle.
 */

import { BIN_COUNT, binUpperUs } from '../../analyzer/histogram.ts'

export interface MetricRow {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Where it differs from the metric's: `_bucket`, `_sum`, `_count` of a histogram. */
  readonly metricName?: string
}

/** OpenTelemetry semantic conventions, `http.server.request.duration`. */
const BOUNDS_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const

/** For each bound the first bin that reaches beyond it. */
const END_BINS = BOUNDS_SECONDS.map((seconds) => {
  let bin = 0
  while (bin < BIN_COUNT && binUpperUs(bin) <= seconds * 1e6) bin++
  return bin
})

/** Middles of the bins in seconds. */
const MIDDLES_SECONDS = Float64Array.from({ length: BIN_COUNT }, (_, bin) => {
  const lowerUs = bin === 0 ? 0 : binUpperUs(bin - 1) + 1
  return (lowerUs + binUpperUs(bin)) / 2e6
})

/** Returns the rows of one histogram; none when it is empty. `latency` holds `BIN_COUNT` counts. */
export function histogramRows(
  name: string,
  labels: Readonly<Record<string, string>>,
  latency: Float64Array,
): MetricRow[] {
  const rows: MetricRow[] = []
  let count = 0
  let sumSeconds = 0
  let bin = 0
  function countUpTo(endBin: number): void {
    for (; bin < endBin; bin++) {
      count += latency[bin]!
      sumSeconds += latency[bin]! * MIDDLES_SECONDS[bin]!
    }
  }
  for (const [i, seconds] of BOUNDS_SECONDS.entries()) {
    countUpTo(END_BINS[i]!)
    rows.push({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: String(seconds) },
      value: count,
    })
  }
  countUpTo(BIN_COUNT)
  if (count === 0) return []
  rows.push(
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sumSeconds },
    { metricName: `${name}_count`, labels, value: count },
  )
  return rows
}
