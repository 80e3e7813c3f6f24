/**
 * What is done at once: what the evidence has decided, and what the outcomes of metrics demand.
 *
 * An abort goes before a pause. Each pause is done once, since whoever resumes has seen why; a pause of what is paused
 * already waits until that is over, so that its reason is heard too. What has been done is kept over a restart, lest it pause
 * again what somebody has resumed.
 */

import type { Shelf } from '../judge/keeper.ts'
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

/** Keys of what has been done for a rollout, safe for JSON. */
export interface KeptAlarms {
  readonly version: 1
  readonly raised: readonly string[]
}

export interface AlarmsOptions {
  /** Left out: nothing is kept. */
  readonly shelf?: Shelf<KeptAlarms> | undefined
  readonly evidence: Pick<Judge, 'decision'>
  readonly metrics: readonly Measuring[]
}

/** Keys that are remembered of a rollout; a provider that fails and heals makes a new one each time. */
const RAISED_LIMIT = 256

export class Alarms {
  readonly #options: AlarmsOptions
  /** Keys of what has been done, by rollout. */
  readonly #raised = new Map<string, ReadonlySet<string>>()

  constructor(options: AlarmsOptions) {
    this.#options = options
    for (const [rollout, { raised }] of options.shelf?.kept ?? []) {
      this.#raised.set(rollout, new Set(raised))
    }
  }

  /** The most urgent one; null where there is none, and where the canary has no traffic. */
  due(rollout: RunningRollout, atMs: number): Alarm | null {
    if (rollout.phase === 'blocked' || rollout.weightBp === 0) return null
    const alarms = [...this.#ruling(rollout, atMs), ...this.#demands(rollout, atMs)].filter(
      (alarm) => !this.#isIdle(rollout, alarm),
    )
    return alarms.find(({ event }) => event.action === 'abort') ?? alarms[0] ?? null
  }

  /** An alarm of a rollout is being done. */
  raised({ id }: RunningRollout, { key }: Alarm): void {
    const raised = [...(this.#raised.get(id) ?? []), key].slice(-RAISED_LIMIT)
    this.#raised.set(id, new Set(raised))
    this.#options.shelf?.keep(id, { version: 1, raised })
  }

  /** Forgets all rollouts but these: those that have ended. */
  keepOnly(running: readonly RunningRollout[]): void {
    if (this.#raised.size === 0) return
    const ids = new Set(running.map(({ id }) => id))
    for (const rollout of this.#raised.keys()) {
      if (ids.has(rollout)) continue
      this.#raised.delete(rollout)
      this.#options.shelf?.keep(rollout, null)
    }
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

  #isIdle({ id, phase }: RunningRollout, { key, event }: Alarm): boolean {
    if (event.action !== 'pause') return false
    return phase === 'paused' || this.#raised.get(id)?.has(key) === true
  }
}

function attemptOf({ id, attempt }: RunningRollout): string {
  return `${id}/${attempt}`
}
