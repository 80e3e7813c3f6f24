/**
 * The Prometheus metrics: what the tallies hold, told in Prometheus' own words at each scrape.
 *
 * Nothing is counted here. prom-client keeps the registry, the process metrics and the text format; our own
 * metrics are collectors over the totals. Its counters and histograms were rejected for the request path:
 * 270 and 430 ns each, where a word in shared memory takes a tenth and feeds the analyzer as well.
 */

import { Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { MetricRow } from './duration-histogram.ts'
import type { MetricDefinition } from './metric-kinds.ts'
import { METRICS } from './metric-table.ts'
import { type MetricsSource, read } from './metrics-source.ts'

export interface Metrics {
  /** Returns the whole exposition in Prometheus' text format 0.0.4. */
  renderMetrics(): Promise<{ readonly contentType: string; readonly body: string }>
}

/** Process metrics whose names say counter but whose values are gauges; `promtool check metrics` refuses them. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)

  let reading = read(source)
  for (const definition of METRICS) {
    register(registry, definition, () => definition.rows(reading))
  }
  return {
    async renderMetrics() {
      reading = read(source)
      return { contentType: registry.contentType, body: await registry.metrics() }
    },
  }
}

/** The registry takes only its own classes, but renders what their `get` returns, histograms too. */
function register(
  registry: Registry,
  { name, help, type }: MetricDefinition,
  values: () => readonly MetricRow[],
): void {
  const gauge = new Gauge({ name, help, registers: [] })
  const get = () => Promise.resolve({ name, help, type, values: values() })
  registry.registerMetric(Object.assign(gauge, { get }))
}
