/**
 * The table of metrics: name, help, type and rows of each. Names follow Prometheus' rules (base units, `_total`
 * on counters alone), labels come from bounded sets, and a row that has never counted anything is not told.
 */

import { FIRST_CODE, METHODS, CODE_COUNT } from '../../analyzer/tally.ts'
import type { Phase } from '../rollout/state.ts'
import { WINDOW_NAMES } from '../series.ts'
import type { WindowStats } from '../../analyzer/window.ts'
import { type MetricRow, histogramRows } from './duration-histogram.ts'
import type { Reading, SeriesReading } from './metrics-source.ts'

export interface MetricDefinition {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly rows: (reading: Reading) => MetricRow[]
}

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
  single(
    'sluice_downstream_connections',
    'Open connections from clients.',
    'gauge',
    (reading) => reading.threads.downstreamConnectionCount,
  ),
  single(
    'sluice_downstream_connections_refused_total',
    'Connections from clients that were closed at once because the limit was reached.',
    'counter',
    (reading) => reading.threads.refusedCount,
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

/** A counter by route and variant. */
function seriesCounter(
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
function windowGauge(
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

/** A metric without labels. */
function single(
  name: string,
  help: string,
  type: 'counter' | 'gauge',
  read: (reading: Reading) => number,
): MetricDefinition {
  return { name, help, type, rows: (reading) => [row({}, read(reading))] }
}

function labelsOf({ route, variant }: SeriesReading): { route: string; variant: string } {
  return { route, variant }
}

function row(labels: Readonly<Record<string, string>>, value: number): MetricRow {
  return { labels, value }
}

function isCounted({ value }: MetricRow): boolean {
  return value > 0
}
