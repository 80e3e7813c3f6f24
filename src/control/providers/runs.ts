/**
 * The metrics of all that runs: one run for each metric of the configuration and each attempt, measured while the
 * canary has traffic, and what their outcomes demand of the rollout.
 *
 * An outcome is a demand that the engine takes up when it comes by, rather than a call into it: so an abort is
 * asked for until it is in force, whatever fails meanwhile. After a restart runs go on from their last measurement.
 */

import { isEnded } from '../../analyzer/measure/measure.ts'
import { STARVED_COUNT } from '../../analyzer/measure/plan.ts'
import type { Standing } from '../../analyzer/measure/standing.ts'
import { readConditions } from '../conditions/condition.ts'
import type { AnalysisConfig } from '../config/config.ts'
import type { MetricEntry } from '../config/schema-metric.ts'
import type { Shelf } from '../judge/keeper.ts'
import type { Log } from '../log.ts'
import type { RunningRollout } from '../rollout/book.ts'
import {
  type Attempt,
  type Demand,
  fingerprintOf,
  type KeptRun,
  type KeptRuns,
  keptRunsOf,
  replayOf,
  type Run,
} from './attempt.ts'
import { type MetricFigures, ReadingCounts } from './figures.ts'
import { Providers } from './providers.ts'
import type { PushedMetrics } from './pushed.ts'
import { MetricRun, type RunNews } from './run.ts'

export interface MetricRunsOptions {
  /** That of the configuration in force. */
  readonly analysis: () => AnalysisConfig
  readonly pushed: PushedMetrics
  /** Left out: nothing is kept. */
  readonly shelf?: Shelf<KeptRuns>
  readonly clock: { nowMs(): number }
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

type Action = MetricEntry['actions']['failure']

export class MetricRuns {
  readonly #options: MetricRunsOptions
  /** By rollout. */
  readonly #attempts = new Map<string, Attempt>()
  /** What still ends. */
  readonly #ending = new Set<Promise<void>>()
  readonly #counts = new ReadingCounts()
  /** Of an earlier process, until they are gone on with or their rollout is found to have ended. */
  readonly #kept: Map<string, KeptRuns>
  #analysis: AnalysisConfig
  #providers: Providers

  constructor(options: MetricRunsOptions) {
    this.#options = options
    this.#kept = new Map(options.shelf?.kept)
    this.#analysis = options.analysis()
    this.#providers = new Providers(this.#analysis.servers, options.pushed)
  }

  /** Takes a new configuration, forgets what has ended, and measures what is due. */
  tick(running: readonly RunningRollout[]): void {
    this.#options.pushed.keepOnly(new Set(running.map(({ id }) => id)))
    this.#adopt()
    this.#forget(running)
    for (const rollout of running) {
      if (rollout.phase === 'blocked' || rollout.weightBp === 0) continue
      try {
        const { runs } = this.#attemptOf(rollout) ?? this.#begin(rollout)
        for (const one of runs.values()) this.#measure(rollout.id, one)
        this.#keep(rollout.id)
      } catch (error) {
        this.#options.log.error(`Cannot measure rollout "${rollout.id}"`, { error })
      }
    }
  }

  /** What the outcomes of an attempt ask for, in the order of the configuration. */
  demands(rollout: RunningRollout): readonly Demand[] {
    return this.#runsOf(rollout).flatMap(({ demand }) => demand ?? [])
  }

  /** Where each metric of an attempt stands, in the order of the configuration; none before the canary has traffic. */
  standings(rollout: RunningRollout): readonly Standing[] {
    return this.#runsOf(rollout).map(({ run }) => run.standing)
  }

  /** For the metrics of Sluice itself. */
  figures(): MetricFigures {
    const running = [...this.#attempts.values()].flatMap(({ route, rollout, runs }) =>
      [...runs].flatMap(([metric, { run }]) => {
        const outcome = run.state.measurements.at(-1)?.outcome
        return outcome === undefined ? [] : [{ route, rollout, metric, outcome }]
      }),
    )
    const { measurements, errors } = this.#counts
    return { running, measurements, errors }
  }

  /** Resolves when nothing is asked any more. */
  async close(): Promise<void> {
    for (const { runs } of this.#attempts.values()) for (const one of runs.values()) this.#stop(one)
    this.#attempts.clear()
    await Promise.all(this.#ending)
    await this.#providers.close()
  }

  #runsOf(rollout: RunningRollout): readonly Run[] {
    return [...(this.#attemptOf(rollout)?.runs.values() ?? [])]
  }

  #attemptOf({ id, attempt }: RunningRollout): Attempt | undefined {
    const found = this.#attempts.get(id)
    return found?.attempt === attempt ? found : undefined
  }

  #begin({ id, route, attempt, attemptAtMs }: RunningRollout): Attempt {
    const kept = this.#kept.get(id)
    this.#kept.delete(id)
    const earlier = kept?.attempt === attempt ? kept.runs : []
    const begun: Attempt = {
      route,
      rollout: id,
      attempt,
      attemptAtMs,
      runs: new Map(),
      isUnkept: false,
    }
    this.#attempts.set(id, begun)
    this.#enter(begun, earlier)
    return begun
  }

  /** Gives an attempt the metrics of the configuration; `earlier` are gone on with where they are the same. */
  #enter(attempt: Attempt, earlier: KeptRuns['runs']): void {
    attempt.runs.clear()
    for (const entry of this.#analysis.metrics) {
      const { name } = entry.plan
      const fingerprint = fingerprintOf(entry)
      const same = earlier.find((one) => one.name === name && one.entry === fingerprint)
      attempt.runs.set(name, this.#open(attempt, entry, same ?? null))
    }
  }

  #keep(rollout: string): void {
    const attempt = this.#attempts.get(rollout)
    if (attempt?.isUnkept !== true) return
    attempt.isUnkept = false
    const kept = { version: 1, attempt: attempt.attempt, runs: keptRunsOf(attempt) } as const
    this.#options.shelf?.keep(rollout, kept)
  }

  #open(attempt: Attempt, entry: MetricEntry, before: KeptRun | null): Run {
    const { clock, log } = this.#options
    const run = new MetricRun({
      plan: entry.plan,
      conditions: readConditions(entry.conditions),
      source: this.#providers.sourceOf(entry.provider, attempt),
      clock,
      onNews: (news) => this.#hear(attempt.rollout, opened, news),
      onReading: (reading) => {
        attempt.isUnkept = true
        this.#counts.add(entry.plan.name, reading)
      },
      log,
      ...(before !== null && { state: before.state }),
    })
    const opened: Run = {
      entry,
      run,
      demand: before?.demand ?? null,
      isStarved: before?.isStarved ?? false,
    }
    return opened
  }

  #measure(rollout: string, one: Run): void {
    one.run.tick()
    const isStarved = one.run.state.consecutiveNoDataCount >= STARVED_COUNT
    if (isStarved && !one.isStarved) {
      this.#options.log.warn(`${rollout}: ${one.run.standing.sentence}; look at its query`)
    }
    one.isStarved = isStarved
  }

  #hear(rollout: string, one: Run, news: RunNews): void {
    const { log } = this.#options
    const { failure, inconclusive, providerError } = one.entry.actions
    const { sentence } = one.run.standing
    switch (news.type) {
      case 'providerFailing':
        return this.#act(rollout, one, providerError)
      case 'providerBack':
        one.demand = null
        log.info(`${rollout}: the provider of ${one.entry.plan.name} answers again`)
        return
      case 'ended':
        if (news.phase === 'failed') return this.#act(rollout, one, failure)
        if (news.phase === 'inconclusive') return this.#act(rollout, one, inconclusive)
        if (news.phase === 'passed') log.info(`${rollout}: ${sentence}`)
    }
  }

  #act(rollout: string, one: Run, action: Action): void {
    const { log } = this.#options
    const { plan } = one.entry
    const { state, standing } = one.run
    const { sentence } = standing
    if (plan.isDryRun) log.info(`${rollout}: ${sentence} (a dry run, so nothing is done)`)
    else if (action === 'warn') log.warn(`${rollout}: ${sentence}`)
    else {
      const id = `${plan.name}/${state.sequence}`
      one.demand = { id, action, sentence, replay: replayOf(one) }
    }
  }

  #adopt(): void {
    const analysis = this.#options.analysis()
    const before = this.#analysis
    if (analysis === before) return
    this.#analysis = analysis
    this.#counts.keepOnly(new Set(analysis.metrics.map(({ plan }) => plan.name)))
    if (textOf(analysis) === textOf(before)) return
    const providers = this.#providers
    this.#providers = new Providers(analysis.servers, this.#options.pushed)
    for (const attempt of this.#attempts.values()) {
      const earlier = [...attempt.runs.values()]
      this.#enter(attempt, keptRunsOf(attempt))
      for (const one of earlier) this.#stop(one)
    }
    this.#end(providers.close())
  }

  #forget(running: readonly RunningRollout[]): void {
    const attempts = new Map(running.map(({ id, attempt }) => [id, attempt]))
    for (const rollout of this.#kept.keys()) {
      if (attempts.has(rollout)) continue
      this.#kept.delete(rollout)
      this.#options.shelf?.keep(rollout, null)
    }
    for (const { rollout, attempt, runs } of this.#attempts.values()) {
      if (attempts.get(rollout) === attempt) continue
      this.#attempts.delete(rollout)
      this.#options.shelf?.keep(rollout, null)
      for (const one of runs.values()) this.#stop(one)
    }
  }

  #stop({ run }: Run): void {
    if (!isEnded(run.state)) this.#end(run.stop())
  }

  #end(ending: Promise<void>): void {
    const { log } = this.#options
    const done = ending
      .catch((error: unknown) => log.error('Measuring could not be ended', { error }))
      .finally(() => void this.#ending.delete(done))
    this.#ending.add(done)
  }
}

/** What a change is seen by. */
function textOf({ servers, metrics }: AnalysisConfig): string {
  return JSON.stringify({ servers: [...servers], metrics })
}
