/**
 * The points that the judge compares: one value a metric and interval, for each variant.
 *
 * Kayenta reads them from a time series database; here they are the windows' own statistics. A window in which
 * nothing happened gives NaN, which the metric's `nanStrategy` then speaks about.
 */

import type { WindowStats } from '../window.ts'
import type { MetricValues } from './classify.ts'

/** Metrics that every window has; ratio 0 to 1, microseconds. */
export const POINT_METRICS = ['error_rate', 'latency_p50', 'latency_p95', 'latency_p99'] as const

export type PointMetric = (typeof POINT_METRICS)[number]

/** Points a metric and variant: a day of minutes. The oldest goes first. */
export const POINT_LIMIT = 1_440

/** Points as they are kept, oldest first; null where a window had no value, since JSON has no NaN. */
export type SavedPoints = Readonly<
  Record<
    PointMetric,
    {
      readonly experiment: readonly (number | null)[]
      readonly control: readonly (number | null)[]
    }
  >
>

/** Points without any. */
export const NO_POINTS: SavedPoints = {
  error_rate: { experiment: [], control: [] },
  latency_p50: { experiment: [], control: [] },
  latency_p95: { experiment: [], control: [] },
  latency_p99: { experiment: [], control: [] },
}

/** Returns the points with one more of each; the windows do not overlap the ones before. */
export function addPoints(
  points: SavedPoints,
  windows: { readonly canary: WindowStats; readonly stable: WindowStats },
): SavedPoints {
  const next = (metric: PointMetric) => ({
    experiment: [...points[metric].experiment, valueOf(windows.canary, metric)].slice(-POINT_LIMIT),
    control: [...points[metric].control, valueOf(windows.stable, metric)].slice(-POINT_LIMIT),
  })
  return {
    error_rate: next('error_rate'),
    latency_p50: next('latency_p50'),
    latency_p95: next('latency_p95'),
    latency_p99: next('latency_p99'),
  }
}

/** Returns the points as `judgeKayenta` reads them. */
export function valuesOf(points: SavedPoints): ReadonlyMap<string, MetricValues> {
  return new Map(
    POINT_METRICS.map((metric) => [
      metric,
      { experiment: numbers(points[metric].experiment), control: numbers(points[metric].control) },
    ]),
  )
}

function valueOf(stats: WindowStats, metric: PointMetric): number | null {
  switch (metric) {
    case 'error_rate':
      return stats.errorRatio
    case 'latency_p50':
      return stats.p50Us
    case 'latency_p95':
      return stats.p95Us
    case 'latency_p99':
      return stats.p99Us
  }
}

function numbers(list: readonly (number | null)[]): readonly number[] {
  return list.map((value) => value ?? Number.NaN)
}
