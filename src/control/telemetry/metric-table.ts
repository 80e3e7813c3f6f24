/**
 * The table of metrics: name, help, type and rows of each. Names follow Prometheus' rules (base units, `_total`
 * on counters alone), labels come from bounded sets, and a row that has never counted anything is not told.
 */

import { FIRST_CODE, METHODS, CODE_COUNT } from '../../analyzer/tally.ts'
import { COHORT_FAULTS } from '../../proxy/cohort/faults.ts'
import { MIRROR_DROPS } from '../../proxy/failure.ts'
import type { Phase } from '../rollout/state.ts'
import { ANALYSIS_METRICS } from './analysis-metrics.ts'
import { FLAG_METRICS } from './flag-metrics.ts'
import { type MetricRow, histogramRows } from './duration-histogram.ts'
import {
  isCounted,
  labelsOf,
  type MetricDefinition,
  reasonCounter,
  row,
  seriesCounter,
  single,
  windowGauge,
} from './metric-kinds.ts'
import type { SeriesReading } from './metrics-source.ts'
import { UPSTREAM_METRICS } from './upstream-metrics.ts'

/** Every phase there is, each its own row; the compiler asks for a new one. */
const PHASES = Object.keys({
  progressing: true,
  paused: true,
  baking: true,
  promoted: true,
  aborted: true,
  rolledBack: true,
  superseded: true,
  blocked: true,
} satisfies Record<Phase, true>)

export const METRICS: readonly MetricDefinition[] = [
  {
    name: 'sluice_requests_total',
    help: 'Answered requests by status code and method.',
    type: 'counter',
    rows: ({ series }) => series.flatMap(codeRows),
  },
  {
    name: 'sluice_request_duration_seconds',
    help: 'Latency of answered requests; the bounds of the buckets are exact within 3.2 %.',
    type: 'histogram',
    rows: ({ series }) =>
      series.flatMap((one) =>
        histogramRows('sluice_request_duration_seconds', labelsOf(one), one.totals.latency),
      ),
  },
  seriesCounter(
    'sluice_request_errors_total',
    "Finished requests that are errors by the route's rule, also those that broke after their status.",
    ({ totals }) => totals.errorCount,
  ),
  {
    name: 'sluice_upstream_failures_total',
    help: 'Requests that failed at their upstream, by reason.',
    type: 'counter',
    rows: ({ series, source }) =>
      series.flatMap((one) =>
        source.failureReasons
          .map((reason, i) => row({ ...labelsOf(one), reason }, one.totals.failures[i] ?? 0))
          .filter(isCounted),
      ),
  },
  seriesCounter(
    'sluice_retries_total',
    'Second attempts on another connection.',
    ({ totals }) => totals.retryCount,
  ),
  {
    name: 'sluice_fallback_total',
    help: 'Requests that failed on the canary and were tried on stable, by what stable made of them.',
    type: 'counter',
    rows: ({ series }) =>
      series
        .filter(({ totals }) => totals.fallbackCount > 0)
        .flatMap((one) => [
          row({ ...labelsOf(one), result: 'rescued' }, one.totals.rescueCount),
          row(
            { ...labelsOf(one), result: 'failed' },
            one.totals.fallbackCount - one.totals.rescueCount,
          ),
        ]),
  },
  {
    name: 'sluice_hedges_total',
    help: 'Requests that were sent a second time while the first answer was waited for, by who answered first.',
    type: 'counter',
    rows: ({ series }) =>
      series
        .filter(({ totals }) => totals.hedgeCount > 0)
        .flatMap((one) => [
          row({ ...labelsOf(one), result: 'won' }, one.totals.hedgeWonCount),
          row(
            { ...labelsOf(one), result: 'lost' },
            one.totals.hedgeCount - one.totals.hedgeWonCount,
          ),
        ]),
  },
  {
    name: 'sluice_forced_requests_total',
    help: 'Requests that a rule, a flag or the client sent to the variant; they are no evidence about it.',
    type: 'counter',
    rows: ({ series }) =>
      series.map((one) => row(labelsOf(one), one.totals.forcedCount)).filter(isCounted),
  },
  {
    name: 'sluice_mirror_compared_total',
    help: 'Copies of requests by how their answers compare: the class of the status, and whether they took more than twice as long.',
    type: 'counter',
    rows: ({ series }) =>
      series
        .filter(isMirror)
        .flatMap((one) => [
          row({ route: one.route, result: 'same' }, one.totals.mirror.same),
          row({ route: one.route, result: 'different' }, one.totals.mirror.different),
          row({ route: one.route, result: 'slower' }, one.totals.mirror.slower),
        ]),
  },
  {
    name: 'sluice_mirror_dropped_total',
    help: 'Requests that should have been copied and were not, by reason.',
    type: 'counter',
    rows: ({ series }) =>
      series
        .filter(isMirror)
        .flatMap((one) =>
          MIRROR_DROPS.map((reason, i) =>
            row({ route: one.route, reason }, one.totals.mirrorDrops[i]!),
          ),
        ),
  },
  seriesCounter(
    'sluice_client_aborts_total',
    'Requests that the client gave up; they count neither as errors nor as answered.',
    ({ totals }) => totals.clientAbortCount,
  ),
  seriesCounter(
    'sluice_request_bytes_total',
    'Body bytes from clients to upstreams.',
    ({ totals }) => totals.requestBytes,
  ),
  seriesCounter(
    'sluice_response_bytes_total',
    'Body bytes from upstreams to clients.',
    ({ totals }) => totals.responseBytes,
  ),
  {
    name: 'sluice_requests_active',
    help: 'Requests that are being worked on.',
    type: 'gauge',
    rows: ({ series }) => series.map((one) => row(labelsOf(one), one.totals.activeCount)),
  },
  seriesCounter(
    'sluice_tunnels_total',
    'Tunnels (WebSocket) that began; each is also a request answered 101.',
    ({ totals }) => totals.tunnelCount,
  ),
  {
    name: 'sluice_tunnels_active',
    help: 'Open tunnels (WebSocket).',
    type: 'gauge',
    rows: ({ series }) =>
      series
        .filter(({ totals }) => totals.tunnelCount > 0)
        .map((one) => row(labelsOf(one), one.totals.activeTunnelCount)),
  },
  single(
    'sluice_downstream_connections',
    'Open connections from clients.',
    'gauge',
    (reading) => reading.threads.downstreamConnectionCount,
  ),
  single(
    'sluice_downstream_connections_refused_total',
    'Connections from clients that were refused, whatever the reason.',
    'counter',
    (reading) => reading.threads.refusedCount,
  ),
  reasonCounter(
    'sluice_refused_connections_total',
    'Connections from clients that were refused, by reason.',
    ({ source, threads }) => [source.connectionRefusals, threads.refusedConnections],
  ),
  reasonCounter(
    'sluice_refused_requests_total',
    'Requests that were refused for a fault of their own, by reason.',
    ({ source, threads }) => [source.requestFaults, threads.refusedRequests],
  ),
  reasonCounter(
    'sluice_rule_faults_total',
    'Conditions of rules that could not be decided, and tokens that were not believed, by reason; none of them matches.',
    ({ threads }) => [COHORT_FAULTS, threads.cohortFaults],
  ),
  single(
    'sluice_upstream_connections',
    'Open connections to upstreams.',
    'gauge',
    (reading) => reading.threads.upstreamConnectionCount,
  ),
  {
    name: 'sluice_local_responses_total',
    help: 'Answers that Sluice itself gave before a route was found, by status code.',
    type: 'counter',
    rows: ({ threads }) =>
      [...threads.localCodes]
        .map((count, i) => row({ code: String(FIRST_CODE + i) }, count))
        .filter(isCounted),
  },
  single(
    'sluice_access_log_dropped_total',
    'Lines of the access log that were not written: too many were waiting, or writing failed.',
    'counter',
    ({ source, threads }) => threads.accessDroppedCount + source.accessLog().lostLineCount,
  ),
  single(
    'sluice_access_log_write_errors_total',
    'Failed attempts to write to the access log.',
    'counter',
    ({ source }) => source.accessLog().errorCount,
  ),
  {
    name: 'sluice_rollout_weight_ratio',
    help: "The canary's share of the route's traffic in the route's newest rollout, 0 to 1.",
    type: 'gauge',
    rows: ({ source }) =>
      source
        .rollouts()
        .map(({ route, rollout, weightBp }) => row({ route, rollout }, weightBp / 10_000)),
  },
  {
    name: 'sluice_rollout_phase',
    help: "1 for the phase that the route's newest rollout is in, 0 for every other.",
    type: 'gauge',
    rows: ({ source }) =>
      source
        .rollouts()
        .flatMap(({ route, rollout, phase: current }) =>
          PHASES.map((phase) => row({ route, rollout, phase }, phase === current ? 1 : 0)),
        ),
  },
  windowGauge(
    'sluice_analysis_window_error_ratio',
    'Errors among the finished requests of a rolling window, 0 to 1; absent without requests.',
    (stats) => stats.errorRatio,
  ),
  windowGauge(
    'sluice_analysis_window_p95_seconds',
    '95th percentile of the latency in a rolling window; absent without answers.',
    (stats) => (stats.p95Us === null ? null : stats.p95Us / 1e6),
  ),
  windowGauge(
    'sluice_analysis_window_requests',
    'Finished requests in a rolling window, without those that the client gave up.',
    (stats) => stats.requestCount,
  ),
  ...ANALYSIS_METRICS,
  ...UPSTREAM_METRICS,
  ...FLAG_METRICS,
  single('sluice_proxy_threads', 'Proxy threads that run.', 'gauge', ({ source }) =>
    source.threadCount(),
  ),
  single(
    'sluice_proxy_thread_restarts_total',
    'Proxy threads that ended and were replaced.',
    'counter',
    ({ source }) => source.threadRestartCount(),
  ),
  single(
    'sluice_snapshot_version',
    'Version of the routing snapshot that was last published.',
    'gauge',
    ({ source }) => source.snapshotVersion(),
  ),
  single(
    'sluice_config_last_reload_successful',
    '1 when the last reading of the configuration was accepted, else 0.',
    'gauge',
    ({ source }) => (source.configReload().isSuccessful ? 1 : 0),
  ),
  single(
    'sluice_config_last_reload_success_timestamp_seconds',
    'When a configuration was last accepted, seconds since 1970.',
    'gauge',
    ({ source }) => source.configReload().succeededAtMs / 1e3,
  ),
  {
    name: 'sluice_build_info',
    help: 'Always 1; the labels name the versions of Sluice and of Node.',
    type: 'gauge',
    rows: ({ source }) => [row({ version: source.version, node: process.version }, 1)],
  },
]

function codeRows(one: SeriesReading): MetricRow[] {
  const rows: MetricRow[] = []
  for (const [i, count] of one.totals.codes.entries()) {
    if (count === 0) continue
    const code = String(FIRST_CODE + (i % CODE_COUNT))
    const method = METHODS[Math.floor(i / CODE_COUNT)]!
    rows.push(row({ ...labelsOf(one), code, method }, count))
  }
  return rows
}

/** Copies of requests have a series of their own. */
function isMirror({ variant }: SeriesReading): boolean {
  return variant === 'mirror'
}
