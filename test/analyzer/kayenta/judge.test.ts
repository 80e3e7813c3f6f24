import { describe, expect, test } from 'vitest'
import type { WindowStats } from '../../../src/analyzer/window.ts'
import type { Label, MetricValues } from '../../../src/analyzer/kayenta/classify.ts'
import {
  DEFAULT_THRESHOLDS,
  type JudgedMetric,
  type KayentaPlan,
  judgeKayenta,
} from '../../../src/analyzer/kayenta/judge.ts'
import { seededRandom } from '../../../src/analyzer/kayenta/normal.ts'
import {
  NO_POINTS,
  POINT_LIMIT,
  addPoints,
  valuesOf,
} from '../../../src/analyzer/kayenta/points.ts'
import { DEFAULT_RULES } from '../../../src/analyzer/kayenta/rules.ts'
import { type Scored, classOf, score } from '../../../src/analyzer/kayenta/score.ts'

const LOW: readonly number[] = Array.from({ length: 50 }, (_, i) => 10 + (i % 7))
const HIGH: readonly number[] = LOW.map((value) => value + 20)

/** What the canary shows, against stable's `LOW`. */
const VALUES: Readonly<Record<string, MetricValues>> = {
  same: { experiment: LOW, control: LOW },
  high: { experiment: HIGH, control: LOW },
  empty: { experiment: [], control: LOW },
  /** The statistic does not exist: noise vanishes in the smallest doubles. */
  tiny: { experiment: [5e-324], control: [1e-323] },
}

function judge(
  metrics: Readonly<Record<string, Partial<JudgedMetric['rules']> & { isMuted?: boolean }>>,
  plan: Partial<KayentaPlan> = {},
) {
  const names = Object.keys(metrics)
  return judgeKayenta(
    {
      rootTolerance: 'relative',
      metrics: names.map((name) => {
        const { isMuted = false, ...rules } = metrics[name]!
        return { name, groups: [], isMuted, rules: { ...DEFAULT_RULES, ...rules } }
      }),
      groupWeights: {},
      thresholds: DEFAULT_THRESHOLDS,
      ...plan,
    },
    new Map(names.flatMap((name) => (name in VALUES ? [[name, VALUES[name]!]] : []))),
    seededRandom(1),
  )
}

describe('a canary', () => {
  test.for([
    ['pass', 100, { same: {} }],
    ['fail', 0, { high: {} }],
    ['fail', 50, { same: {}, high: {} }],
    ['fail', 0, { same: {}, high: { isCritical: true } }],
    ['pass', 100, { same: {}, high: { isMuted: true } }],
    // Kayenta's score is 0 in all of these, which fails there.
    ['noData', 0, { empty: {} }],
    ['noData', 0, { unknown: {} }],
    ['noData', 0, { same: {}, empty: {} }],
    ['noData', 0, { same: {}, empty: { isCritical: true } }],
    ['noData', 0, { same: {}, tiny: { isCritical: true } }],
    ['noData', 0, { high: { isMuted: true } }],
    // Something is bad beside what is missing.
    ['fail', 0, { high: {}, empty: {} }],
    ['fail', 0, { high: {}, same: {}, empty: { isCritical: true } }],
    ['fail', 0, { empty: { mustHaveData: true } }],
    ['noData', 100, { empty: { nanStrategy: 'replace' } }],
    ['inconclusive', 100, { same: {}, tiny: {} }],
  ] as const)('gets %s with %d points for %j', ([verdict, points, metrics]) => {
    const found = judge(metrics)
    expect(found.verdict).toBe(verdict)
    expect(found.score.score).toBe(points)
  })

  test('between the thresholds is undecided', () => {
    const found = judge({ same: {}, high: {} }, { thresholds: { pass: 95, marginal: 50 } })
    expect(found).toMatchObject({ verdict: 'inconclusive', class: 'Marginal' })
  })

  test('is told in one sentence', () => {
    expect(judge({ same: {} }).sentence).toBe(
      "Kayenta's score is 100, at least 95: 1 of 1 metrics pass",
    )
    expect(judge({ same: {}, high: {} }).sentence).toBe(
      "Kayenta's score is 50, below 75: 1 of 2 metrics pass, high is High: canary is above stable: its mean is 2.55 times stable's, the shift is 19 to 21",
    )
    expect(judge({ same: {}, empty: {} }).sentence).toBe(
      "Kayenta's judge has too little data: 1 of 2 metrics pass, empty is Nodata: canary has no value",
    )
    expect(judge({ high: { isMuted: true } }).sentence).toBe(
      "Kayenta's judge has no data: no metric counts",
    )
  })

  test('is judged alike with the same chance', () => {
    const constants = new Map([['m', { experiment: [5, 5, 5], control: [4, 4, 4] }]])
    const plan: KayentaPlan = {
      rootTolerance: 'exact',
      metrics: [{ name: 'm', groups: [], isMuted: false, rules: DEFAULT_RULES }],
      groupWeights: {},
      thresholds: DEFAULT_THRESHOLDS,
    }
    const one = judgeKayenta(plan, constants, seededRandom(9))
    expect(judgeKayenta(plan, constants, seededRandom(9))).toEqual(one)
  })
})

function metric(label: Label, group: string): Scored {
  return { label, isCritical: false, groups: [group] }
}

test('groups share what the given weights leave', () => {
  const metrics = [metric('Pass', 'a'), metric('High', 'b'), metric('Pass', 'c')]
  const { groups, score: points } = score(metrics, { a: 60 })
  expect(groups.map(({ name, weight }) => [name, weight])).toEqual([
    ['a', 60],
    ['b', 20],
    ['c', 20],
  ])
  expect(points).toBe(80)
  expect(score(metrics, { constructor: 1 }).groups.map(({ weight }) => weight)).toEqual([
    33, 33, 33,
  ])
})

test.for([
  [95, 'Pass'],
  [94.99, 'Marginal'],
  [75, 'Marginal'],
  [74.99, 'Fail'],
] as const)('%d points are %s', ([points, word]) => {
  expect(classOf(points, DEFAULT_THRESHOLDS)).toBe(word)
})

function stats(errorRatio: number | null): WindowStats {
  return { requestCount: 1, errorCount: 0, errorRatio, p50Us: 1, p95Us: null, p99Us: 3 }
}

describe('points', () => {
  test('are windows one after another, with gaps', () => {
    const once = addPoints(NO_POINTS, { canary: stats(0.5), stable: stats(null) })
    const twice = addPoints(once, { canary: stats(0.25), stable: stats(0) })
    expect(twice.error_rate).toEqual({ experiment: [0.5, 0.25], control: [null, 0] })
    expect(JSON.parse(JSON.stringify(twice))).toEqual(twice)
    expect(valuesOf(twice).get('error_rate')).toEqual({
      experiment: [0.5, 0.25],
      control: [Number.NaN, 0],
    })
    expect(valuesOf(twice).get('latency_p95')?.control).toEqual([Number.NaN, Number.NaN])
  })

  test('are bounded; the oldest goes first', () => {
    let points = NO_POINTS
    for (let i = 0; i < POINT_LIMIT + 2; i++) {
      points = addPoints(points, { canary: stats(i), stable: stats(null) })
    }
    expect(points.error_rate.experiment).toHaveLength(POINT_LIMIT)
    expect(points.error_rate.experiment[0]).toBe(2)
  })
})
