/**
 * A demand of a metric or of Kayenta's judge with what it was reached by, so that it can be computed again.
 *
 * Of a metric that is its last measurement, and the counts before it, which are taken as they were counted: answers of
 * earlier measurements are not kept. An answer that is large, or that JSON cannot hold, is not kept either; what the
 * conditions made of it is.
 */

import { judgeKayenta, type KayentaPlan } from '../../analyzer/kayenta/judge.ts'
import { seededRandom } from '../../analyzer/kayenta/normal.ts'
import { type SavedPoints, valuesOf } from '../../analyzer/kayenta/points.ts'
import { measure, type MeasureEvent, type MeasureState } from '../../analyzer/measure/measure.ts'
import type { MeasurePlan } from '../../analyzer/measure/plan.ts'
import { standingOf } from '../../analyzer/measure/standing.ts'
import { judgeResult, readConditions } from '../conditions/condition.ts'
import type { Value } from '../conditions/expression.ts'

export interface MetricReplay {
  readonly kind: 'metric'
  readonly plan: MeasurePlan
  readonly conditions: Parameters<typeof readConditions>[0]
  readonly before: MeasureState
  readonly read: Extract<MeasureEvent, { type: 'read' }>
  /** What the provider answered; left out where that is not kept, or where it did not. */
  readonly result?: Value
}

export interface KayentaReplay {
  readonly kind: 'kayenta'
  readonly plan: KayentaPlan
  readonly points: SavedPoints
  readonly pointCount: number
}

export type DemandReplay = MetricReplay | KayentaReplay

/** Characters of JSON that a record may have; the journal keeps it for ever. */
export const REPLAY_CHARS = 65_536

/** Returns what can be kept of a measurement; null where even that without the answer is too large. */
export function keptReplay({ result, ...rest }: MetricReplay): MetricReplay | null {
  const whole = result !== undefined && isJson(result) ? { ...rest, result } : rest
  if (JSON.stringify(whole).length <= REPLAY_CHARS) return whole
  return JSON.stringify(rest).length <= REPLAY_CHARS ? rest : null
}

/** The sentence that a demand is given with, computed anew, and whether the answer of the provider was there for it. */
export function replayDemand(replay: DemandReplay): {
  readonly sentence: string
  readonly hasAnswer: boolean
} {
  return replay.kind === 'kayenta' ? replayKayenta(replay) : replayMetric(replay)
}

function replayMetric({ plan, conditions, before, read, result }: MetricReplay) {
  const reading =
    result === undefined ? read.reading : judgeResult(readConditions(conditions), result)
  const { state } = measure(plan, before, { ...read, reading })
  return { sentence: standingOf(plan, state).sentence, hasAnswer: result !== undefined }
}

function replayKayenta({ plan, points, pointCount }: KayentaReplay) {
  const { sentence } = judgeKayenta(plan, valuesOf(points), seededRandom(pointCount))
  return { sentence, hasAnswer: true }
}

/** Whether JSON gives back what it is given: it has no NaN and no infinity, and is not very deep. */
function isJson(value: Value, depth = 32): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((part) => isJson(part, depth - 1))
}
