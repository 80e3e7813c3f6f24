/**
 * Values that others push: business metrics that neither the proxy nor a query can see.
 *
 * A few of each, for as long as the rollout runs: what counts is what is pushed now. After a restart those of the second
 * before it may be missing; their age is that of the wall clock.
 */

import { METRIC_NAME } from '../../analyzer/criteria/custom.ts'
import type { CustomReading, ReadCustom } from '../../analyzer/custom.ts'
import type { Value } from '../conditions/expression.ts'
import { PUSHED_AGE } from '../config/defaults-analysis.ts'
import { formatDuration } from '../duration.ts'
import type { Shelf } from '../judge/keeper.ts'
import type { RunningRollout } from '../rollout/book.ts'
import type { MetricSource } from './source.ts'

export type PushedVariant = 'stable' | 'canary'

export interface PushedValue {
  readonly name: string
  readonly variant: PushedVariant
  /** Finite. */
  readonly value: number
}

/** Names a rollout may have; a program with a bug in its names must not fill the memory. */
export const PUSHED_NAME_LIMIT = 64

/** Values of one name and variant that are kept, newest last. */
export const PUSHED_VALUE_LIMIT = 64

/** Rollouts with pushed values at a time; each running one is on a route of its own. */
export const PUSHED_ROLLOUT_LIMIT = 1_024

interface Sample {
  readonly atMs: number
  readonly value: number
}

type Series = Readonly<Record<PushedVariant, readonly Sample[]>>

const NONE: Series = { stable: [], canary: [] }

export interface PushedQuery {
  readonly rollout: string
  readonly name: string
  readonly variant: PushedVariant
  /** Older values count for nothing: `maxAgeMs` ago, and not from before the attempt began. */
  readonly sinceMs: number
}

/** What was pushed for a rollout, safe for JSON. */
export interface KeptPushed {
  readonly version: 1
  readonly metrics: readonly (readonly [name: string, series: Series])[]
}

export class PushedMetrics {
  readonly #rollouts = new Map<string, Map<string, Series>>()
  readonly #keep: Shelf<KeptPushed>['keep']

  /** Goes on with what was kept; left out: nothing is. */
  constructor({ kept, keep }: Shelf<KeptPushed> = { kept: new Map(), keep: () => {} }) {
    this.#keep = keep
    for (const [rollout, { metrics }] of kept) this.#rollouts.set(rollout, new Map(metrics))
  }

  /**
   * Keeps values, all or none. Returns null, or why none was kept: a value that is not finite, a name that is
   * none, or too many of them.
   */
  push(rollout: string, values: readonly PushedValue[], atMs: number): string | null {
    const known = this.#rollouts.get(rollout)
    const fault = this.#faultOf(values, known)
    if (fault !== null) return fault
    const metrics = known ?? new Map<string, Series>()
    this.#rollouts.set(rollout, metrics)
    for (const { name, variant, value } of values) {
      const series = metrics.get(name) ?? NONE
      const samples = [...series[variant], { atMs, value }].slice(-PUSHED_VALUE_LIMIT)
      metrics.set(name, { ...series, [variant]: samples })
    }
    this.#keep(rollout, { version: 1, metrics: [...metrics] })
    return null
  }

  /** The newest value, or why there is none. */
  newest({ rollout, name, variant, sinceMs }: PushedQuery, nowMs: number): CustomReading {
    const newest = this.#rollouts.get(rollout)?.get(name)?.[variant].at(-1)
    if (newest === undefined) return { reason: `nothing has been pushed for ${variant}` }
    if (newest.atMs >= sinceMs) return { value: newest.value }
    const age = formatDuration(Math.max(0, nowMs - newest.atMs))
    return { reason: `the newest value for ${variant} is ${age} old` }
  }

  /** All values since then, oldest first. */
  values({ rollout, name, variant, sinceMs }: PushedQuery): readonly number[] {
    const samples = this.#rollouts.get(rollout)?.get(name)?.[variant] ?? []
    return samples.filter(({ atMs }) => atMs >= sinceMs).map(({ value }) => value)
  }

  /** Forgets all rollouts but these: those that have ended. */
  keepOnly(running: ReadonlySet<string>): void {
    for (const rollout of this.#rollouts.keys()) {
      if (running.has(rollout)) continue
      this.#rollouts.delete(rollout)
      this.#keep(rollout, null)
    }
  }

  #faultOf(
    values: readonly PushedValue[],
    known: ReadonlyMap<string, Series> | undefined,
  ): string | null {
    if (known === undefined && this.#rollouts.size >= PUSHED_ROLLOUT_LIMIT) {
      return `${PUSHED_ROLLOUT_LIMIT} rollouts have pushed values already`
    }
    const names = new Set(known?.keys())
    for (const { name, value } of values) {
      if (!METRIC_NAME.test(name)) return `"${name.slice(0, 80)}" is not the name of a metric`
      if (!Number.isFinite(value)) return `${name} is ${value}, and a finite number is needed`
      names.add(name)
    }
    if (names.size <= PUSHED_NAME_LIMIT) return null
    return `a rollout has at most ${PUSHED_NAME_LIMIT} pushed metrics, with these it would have ${names.size}`
  }
}

/** A metric over pushed values: the list of those since `sinceMs(nowMs)`, oldest first; an empty one is no data. */
export function pushedSource(
  pushed: PushedMetrics,
  query: Omit<PushedQuery, 'sinceMs'>,
  sinceMs: (nowMs: number) => number,
): MetricSource {
  return async (nowMs): Promise<Value> => pushed.values({ ...query, sinceMs: sinceMs(nowMs) })
}

/**
 * How criteria of a guard read what was pushed: as all that a guard looks at, only what came since the step began,
 * and no older than a window or `PUSHED_AGE`, whichever is longer.
 */
export function readCustomOf(
  pushed: Pick<PushedMetrics, 'newest'> = new PushedMetrics(),
): (rollout: RunningRollout, nowMs: number) => ReadCustom {
  return ({ id, stepAtMs, plan }, nowMs) => {
    const maxAgeMs = Math.max(PUSHED_AGE.default, plan.guard.windowMs)
    const sinceMs = Math.max(stepAtMs, nowMs - maxAgeMs)
    return (name, variant) => pushed.newest({ rollout: id, name, variant, sinceMs }, nowMs)
  }
}
