/**
 * The judge's place in the process: what it hears of stable, and where its evidence is kept while it runs.
 */

import { latencyThresholds, type LatencyThreshold } from '../../analyzer/latency.ts'
import { quantileUs } from '../../analyzer/window.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { RunningRollout } from '../rollout/book.ts'
import type { Store } from '../store/contract.ts'
import type { Tallies } from '../tallies.ts'
import type { SeriesRegistry } from '../threads/routing.ts'
import { Judge, type KeptEvidence } from './judge.ts'
import { type AttemptId, Settlements } from './settlements.ts'

export interface JudgeBenchOptions {
  readonly store: Pick<Store, 'evidence' | 'keepEvidence'>
  readonly series: SeriesRegistry
  readonly tallies: Pick<Tallies, 'lastMinute'>
  /** Each thread's words, see `analyzer/tally.ts`. */
  readonly segments: readonly Uint32Array[]
  readonly config: () => Config
  readonly nowMs: () => number
  readonly log: Log
}

export class JudgeBench {
  readonly judge: Judge
  readonly settlements: Settlements
  readonly #options: JudgeBenchOptions
  readonly #unsaved = new Map<string, string | null>()
  #isFailing = false
  #saving: Promise<void> = Promise.resolve()
  #isSaving = false

  /** `kept`: evidence of an earlier process, by rollout. */
  constructor(options: JudgeBenchOptions, kept: ReadonlyMap<string, KeptEvidence>) {
    this.#options = options
    this.settlements = new Settlements({
      nowMs: options.nowMs,
      stableP99Us: (route) => this.#stableP99Us(route),
      kept: (attempt) => keptOf(kept, attempt),
    })
    this.judge = new Judge({
      settlements: this.settlements,
      segments: options.segments,
      isSticky: (route) => this.#isSticky(route),
      thresholds: (route) => this.#thresholds(route),
      kept,
      keep: (rollout, evidence) =>
        void this.#unsaved.set(rollout, evidence === null ? null : JSON.stringify(evidence)),
      log: options.log,
    })
  }

  tick(running: readonly RunningRollout[]): void {
    this.judge.tick(running)
    if (this.#unsaved.size > 0 && !this.#isSaving) this.#saving = this.#save()
  }

  /** Resolves when what was to be kept is kept, or has failed to be. */
  async close(): Promise<void> {
    this.judge.keepAll()
    await this.#saving
    await this.#save()
  }

  /** Evidence that cannot be kept is still evidence: a restart then begins with what was kept before. */
  async #save(): Promise<void> {
    const { store, log } = this.#options
    const bodies = new Map(this.#unsaved)
    this.#unsaved.clear()
    this.#isSaving = true
    try {
      await store.keepEvidence(bodies)
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) log.warn('Evidence is not kept', { error })
      this.#isFailing = true
    } finally {
      this.#isSaving = false
    }
  }

  #isSticky(route: string): boolean {
    return this.#options.config().routes.find(({ name }) => name === route)?.sticky != null
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

/** Reads what an earlier process has kept; what cannot be read is left out, and its rollout starts with none. */
export async function readKept(
  store: Pick<Store, 'evidence'>,
  log: Log,
): Promise<ReadonlyMap<string, KeptEvidence>> {
  const kept = new Map<string, KeptEvidence>()
  for (const [rollout, body] of await store.evidence()) {
    try {
      const evidence: KeptEvidence = JSON.parse(body)
      kept.set(rollout, evidence)
    } catch (error) {
      log.warn(`The evidence of "${rollout}" cannot be read, and begins anew`, { error })
    }
  }
  return kept
}

function keptOf(
  kept: ReadonlyMap<string, KeptEvidence>,
  { rollout, attempt }: AttemptId,
): KeptEvidence | null {
  const found = kept.get(rollout)
  return found?.attempt === attempt ? found : null
}
