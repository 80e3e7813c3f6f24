/**
 * The runs of one attempt of a rollout: its metrics, what they demand, and the form in which they are kept.
 */

import { createHash } from 'node:crypto'
import type { MeasureState } from '../../analyzer/measure/measure.ts'
import type { MetricEntry } from '../config/schema-metric.ts'
import { type DemandReplay, keptReplay } from './replay.ts'
import type { MetricRun } from './run.ts'

/** What an outcome asks for. */
export interface Demand {
  /** A demand of its own each time; who resumes after a pause has seen it. */
  readonly id: string
  readonly action: 'abort' | 'pause'
  /** Without a full stop. */
  readonly sentence: string
  /** What it was reached by; null where that is too large to be kept. */
  readonly replay: DemandReplay | null
}

export interface Run {
  readonly entry: MetricEntry
  readonly run: MetricRun
  demand: Demand | null
  isStarved: boolean
}

export interface Attempt {
  readonly route: string
  readonly rollout: string
  readonly attempt: number
  readonly attemptAtMs: number
  /** By name. */
  readonly runs: Map<string, Run>
  /** Whether something has been measured since it was kept. */
  isUnkept: boolean
}

/** The runs of an attempt, safe for JSON. */
export interface KeptRuns {
  readonly version: 1
  readonly attempt: number
  /** `entry`: what the metric of the configuration is known by again; its text can hold secrets, which are not for a store. */
  readonly runs: readonly (KeptRun & { readonly name: string; readonly entry: string })[]
}

export type KeptRun = Pick<Run, 'demand' | 'isStarved'> & { readonly state: MeasureState }

/** In the order of the configuration. */
export function keptRunsOf({ runs }: Attempt): KeptRuns['runs'] {
  return [...runs].map(([name, { entry, run, demand, isStarved }]) => ({
    name,
    entry: fingerprintOf(entry),
    state: run.state,
    demand,
    isStarved,
  }))
}

/** What the newest measurement can be computed again from; null where that is too large to be kept. */
export function replayOf({ entry: { plan, conditions }, run: { last } }: Run): DemandReplay | null {
  return last === null ? null : keptReplay({ kind: 'metric', plan, conditions, ...last })
}

/** What two metrics of the configuration are told apart by. */
export function fingerprintOf(entry: MetricEntry): string {
  return createHash('sha256').update(JSON.stringify(entry)).digest('base64url')
}
