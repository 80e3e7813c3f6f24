/** What the table of metrics is made of: definitions, their rows, and the kinds that come more than once. */

import type { WindowStats } from '../../analyzer/window.ts'
import { WINDOW_NAMES } from '../series.ts'
import type { MetricRow } from './duration-histogram.ts'
import type { Reading, SeriesReading } from './metrics-source.ts'

export interface MetricDefinition {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly rows: (reading: Reading) => MetricRow[]
}

/** A counter by route and variant. */
export function seriesCounter(
  name: string,
  help: string,
  count: (one: SeriesReading) => number,
): MetricDefinition {
  return {
    name,
    help,
    type: 'counter',
    rows: ({ series }) => series.map((one) => row(labelsOf(one), count(one))).filter(isCounted),
  }
}

/** A gauge by route, variant and window. */
export function windowGauge(
  name: string,
  help: string,
  read: (stats: WindowStats) => number | null,
): MetricDefinition {
  return {
    name,
    help,
    type: 'gauge',
    rows: ({ series }) =>
      series.flatMap((one) =>
        WINDOW_NAMES.flatMap((window) => {
          const value = read(one.windows[window])
          return value === null ? [] : [row({ ...labelsOf(one), window }, value)]
        }),
      ),
  }
}

/** A counter of all threads with a row for each reason, the names in the order of the counts. */
export function reasonCounter(
  name: string,
  help: string,
  read: (reading: Reading) => readonly [names: readonly string[], counts: Float64Array],
): MetricDefinition {
  return {
    name,
    help,
    type: 'counter',
    rows: (reading) => {
      const [names, counts] = read(reading)
      return names.map((reason, i) => row({ reason }, counts[i] ?? 0)).filter(isCounted)
    },
  }
}

/** A metric without labels. */
export function single(
  name: string,
  help: string,
  type: 'counter' | 'gauge',
  read: (reading: Reading) => number,
): MetricDefinition {
  return { name, help, type, rows: (reading) => [row({}, read(reading))] }
}

export function labelsOf({ route, variant }: SeriesReading): { route: string; variant: string } {
  return { route, variant }
}

export function row(labels: Readonly<Record<string, string>>, value: number): MetricRow {
  return { labels, value }
}

export function isCounted({ value }: MetricRow): boolean {
  return value > 0
}
