/**
 * Kayenta's judge over several metrics, and what its score is to a rollout.
 *
 * Score and classes are Kayenta's. The verdict is ours in two places, because its judge scores 0, which fails,
 * where it has nothing to judge: without data, or where the statistic does not exist, nothing fails. A marginal
 * score is undecided.
 */

import { type Classified, type Label, type MetricValues, classify } from './classify.ts'
import { CONFIDENCE, type MetricRules, TOLERANCE } from './rules.ts'
import { type Score, classOf, score } from './score.ts'
import type { RootTolerance } from './mann-whitney.ts'

/** Least scores, 0 to 100, `marginal` at most `pass`. */
export interface Thresholds {
  readonly pass: number
  readonly marginal: number
}

/** As in Kayenta's own examples. */
export const DEFAULT_THRESHOLDS: Thresholds = { pass: 95, marginal: 75 }

/** The group of a metric that names none. */
export const DEFAULT_GROUP = 'metrics'

export interface JudgedMetric {
  readonly name: string
  readonly rules: MetricRules
  readonly groups: readonly string[]
  /** Left out of the score; told all the same. */
  readonly isMuted: boolean
}

export interface KayentaPlan {
  readonly rootTolerance: RootTolerance
  readonly metrics: readonly JudgedMetric[]
  /** Percent by group. */
  readonly groupWeights: Readonly<Record<string, number>>
  readonly thresholds: Thresholds
}

export interface KayentaVerdict {
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'noData'
  /** One sentence with numbers, without a full stop. */
  readonly sentence: string
  readonly score: Score
  /** Kayenta's own word for the score. */
  readonly class: 'Pass' | 'Marginal' | 'Fail'
  /** In the order of the plan. */
  readonly metrics: readonly (Classified & Omit<JudgedMetric, 'rules'>)[]
}

const NO_VALUES: MetricValues = { experiment: [], control: [] }

/**
 * Judges the canary (`experiment`) against stable (`control`). A metric without an entry in `values` has no
 * data. `random` gives 0 to below 1: take one with a known seed, so that the verdict can be computed again.
 */
export function judgeKayenta(
  plan: KayentaPlan,
  values: ReadonlyMap<string, MetricValues>,
  random: () => number,
): KayentaVerdict {
  const { rootTolerance, groupWeights, thresholds } = plan
  const options = { rootTolerance, tolerance: TOLERANCE, confidence: CONFIDENCE }
  const metrics = plan.metrics.map(({ name, rules, groups, isMuted }) => ({
    ...classify(values.get(name) ?? NO_VALUES, rules, options, random),
    name,
    isMuted,
    groups: groups.length === 0 ? [DEFAULT_GROUP] : groups,
  }))
  const counted = metrics.filter(({ isMuted }) => !isMuted)
  const scored = score(counted, groupWeights)
  const classed = classOf(scored.score, thresholds)
  const verdict = verdictOf(counted, { scored, thresholds })
  return {
    verdict,
    sentence: sentenceOf(counted, { verdict, scored, thresholds }),
    score: scored,
    class: classed,
    metrics,
  }
}

type Counted = readonly (Classified & { readonly name: string })[]

const BAD: ReadonlySet<Label> = new Set(['High', 'Low', 'NodataFailMetric'])

function verdictOf(
  counted: Counted,
  { scored, thresholds }: { scored: Score; thresholds: Thresholds },
): KayentaVerdict['verdict'] {
  const bad = counted.filter(({ label }) => BAD.has(label))
  if (bad.some(({ isCritical }) => isCritical)) return 'fail'
  // What is left of a score of 0 is want of data: it fails only what would fail without it.
  const classed = classOf(scored.groupSum, thresholds)
  if (classed === 'Fail' && bad.length > 0) return 'fail'
  if (scored.zeroedBy !== null || counted.every(isWithoutValues)) return 'noData'
  const isUncertain = classed === 'Marginal' || counted.some(({ label }) => label === 'Error')
  return isUncertain ? 'inconclusive' : 'pass'
}

function isWithoutValues({ experimentCount, controlCount }: Classified): boolean {
  return experimentCount === 0 || controlCount === 0
}

function sentenceOf(
  counted: Counted,
  {
    verdict,
    scored,
    thresholds,
  }: {
    verdict: KayentaVerdict['verdict']
    scored: Score
    thresholds: Thresholds
  },
): string {
  if (counted.length === 0) return "Kayenta's judge has no data: no metric counts"
  const passCount = counted.filter(({ label }) => label === 'Pass').length
  const passes = `${passCount} of ${counted.length} metrics pass`
  const points = `Kayenta's score is ${scored.score}`
  const worst = worstOf(counted)
  const why =
    worst === undefined ? passes : `${passes}, ${worst.name} is ${worst.label}: ${worst.reason}`
  switch (verdict) {
    case 'pass':
      return `${points}, at least ${thresholds.pass}: ${why}`
    case 'inconclusive':
      return `${points}, undecided below ${thresholds.pass} or with an error: ${why}`
    case 'fail':
      return `${points}, below ${thresholds.marginal}: ${why}`
    case 'noData':
      return `Kayenta's judge has too little data: ${why}`
  }
}

/** The metric that weighs most: a critical one that is bad, a bad one, one without data or with an error. */
function worstOf(counted: Counted): Counted[number] | undefined {
  const bad = counted.filter(({ label }) => BAD.has(label))
  return (
    bad.find(({ isCritical }) => isCritical) ??
    bad[0] ??
    counted.find(({ label }) => label !== 'Pass')
  )
}
