/**
 * The metrics of endpoints. Labels are the upstream and the address of the endpoint: as many as the configuration names, and
 * at most 64 for each name of it. What leaves an upstream leaves the exposition.
 */

import type { EndpointState, UpstreamState } from '../upstreams/state.ts'
import type { MetricRow } from './duration-histogram.ts'
import { isCounted, type MetricDefinition, row } from './metric-kinds.ts'
import type { UpstreamFigures } from './metrics-source.ts'

type Read = (endpoint: EndpointState) => number | null

export const UPSTREAM_METRICS: readonly MetricDefinition[] = [
  endpointGauge(
    'sluice_upstream_endpoint_health',
    '1 where health checks say that the endpoint can serve, 0 where they say that it cannot; absent where they say nothing.',
    ({ health }) =>
      health === null || health.status === 'unknown' ? null : health.status === 'healthy' ? 1 : 0,
  ),
  endpointGauge(
    'sluice_upstream_endpoint_ejected',
    'Proxy threads that have ejected the endpoint.',
    ({ ejections }) => ejections.length,
  ),
  endpointGauge(
    'sluice_upstream_endpoint_outstanding_requests',
    'Requests under way to the endpoint.',
    ({ outstandingCount }) => outstandingCount,
  ),
  {
    name: 'sluice_upstream_ejections_total',
    help: 'Ejections of the endpoint, by reason; each thread ejects for itself.',
    type: 'counter',
    rows: ({ upstreams }) =>
      eachEndpoint(upstreams, ({ name }, endpoint) =>
        [...endpoint.ejectionCounts].map(([reason, count]) =>
          row({ ...labelsOf(name, endpoint), reason }, count),
        ),
      ),
  },
  {
    name: 'sluice_upstream_health_checks_total',
    help: 'Health checks of the endpoint, by result: passed or failed.',
    type: 'counter',
    rows: ({ upstreams }) =>
      eachEndpoint(upstreams, ({ name }, endpoint) => {
        const found = upstreams.checks(name, endpoint.id)
        if (found === null) return []
        const labels = labelsOf(name, endpoint)
        return [
          row({ ...labels, result: 'passed' }, found.passedCount),
          row({ ...labels, result: 'failed' }, found.failedCount),
        ].filter(isCounted)
      }),
  },
  {
    name: 'sluice_upstream_name_failures_total',
    help: 'Failed attempts to resolve the name of an endpoint; its last addresses stay in use.',
    type: 'counter',
    rows: ({ upstreams }) =>
      [...upstreams.names()]
        .map(([name, { failureCount }]) => row({ name }, failureCount))
        .filter(isCounted),
  },
]

function endpointGauge(name: string, help: string, read: Read): MetricDefinition {
  return {
    name,
    help,
    type: 'gauge',
    rows: ({ upstreams }) =>
      eachEndpoint(upstreams, (upstream, endpoint) => {
        const value = read(endpoint)
        return value === null ? [] : [row(labelsOf(upstream.name, endpoint), value)]
      }),
  }
}

function eachEndpoint(
  { states }: UpstreamFigures,
  rows: (upstream: UpstreamState, endpoint: EndpointState) => readonly MetricRow[],
): MetricRow[] {
  return states.flatMap((upstream) =>
    upstream.endpoints.flatMap((endpoint) => rows(upstream, endpoint)),
  )
}

function labelsOf(upstream: string, { id }: EndpointState): { upstream: string; endpoint: string } {
  return { upstream, endpoint: id }
}
