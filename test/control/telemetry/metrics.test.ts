import { spawnSync } from 'node:child_process'
import { describe, expect, test, inject } from 'vitest'
import { binIndex } from '../../../src/analyzer/histogram.ts'
import {
  FIRST_CODE,
  SERIES,
  THREAD,
  CODE_COUNT,
  createTallyBuffer,
  segment,
  seriesOffset,
} from '../../../src/analyzer/tally.ts'
import { STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import { createGuard } from '../../../src/analyzer/guard/guard.ts'
import type { JudgeFigures } from '../../../src/control/judge/figures.ts'
import { createTallies } from '../../../src/control/tallies.ts'
import { createMetrics } from '../../../src/control/telemetry/metrics.ts'
import { COHORT_FAULTS } from '../../../src/proxy/cohort/faults.ts'
import { CONNECTION_REFUSALS, Refusals, REQUEST_FAULT_NAMES } from '../../../src/proxy/refusals.ts'
import type { MetricsSource } from '../../../src/control/telemetry/metrics-source.ts'
import { IDLE, SHOP } from '../upstreams/states.ts'

const PUT = 3

const GUARD = createGuard(
  { ...STANDARD_GUARD, checks: STANDARD_GUARD.checks.slice(0, 2) },
  { tickMs: 100, horizonMs: 60_000, stepCount: 0 },
)
const KNOWN = GUARD.tick({ epochs: [] })
const FIGURES: JudgeFigures = {
  running: [
    { route: 'shop', rollout: 'shop-3', evidence: KNOWN },
    { route: 'pay', rollout: 'pay-1', evidence: { ...KNOWN, ratio: null } },
  ],
  settled: [
    { route: 'shop', variant: 'stable', count: 950 },
    { route: 'shop', variant: 'canary', count: 50 },
    { route: 'pay', variant: 'stable', count: 0 },
  ],
  decisions: [
    { action: 'abort', by: 'failed', count: 2 },
    { action: 'pause', by: 'ratio', count: 1 },
  ],
}

const [FIRST, SECOND] = SHOP.endpoints.map(({ id }) => id)

/** A source over real tallies, with one busy series, one idle one, and a rollout on each of two routes. */
function createSource(): { source: MetricsSource; words: Uint32Array } {
  const buffer = createTallyBuffer(1)
  const tallies = createTallies({ buffer, threadCount: 1, seriesCount: () => 2 })
  const words = segment(buffer, 0)
  const start = seriesOffset(0)
  words[start + SERIES.started] = 7
  words[start + SERIES.finished] = 5
  words[start + SERIES.errors] = 1
  words[start + SERIES.clientAborts] = 1
  words[start + SERIES.failures + 1] = 2
  words[start + SERIES.tunnelsOpened] = 6
  words[start + SERIES.tunnelsClosed] = 4
  words[start + SERIES.codes + 200 - FIRST_CODE] = 3
  words[start + SERIES.codes + PUT * CODE_COUNT + 502 - FIRST_CODE] = 1
  for (const us of [4_000, 80_000, 900_000, 20_000_000]) {
    words[start + SERIES.latency + binIndex(us)] = 1
  }
  words[start + SERIES.responseBytes] = 4_000_000_000
  words[THREAD.accepted] = 9
  words[THREAD.closed] = 4
  words[THREAD.localCodes + 404 - FIRST_CODE] = 6
  words[THREAD.refused] = 5
  words[THREAD.refusedConnections + CONNECTION_REFUSALS.indexOf('addressLimit')] = 3
  words[THREAD.refusedConnections + CONNECTION_REFUSALS.indexOf('protocol')] = 2
  words[THREAD.refusedRequests + REQUEST_FAULT_NAMES.indexOf('malformed')] = 4
  words[THREAD.refusedRequests + REQUEST_FAULT_NAMES.indexOf('version')] = 1
  words[THREAD.cohortFaults + COHORT_FAULTS.indexOf('tokenExpired')] = 8
  words[start + SERIES.forced] = 12
  words[THREAD.accessDropped] = 7
  tallies.read(1_000)

  const source: MetricsSource = {
    version: '0.1.0',
    failureReasons: ['refused', 'reset'],
    connectionRefusals: CONNECTION_REFUSALS,
    requestFaults: REQUEST_FAULT_NAMES,
    series: () => [
      { route: 'shop', variant: 'stable', series: 0 },
      { route: 'shop', variant: 'canary', series: 1 },
    ],
    totals: (series) => tallies.totals(series),
    windows: (series) => tallies.windows(series),
    threadTotals: () => tallies.threadTotals(),
    accessLog: () => ({ lostLineCount: 30, errorCount: 2 }),
    rollouts: () => [
      { route: 'shop', rollout: 'shop-3', phase: 'paused', weightBp: 525 },
      { route: 'we"ird\\', rollout: 'we"ird\\-1', phase: 'promoted', weightBp: 10_000 },
    ],
    judge: () => FIGURES,
    measured: () => ({
      running: [{ route: 'shop', rollout: 'shop-3', metric: 'conversion', outcome: 'failure' }],
      measurements: [
        { metric: 'conversion', outcome: 'success', count: 4 },
        { metric: 'conversion', outcome: 'error', count: 2 },
      ],
      errors: [{ metric: 'conversion', kind: 'timeout', count: 2 }],
    }),
    flags: () => ({
      evaluations: () => [
        {
          labels: { provider: 'team', flag: 'checkout', variant: 'canary', reason: 'split' },
          value: 3,
        },
      ],
      providers: () => [
        {
          name: 'team',
          kind: 'file',
          flagCount: 2,
          loadedAtMs: 1,
          fault: 'is no JSON',
          failureCount: 4,
        },
      ],
    }),
    upstreams: () => ({
      states: [SHOP, IDLE],
      checks: (upstream, id) =>
        upstream === SHOP.name
          ? {
              health: SHOP.endpoints[0]!.health!,
              passedCount: 7,
              failedCount: id === FIRST ? 0 : 4,
            }
          : null,
      names: () => new Map(SHOP.names.map((name) => [name.name, name])),
    }),
    threadCount: () => 1,
    threadRestartCount: () => 0,
    snapshotVersion: () => 42,
    configReload: () => ({ isSuccessful: false, succeededAtMs: 1_790_000_000_500 }),
  }
  return { source, words }
}

async function render(source: MetricsSource): Promise<readonly string[]> {
  const { body } = await createMetrics(source).renderMetrics()
  return body.split('\n')
}

/** The samples of ours whose line begins so. */
async function samples(prefix: string): Promise<readonly string[]> {
  return (await render(createSource().source)).filter((line) => line.startsWith(prefix))
}

describe('the exposition', () => {
  test('says its format', async () => {
    const { contentType } = await createMetrics(createSource().source).renderMetrics()
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  test.for([
    [
      'sluice_requests_',
      [
        'sluice_requests_total{route="shop",variant="stable",code="200",method="GET"} 3',
        'sluice_requests_total{route="shop",variant="stable",code="502",method="PUT"} 1',
        'sluice_requests_active{route="shop",variant="stable"} 2',
      ],
    ],
    ['sluice_request_errors', ['sluice_request_errors_total{route="shop",variant="stable"} 1']],
    [
      'sluice_upstream_failures',
      ['sluice_upstream_failures_total{route="shop",variant="stable",reason="reset"} 2'],
    ],
    ['sluice_retries', []],
    ['sluice_client_aborts', ['sluice_client_aborts_total{route="shop",variant="stable"} 1']],
    [
      'sluice_tunnels',
      [
        'sluice_tunnels_total{route="shop",variant="stable"} 6',
        'sluice_tunnels_active{route="shop",variant="stable"} 2',
      ],
    ],
    ['sluice_request_bytes', []],
    ['sluice_forced', ['sluice_forced_requests_total{route="shop",variant="stable"} 12']],
    ['sluice_rule', ['sluice_rule_faults_total{reason="tokenExpired"} 8']],
    [
      'sluice_response_bytes',
      ['sluice_response_bytes_total{route="shop",variant="stable"} 4000000000'],
    ],
    [
      'sluice_downstream',
      ['sluice_downstream_connections 5', 'sluice_downstream_connections_refused_total 5'],
    ],
    ['sluice_upstream_connections', ['sluice_upstream_connections 0']],
    [
      'sluice_refused',
      [
        'sluice_refused_connections_total{reason="addressLimit"} 3',
        'sluice_refused_connections_total{reason="protocol"} 2',
        'sluice_refused_requests_total{reason="malformed"} 4',
        'sluice_refused_requests_total{reason="version"} 1',
      ],
    ],
    [
      'sluice_access_log',
      ['sluice_access_log_dropped_total 37', 'sluice_access_log_write_errors_total 2'],
    ],
    ['sluice_local', ['sluice_local_responses_total{code="404"} 6']],
    [
      'sluice_rollout_weight',
      [
        'sluice_rollout_weight_ratio{route="shop",rollout="shop-3"} 0.0525',
        String.raw`sluice_rollout_weight_ratio{route="we\"ird\\",rollout="we\"ird\\-1"} 1`,
      ],
    ],
    [
      'sluice_rollout_phase{route="shop"',
      [
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="progressing"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="paused"} 1',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="baking"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="promoted"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="aborted"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="rolledBack"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="superseded"} 0',
        'sluice_rollout_phase{route="shop",rollout="shop-3",phase="blocked"} 0',
      ],
    ],
    [
      'sluice_analysis_window_error_ratio',
      [
        'sluice_analysis_window_error_ratio{route="shop",variant="stable",window="10s"} 0.25',
        'sluice_analysis_window_error_ratio{route="shop",variant="stable",window="1m"} 0.25',
        'sluice_analysis_window_error_ratio{route="shop",variant="stable",window="5m"} 0.25',
      ],
    ],
    [
      'sluice_analysis_window_p95_seconds{route="shop",variant="stable",window="10s"',
      ['sluice_analysis_window_p95_seconds{route="shop",variant="stable",window="10s"} 20.447231'],
    ],
    [
      'sluice_analysis_window_requests{route="shop",variant="stable",window="10s"',
      ['sluice_analysis_window_requests{route="shop",variant="stable",window="10s"} 4'],
    ],
    [
      'sluice_analysis_evidence_log10{route="shop"',
      [
        `sluice_analysis_evidence_log10{route="shop",rollout="shop-3",check="all"} ${KNOWN.log10}`,
        `sluice_analysis_evidence_log10{route="shop",rollout="shop-3",check="failed"} ${KNOWN.checks[0]!.log10}`,
        `sluice_analysis_evidence_log10{route="shop",rollout="shop-3",check="latency"} ${KNOWN.checks[1]!.log10}`,
        `sluice_analysis_evidence_log10{route="shop",rollout="shop-3",check="ratio"} ${KNOWN.ratio!.log10}`,
      ],
    ],
    [
      'sluice_analysis_evidence_limit_log10{route="pay"',
      [
        `sluice_analysis_evidence_limit_log10{route="pay",rollout="pay-1",check="all"} ${KNOWN.limitLog10}`,
        `sluice_analysis_evidence_limit_log10{route="pay",rollout="pay-1",check="failed"} ${KNOWN.checks[0]!.limitLog10}`,
        `sluice_analysis_evidence_limit_log10{route="pay",rollout="pay-1",check="latency"} ${KNOWN.checks[1]!.limitLog10}`,
      ],
    ],
    [
      'sluice_analysis_splitter',
      ['sluice_analysis_splitter_broken{route="shop",rollout="shop-3"} 0'],
    ],
    [
      'sluice_analysis_metric_verdict',
      ['success', 'failure', 'inconclusive', 'noData', 'error'].map(
        (verdict) =>
          `sluice_analysis_metric_verdict{route="shop",rollout="shop-3",metric="conversion",verdict="${verdict}"} ${verdict === 'failure' ? 1 : 0}`,
      ),
    ],
    [
      'sluice_analysis_metric_measurements',
      [
        'sluice_analysis_metric_measurements_total{metric="conversion",verdict="success"} 4',
        'sluice_analysis_metric_measurements_total{metric="conversion",verdict="error"} 2',
      ],
    ],
    [
      'sluice_analysis_metric_errors',
      ['sluice_analysis_metric_errors_total{metric="conversion",reason="timeout"} 2'],
    ],
    [
      'sluice_analysis_settled',
      [
        'sluice_analysis_settled_requests_total{route="shop",variant="stable"} 950',
        'sluice_analysis_settled_requests_total{route="shop",variant="canary"} 50',
      ],
    ],
    [
      'sluice_analysis_decisions',
      [
        'sluice_analysis_decisions_total{action="abort",check="failed"} 2',
        'sluice_analysis_decisions_total{action="pause",check="ratio"} 1',
      ],
    ],
    [
      'sluice_upstream_endpoint_health',
      [
        `sluice_upstream_endpoint_health{upstream="shop-v1",endpoint="${FIRST}"} 1`,
        `sluice_upstream_endpoint_health{upstream="shop-v1",endpoint="${SECOND}"} 0`,
      ],
    ],
    [
      'sluice_upstream_endpoint_ejected',
      [
        `sluice_upstream_endpoint_ejected{upstream="shop-v1",endpoint="${FIRST}"} 0`,
        `sluice_upstream_endpoint_ejected{upstream="shop-v1",endpoint="${SECOND}"} 2`,
        'sluice_upstream_endpoint_ejected{upstream="shop-v0",endpoint="http1://10.0.0.9:80"} 0',
      ],
    ],
    [
      'sluice_upstream_endpoint_outstanding_requests{upstream="shop-v1"',
      [
        `sluice_upstream_endpoint_outstanding_requests{upstream="shop-v1",endpoint="${FIRST}"} 12`,
        `sluice_upstream_endpoint_outstanding_requests{upstream="shop-v1",endpoint="${SECOND}"} 0`,
      ],
    ],
    [
      'sluice_upstream_ejections',
      [
        `sluice_upstream_ejections_total{upstream="shop-v1",endpoint="${SECOND}",reason="silence"} 1`,
        `sluice_upstream_ejections_total{upstream="shop-v1",endpoint="${SECOND}",reason="latency"} 2`,
      ],
    ],
    [
      'sluice_upstream_health_checks',
      [
        `sluice_upstream_health_checks_total{upstream="shop-v1",endpoint="${FIRST}",result="passed"} 7`,
        `sluice_upstream_health_checks_total{upstream="shop-v1",endpoint="${SECOND}",result="passed"} 7`,
        `sluice_upstream_health_checks_total{upstream="shop-v1",endpoint="${SECOND}",result="failed"} 4`,
      ],
    ],
    [
      'sluice_upstream_name_failures',
      ['sluice_upstream_name_failures_total{name="shop.example"} 3'],
    ],
    ['sluice_proxy', ['sluice_proxy_threads 1', 'sluice_proxy_thread_restarts_total 0']],
    ['sluice_snapshot', ['sluice_snapshot_version 42']],
    [
      'sluice_config',
      [
        'sluice_config_last_reload_successful 0',
        'sluice_config_last_reload_success_timestamp_seconds 1790000000.5',
      ],
    ],
    ['sluice_build', [`sluice_build_info{version="0.1.0",node="${process.version}"} 1`]],
  ] as const)('has %s', async ([prefix, expected]) => {
    expect(await samples(prefix)).toEqual(expected)
  })

  test('has the latencies in the bounds that OpenTelemetry advises', async () => {
    const lines = await samples('sluice_request_duration_seconds')
    const buckets = lines.map((line) => /le="([^"]+)"\} (\d+)$/u.exec(line)?.slice(1).join(' '))
    expect(buckets.filter((bucket) => bucket !== undefined)).toEqual([
      '0.005 1',
      '0.01 1',
      '0.025 1',
      '0.05 1',
      '0.075 1',
      '0.1 2',
      '0.25 2',
      '0.5 2',
      '0.75 2',
      '1 3',
      '2.5 3',
      '5 3',
      '7.5 3',
      '10 3',
      '+Inf 4',
    ])
    expect(lines.at(-1)).toBe(
      'sluice_request_duration_seconds_count{route="shop",variant="stable"} 4',
    )
    const sumSeconds = Number(lines.at(-2)?.split(' ').at(-1))
    expect(Math.abs(sumSeconds / 20.984 - 1)).toBeLessThan(0.016)
  })

  test('never counts an answer below a bound that it took longer than', async () => {
    const { source, words } = createSource()
    const metrics = createMetrics(source)
    words[seriesOffset(0) + SERIES.finished]! += 1
    words[seriesOffset(0) + SERIES.latency + binIndex(5_001)]! += 1
    const { body } = await metrics.renderMetrics()
    expect(body).toContain('le="0.005"} 1\n')
    expect(body).toContain('le="0.01"} 2\n')
  })

  test('counts what a thread refuses from now on', async () => {
    const { source, words } = createSource()
    const metrics = createMetrics(source)
    const table = { tellsRefusals: false }
    const refusals = new Refusals({ tally: words, nowMs: 0, table }, () => undefined)
    refusals.connection('handshakeTimeout', '192.0.2.1')
    refusals.request('malformed', '192.0.2.1', 'G E T')
    const { body } = await metrics.renderMetrics()
    expect(body).toContain('sluice_downstream_connections_refused_total 6\n')
    expect(body).toContain('sluice_refused_connections_total{reason="handshakeTimeout"} 1\n')
    expect(body).toContain('sluice_refused_requests_total{reason="malformed"} 5\n')
  })

  test('has the process metrics under their usual names', async () => {
    const lines = await render(createSource().source)
    const names = lines.map((line) => line.split(/[ {]/u)[0])
    expect(names).toEqual(
      expect.arrayContaining([
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'process_start_time_seconds',
        'nodejs_eventloop_lag_p99_seconds',
        'nodejs_heap_size_used_bytes',
      ]),
    )
  })

  test('follows the counters from scrape to scrape', async () => {
    const { source, words } = createSource()
    const metrics = createMetrics(source)
    await metrics.renderMetrics()
    words[seriesOffset(0) + SERIES.codes + 200 - FIRST_CODE]! += 2
    words[seriesOffset(1) + SERIES.started] = 1
    const { body } = await metrics.renderMetrics()
    expect(body).toContain('code="200",method="GET"} 5\n')
    expect(body).toContain('sluice_requests_active{route="shop",variant="canary"} 1\n')
  })
})

const promtool = inject('promtool')

test.skipIf(promtool === '')('promtool finds no fault with the exposition', async () => {
  const { body } = await createMetrics(createSource().source).renderMetrics()
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: body,
    encoding: 'utf8',
  })
  expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: '' })
})
