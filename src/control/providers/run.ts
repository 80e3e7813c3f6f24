/**
 * The shell around the measurement loop of one metric: it asks the provider, and turns what comes back into events.
 *
 * It decides nothing and has no timer: whoever owns it ticks it, as the rollout engine is ticked.
 */

import {
  type MeasureEffect,
  type MeasureEvent,
  type MeasureState,
  type Reading,
  begin,
  measure,
} from '../../analyzer/measure/measure.ts'
import type { MeasurePlan } from '../../analyzer/measure/plan.ts'
import { type Standing, standingOf } from '../../analyzer/measure/standing.ts'
import { type Conditions, judgeResult } from '../conditions/condition.ts'
import type { Value } from '../conditions/expression.ts'
import { ProviderError } from './failure.ts'
import type { MetricSource } from './source.ts'

/** What the owner hears of; the rest is the run's own business. */
export type RunNews = Exclude<MeasureEffect, { type: 'query' | 'giveUp' }>

/** The newest measurement, and what it was counted upon. */
export interface LastRead {
  readonly before: MeasureState
  readonly read: Extract<MeasureEvent, { type: 'read' }>
  /** What the provider answered. */
  readonly result?: Value
}

export interface MetricRunOptions {
  readonly plan: MeasurePlan
  readonly conditions: Conditions
  readonly source: MetricSource
  /** Wall clock that never goes back, in milliseconds. */
  readonly clock: { nowMs(): number }
  /** Called after the state has changed. */
  readonly onNews: (news: RunNews) => void
  /** Called with each measurement that counts, after the state has changed; left out: nobody counts them. */
  readonly onReading?: (reading: Reading) => void
  readonly log: { error(message: string, fields?: Readonly<Record<string, unknown>>): void }
  /** Left out: measuring begins now. A state that was kept is gone on with. */
  readonly state?: MeasureState
}

export class MetricRun {
  readonly #options: MetricRunOptions
  #state: MeasureState
  #asking: AbortController | null = null
  #last: LastRead | null = null
  #answered: Promise<void> = Promise.resolve()

  constructor(options: MetricRunOptions) {
    const { plan, clock, state } = options
    this.#options = options
    this.#state = state ?? begin(plan, clock.nowMs())
    if (state !== undefined) this.#step({ type: 'recover', atMs: clock.nowMs() })
  }

  get state(): MeasureState {
    return this.#state
  }

  get standing(): Standing {
    return standingOf(this.#options.plan, this.#state)
  }

  /** What the state is being reached by; null but while news of a measurement is told. */
  get last(): LastRead | null {
    return this.#last
  }

  /** Measures if it is time. */
  tick(): void {
    this.#step({ type: 'tick', atMs: this.#options.clock.nowMs() })
  }

  /** Gives up what is asked and ends; resolves when nothing is on its way any more. */
  async stop(): Promise<void> {
    this.#step({ type: 'stop', atMs: this.#options.clock.nowMs() })
    await this.#answered
  }

  #step(event: MeasureEvent): void {
    const { state, effects } = measure(this.#options.plan, this.#state, event)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: MeasureEffect): void {
    switch (effect.type) {
      case 'query':
        this.#answered = this.#ask(effect.sequence)
        return
      case 'giveUp':
        this.#asking?.abort()
        return
      case 'providerFailing':
      case 'providerBack':
      case 'ended':
        this.#options.onNews(effect)
    }
  }

  async #ask(sequence: number): Promise<void> {
    const asking = new AbortController()
    this.#asking = asking
    const { reading, result } = await this.#read(asking.signal)
    const before = this.#state
    const read = { type: 'read', atMs: this.#options.clock.nowMs(), sequence, reading } as const
    this.#last = { before, read, ...(result !== undefined && { result }) }
    this.#step(read)
    // The answer may be large, and who needed it has heard of it.
    this.#last = null
    if (this.#state !== before) this.#options.onReading?.(reading)
  }

  async #read(signal: AbortSignal): Promise<{ reading: Reading; result?: Value }> {
    const { source, conditions, clock } = this.#options
    try {
      const result = await source(clock.nowMs(), signal)
      return { reading: judgeResult(conditions, result), result }
    } catch (error) {
      return { reading: this.#errorOf(error) }
    }
  }

  #errorOf(error: unknown): Reading {
    if (error instanceof ProviderError) {
      return { outcome: 'error', reason: error.message, errorKind: error.kind }
    }
    const { log, plan } = this.#options
    // A bug in a provider is told as one, but must not take the rollout with it.
    log.error('a provider of metrics struck a bug', { metric: plan.name, error: String(error) })
    const reason = 'the provider has a bug, which the log tells of'
    return { outcome: 'error', reason, errorKind: 'bug' }
  }
}
