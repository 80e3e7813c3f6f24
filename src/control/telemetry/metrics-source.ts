/**
 * What the metrics need to know, as functions, and one consistent reading of it.
 */

import type { JudgeFigures } from '../judge/figures.ts'
import type { MetricFigures } from '../providers/figures.ts'
import type { Phase } from '../rollout/state.ts'
import type { SeriesTotals, SeriesWindows } from '../series.ts'
import type { ThreadTotals } from '../tallies.ts'
import type { EvaluationRow, ProviderState } from '../flags/flags.ts'
import type { NameReading } from '../upstreams/names.ts'
import type { ProbeReading } from '../upstreams/prober.ts'
import type { UpstreamState } from '../upstreams/state.ts'

/** A pair of route and variant that is counted. Each pair comes once. */
interface SeriesLabel {
  readonly route: string
  readonly variant: string
  /** Index of its series in the tallies. */
  readonly series: number
}

/** The newest rollout of a route. */
interface RolloutGauge {
  readonly route: string
  /** Its id. */
  readonly rollout: string
  readonly phase: Phase
  /** The canary's share of the traffic now, 0 to 10 000; 10 000 once promoted. */
  readonly weightBp: number
}

/** What came of flags, and of their providers. */
export interface FlagFigures {
  evaluations(): readonly EvaluationRow[]
  providers(): readonly ProviderState[]
}

/** The upstreams at one moment. */
export interface UpstreamFigures {
  readonly states: readonly UpstreamState[]
  /** Of an endpoint that is checked; else null. */
  checks(upstream: string, id: string): ProbeReading | null
  /** By host as it is written. */
  names(): ReadonlyMap<string, NameReading>
}

/** Where the metrics come from, asked at each scrape. */
export interface MetricsSource {
  /** Sluice's own version. */
  readonly version: string
  /** Names of the failure counters, in the order of `SERIES.failures`; the rest has no name and is not told. */
  readonly failureReasons: readonly string[]
  /** Names of the counters of refused connections, in the order of `THREAD.refusedConnections`. */
  readonly connectionRefusals: readonly string[]
  /** Names of the counters of refused requests, in the order of `THREAD.refusedRequests`. */
  readonly requestFaults: readonly string[]
  series(): readonly SeriesLabel[]
  totals(series: number): SeriesTotals
  windows(series: number): SeriesWindows
  threadTotals(): ThreadTotals
  /** What control could not write of the access log. */
  accessLog(): { readonly lostLineCount: number; readonly errorCount: number }
  rollouts(): readonly RolloutGauge[]
  judge(): JudgeFigures
  /** Of the metrics of the configuration. */
  measured(): MetricFigures
  upstreams(): UpstreamFigures
  flags(): FlagFigures
  /** Threads that run now. */
  threadCount(): number
  /** Threads that were replaced since the process started. */
  threadRestartCount(): number
  /** Version of the snapshot that was last published. */
  snapshotVersion(): number
  /** `succeededAtMs` is milliseconds since 1970. */
  configReload(): { readonly isSuccessful: boolean; readonly succeededAtMs: number }
}

/** Everything a scrape tells, read once so that its metrics agree with each other. */
export interface Reading {
  readonly source: MetricsSource
  readonly threads: ThreadTotals
  readonly judge: JudgeFigures
  readonly measured: MetricFigures
  readonly upstreams: UpstreamFigures
  /** Only those that have counted a request. */
  readonly series: readonly SeriesReading[]
}

export interface SeriesReading {
  readonly route: string
  readonly variant: string
  readonly totals: SeriesTotals
  readonly windows: SeriesWindows
}

/** Asks the source for everything; its series are read up to this moment. */
export function read(source: MetricsSource): Reading {
  const series: SeriesReading[] = []
  for (const { route, variant, series: index } of source.series()) {
    const totals = source.totals(index)
    if (totals.startedCount === 0) continue
    series.push({ route, variant, totals, windows: source.windows(index) })
  }
  return {
    source,
    threads: source.threadTotals(),
    judge: source.judge(),
    measured: source.measured(),
    upstreams: source.upstreams(),
    series,
  }
}
