/**
 * Kayenta's score of a canary: the metrics' labels in groups, the groups by weight, 0 to 100.
 *
 * Source: `WeightedSumScorer` and `ThresholdScoreClassifier` of Kayenta (Apache-2.0), told from their rules.
 */

import type { Label } from './classify.ts'

/** What the score needs to know of a metric's judgement. */
export interface Scored {
  readonly label: Label
  readonly isCritical: boolean
  /** A metric counts in each of its groups. */
  readonly groups: readonly string[]
}

export interface GroupScore {
  readonly name: string
  /** 0 to 100: the share of its metrics that pass. */
  readonly score: number
  readonly weight: number
  readonly hasData: boolean
}

export interface Score {
  /** 0 to 100, two decimals. */
  readonly score: number
  /** What the groups add up to before anything takes it to 0. */
  readonly groupSum: number
  /** What took it to 0, where something did. */
  readonly zeroedBy: 'critical' | 'noData' | null
  readonly groups: readonly GroupScore[]
}

/** From so large a share of metrics without data on, the score is 0. */
const NO_DATA_RATIO = 0.5

/** Labels that count in a group; a metric without data, or with an error, is as if it were not there. */
const COUNTED: ReadonlySet<Label> = new Set(['Pass', 'High', 'Low', 'NodataFailMetric'])

/**
 * Scores the metrics. Groups without a weight share what the given weights leave of 100; a group none of whose
 * metrics has data gets its weight in full.
 */
export function score(
  metrics: readonly Scored[],
  groupWeights: Readonly<Record<string, number>>,
): Score {
  const groups = groupScores(metrics, groupWeights)
  const sum = groups.reduce(
    (total, group) => total + (group.hasData ? group.score : 100) * (group.weight / 100),
    0,
  )
  const groupSum = Math.round(sum * 100) / 100
  const zeroedBy = whatZeroes(metrics)
  return { score: zeroedBy === null ? groupSum : 0, groupSum, zeroedBy, groups }
}

/** Which of Kayenta's three classes a score is in; `pass` and `marginal` are the least scores, 0 to 100. */
export function classOf(
  points: number,
  { pass, marginal }: { readonly pass: number; readonly marginal: number },
): 'Pass' | 'Marginal' | 'Fail' {
  if (points >= pass) return 'Pass'
  return points >= marginal ? 'Marginal' : 'Fail'
}

function whatZeroes(metrics: readonly Scored[]): Score['zeroedBy'] {
  if (metrics.some(({ label, isCritical }) => isCritical && label !== 'Pass')) return 'critical'
  const emptyCount = metrics.filter(({ label }) => label === 'Nodata').length
  return emptyCount >= NO_DATA_RATIO * metrics.length ? 'noData' : null
}

function groupScores(
  metrics: readonly Scored[],
  groupWeights: Readonly<Record<string, number>>,
): readonly GroupScore[] {
  const names = [...new Set(metrics.flatMap(({ groups }) => groups))]
  const givenSum = Object.values(groupWeights).reduce((sum, weight) => sum + weight, 0)
  const unweightedCount = names.filter((name) => !Object.hasOwn(groupWeights, name)).length
  return names.map((name) => {
    const labels = metrics.filter(({ groups }) => groups.includes(name)).map(({ label }) => label)
    const countedCount = labels.filter((label) => COUNTED.has(label)).length
    const passCount = labels.filter((label) => label === 'Pass').length
    const given = Object.hasOwn(groupWeights, name) ? groupWeights[name] : undefined
    return {
      name,
      score: countedCount === 0 ? 0 : (passCount / countedCount) * 100,
      weight: given ?? (100 - givenSum) / unweightedCount,
      hasData: countedCount > 0,
    }
  })
}
