/**
 * The judge's place in the process: what it hears of stable, and where its evidence is kept while it runs.
 */

import { latencyThresholds, type LatencyThreshold } from '../../analyzer/latency.ts'
import { quantileUs } from '../../analyzer/window.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { RunningRollout } from '../rollout/book.ts'
import type { Tallies } from '../tallies.ts'
import type { SeriesRegistry } from '../threads/routing.ts'
import { type Endpoints, Freshness } from './freshness.ts'
import { Judge, type KeptEvidence } from './judge.ts'
import type { Shelf } from './keeper.ts'
import { type AttemptId, Settlements } from './settlements.ts'

export interface JudgeBenchOptions {
  readonly shelf: Shelf<KeptEvidence>
  readonly series: SeriesRegistry
  readonly tallies: Pick<Tallies, 'lastMinute'>
  /** Each thread's words, see `analyzer/tally.ts`. */
  readonly segments: readonly Uint32Array[]
  readonly config: () => Config
  readonly endpointsOf: (upstream: string) => Endpoints
  readonly nowMs: () => number
  readonly log: Log
}

export class JudgeBench {
  readonly judge: Judge
  readonly settlements: Settlements
  readonly #options: JudgeBenchOptions
  readonly #freshness: Freshness
  /** Names of sticky routes, of the configuration that was in force last. */
  #sticky: { readonly config: Config | null; readonly routes: ReadonlySet<string> } = {
    config: null,
    routes: new Set(),
  }

  constructor(options: JudgeBenchOptions) {
    const { kept, keep } = options.shelf
    this.#options = options
    this.#freshness = new Freshness(options.endpointsOf)
    this.settlements = new Settlements({
      nowMs: options.nowMs,
      stableP99Us: (route) => this.#stableP99Us(route),
      kept: (attempt) => keptOf(kept, attempt),
    })
    this.judge = new Judge({
      settlements: this.settlements,
      segments: options.segments,
      isSticky: (route) => this.#isSticky(route),
      isSteady: ({ from, to }) => this.#freshness.isWarm(from) && this.#freshness.isWarm(to),
      thresholds: (route) => this.#thresholds(route),
      kept,
      keep,
      log: options.log,
    })
  }

  tick(running: readonly RunningRollout[]): void {
    const upstreams = new Set(running.flatMap(({ from, to }) => [from, to]))
    this.#freshness.look(upstreams, this.#options.nowMs())
    this.judge.tick(running)
  }

  /** Has all evidence kept as it is now. */
  close(): void {
    this.judge.keepAll()
  }

  #isSticky(route: string): boolean {
    const config = this.#options.config()
    if (this.#sticky.config !== config) {
      const routes = config.routes.filter(({ sticky }) => sticky !== null).map(({ name }) => name)
      this.#sticky = { config, routes: new Set(routes) }
    }
    return this.#sticky.routes.has(route)
  }

  #stableP99Us(route: string): number | null {
    const { requestCount, latency } = this.#lastMinute(route)
    return requestCount === 0 ? null : quantileUs(latency, requestCount, 0.99)
  }

  #thresholds(route: string): readonly (LatencyThreshold | null)[] {
    const { latency } = this.#lastMinute(route)
    return latencyThresholds({ bins: latency, unansweredCount: 0 }) ?? []
  }

  #lastMinute(route: string) {
    const { series, tallies } = this.#options
    return tallies.lastMinute(series.obtain(route, 'stable'))
  }
}

/** Whether what was kept is evidence; whether it fits is seen when it is gone on with. */
export function isKeptEvidence(kept: unknown): boolean {
  return typeof kept === 'object' && kept !== null && 'attempt' in kept && 'saved' in kept
}

function keptOf(
  kept: ReadonlyMap<string, KeptEvidence>,
  { rollout, attempt }: AttemptId,
): KeptEvidence | null {
  const found = kept.get(rollout)
  return found?.attempt === attempt ? found : null
}
