/**
 * What is done at once: what the evidence has decided, and what the outcomes of metrics demand.
 *
 * An abort goes before a pause. Each pause is done once, since whoever resumes has seen why; a pause of what is paused
 * already waits until that is over, so that its reason is heard too.
 */

import type { Judge } from '../judge/judge.ts'
import type { MetricRuns } from '../providers/runs.ts'
import type { RunningRollout } from './book.ts'
import type { RolloutEvent } from './state.ts'

/** What measures beside the guard. */
export type Measuring = Pick<MetricRuns, 'demands' | 'standings'>

export interface Alarm {
  /** What it is known by when it comes again. */
  readonly key: string
  readonly event: Extract<RolloutEvent, { type: 'alarm' }>
}

export interface AlarmsOptions {
  readonly evidence: Pick<Judge, 'decision'>
  readonly metrics: readonly Measuring[]
}

export class Alarms {
  readonly #options: AlarmsOptions
  /** Keys of what has been done. */
  readonly #raised = new Set<string>()

  constructor(options: AlarmsOptions) {
    this.#options = options
  }

  /** The most urgent one; null where there is none, and where the canary has no traffic. */
  due(rollout: RunningRollout, atMs: number): Alarm | null {
    if (rollout.phase === 'blocked' || rollout.weightBp === 0) return null
    const alarms = [...this.#ruling(rollout, atMs), ...this.#demands(rollout, atMs)].filter(
      (alarm) => !this.#isIdle(rollout, alarm),
    )
    return alarms.find(({ event }) => event.action === 'abort') ?? alarms[0] ?? null
  }

  /** An alarm is being done. */
  raised({ key }: Alarm): void {
    this.#raised.add(key)
  }

  #ruling(rollout: RunningRollout, atMs: number): readonly Alarm[] {
    const found = rollout.plan.guard.coin ? this.#options.evidence.decision(rollout) : null
    if (found === null) return []
    const { decision, sentence, evidence, record: replay } = found
    const { action } = decision
    if (action === 'warn') return []
    const { attempt } = rollout
    const event = { type: 'alarm', atMs, attempt, action, sentence, evidence, replay } as const
    return [{ key: attemptOf(rollout), event }]
  }

  #demands(rollout: RunningRollout, atMs: number): readonly Alarm[] {
    const demands = this.#options.metrics.flatMap((each) => each.demands(rollout))
    const { attempt } = rollout
    return demands.map(({ id, action, sentence, replay }) => {
      const found = { action, sentence, evidence: null, replay }
      return {
        key: `${attemptOf(rollout)}/${id}`,
        event: { type: 'alarm', atMs, attempt, ...found },
      }
    })
  }

  #isIdle({ phase }: RunningRollout, { key, event }: Alarm): boolean {
    return event.action === 'pause' && (phase === 'paused' || this.#raised.has(key))
  }
}

function attemptOf({ id, attempt }: RunningRollout): string {
  return `${id}/${attempt}`
}
