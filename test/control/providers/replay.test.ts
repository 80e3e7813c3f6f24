import { describe, expect, test } from 'vitest'
import { NO_POINTS } from '../../../src/analyzer/kayenta/points.ts'
import { begin } from '../../../src/analyzer/measure/measure.ts'
import { DEFAULT_LIMITS } from '../../../src/analyzer/measure/plan.ts'
import type { Value } from '../../../src/control/conditions/expression.ts'
import { Analysis } from '../../../src/control/config/schema-analysis.ts'
import {
  keptReplay,
  type MetricReplay,
  replayDemand,
  REPLAY_CHARS,
} from '../../../src/control/providers/replay.ts'

const PLAN = { ...DEFAULT_LIMITS, name: 'conversion', intervalMs: 1_000, count: null }
const reading = { outcome: 'failure', reason: '[90] does not meet successCondition' } as const

function replayOf(result?: Value): MetricReplay {
  return {
    kind: 'metric',
    plan: PLAN,
    conditions: { successCondition: 'result[0] > 95' },
    before: { ...begin(PLAN, 0), phase: 'measuring', dueMs: null, sequence: 4, successCount: 3 },
    read: { type: 'read', atMs: 9, sequence: 4, reading },
    ...(result !== undefined && { result }),
  }
}

const asJson = (replay: MetricReplay | null) => JSON.parse(JSON.stringify(replay)) as MetricReplay

describe('a measurement', () => {
  const sentence =
    'conversion fails: 1 of 4 measurements failed, 0 allowed; the last: [90] does not meet successCondition'

  test('that is kept with its answer is judged by that again', () => {
    const kept = asJson(keptReplay(replayOf([90])))
    expect(replayDemand(kept)).toEqual({ sentence, hasAnswer: true })
    const other = replayDemand({ ...kept, result: [96] })
    expect(other.sentence).toContain('conversion is being measured: 4 succeeded, 0 failed')
  })

  test.for<[what: string, result: Value]>([
    ['has no number', [Number.NaN, 90]],
    ['is endless', [Infinity]],
    ['is large', ['x'.repeat(REPLAY_CHARS)]],
    ['is deep', Array.from({ length: 50 }).reduce<Value>((inner) => [inner], 90)],
  ])('whose answer %s is kept without it, and counted again', ([, result]) => {
    const kept = asJson(keptReplay(replayOf(result)))
    expect(kept).not.toHaveProperty('result')
    expect(replayDemand(kept)).toEqual({ sentence, hasAnswer: false })
  })

  test('with reasons that are too long is not kept at all', () => {
    const long = { ...reading, reason: 'x'.repeat(REPLAY_CHARS) }
    const { read, ...rest } = replayOf()
    expect(keptReplay({ ...rest, read: { ...read, reading: long } })).toBeNull()
  })
})

const series = (around: number) => Array.from({ length: 9 }, (_, i) => around + i / 1_000)

test('Kayenta’s points give the same sentence each time', () => {
  const { judge } = Analysis.parse({ judge: 'kayenta', kayenta: { points: 5 } })
  const points = {
    ...NO_POINTS,
    error_rate: { experiment: series(0.5), control: series(0.1) },
    latency_p50: { experiment: series(0.5), control: [null, ...series(0.1)] },
  }
  const replay = { kind: 'kayenta', plan: judge!, points, pointCount: 9 } as const
  expect(replayDemand(replay)).toEqual(replayDemand(replay))
  expect(replayDemand(replay).sentence).toContain("Kayenta's score is")
})
