/** What may stand in `analysis.kayenta`: the metrics of Kayenta's judge, in its own words. */

import { z } from 'zod'
import { DEFAULT_GROUP, type JudgedMetric } from '../../analyzer/kayenta/judge.ts'
import { POINT_METRICS } from '../../analyzer/kayenta/points.ts'
import { type EffectRules, defaultEffect } from '../../analyzer/kayenta/rules.ts'
import {
  ANALYSIS_ENTRIES,
  EFFECT,
  OUTLIER_FACTOR,
  POINT_COUNT,
  POINT_INTERVAL,
  SCORES,
} from './defaults-analysis.ts'
import { choice, countSetting, durationSetting, flag, ratioSetting, scalar, text } from './leaf.ts'
import { NAME_PATTERN, readName } from './names.ts'
import { customIssue, list, section } from './section.ts'
import { quote, refused } from './wording.ts'

/** A number without a default. */
function number({ min, max }: { readonly min: number; readonly max: number }, about: string) {
  const read = (found: string) => {
    const value = /^\d{1,9}(?:\.\d{1,9})?$/.test(found) ? Number(found) : Number.NaN
    if (value >= min && value <= max) return value
    throw refused(`${quote(found)} is not a number from ${min} to ${max}`)
  }
  return scalar(read, `${about} ${min} to ${max}.`, [
    { type: 'number', minimum: min, maximum: max },
  ])
}

const Effect = section({
  measure: choice(
    ['meanRatio', 'cles'],
    "meanRatio: the canary's mean by stable's. cles: how often the canary's value is the higher, 0 to 1. Default meanRatio.",
  ).prefault('meanRatio'),
  allowedIncrease: number(EFFECT, 'An increase below it passes.').optional(),
  allowedDecrease: number(EFFECT, 'A decrease above it passes.').optional(),
  criticalIncrease: number(EFFECT, 'A critical metric fails all from this increase on.').optional(),
  criticalDecrease: number(EFFECT, 'A critical metric fails all from this decrease on.').optional(),
})
  .transform(({ measure, ...given }): EffectRules => {
    const known = Object.entries(given).filter(([, value]) => value !== undefined)
    return { ...defaultEffect(measure), ...Object.fromEntries(known) }
  })
  .meta({ description: 'How large a change must be to count. Default: any.' })

const Outliers = section({
  strategy: choice(['keep', 'remove'], 'Default keep.').prefault('keep'),
  outlierFactor: ratioSetting(OUTLIER_FACTOR, 'Times the interquartile range.'),
}).describe('Values far from the others.')

const Metric = section({
  name: choice(POINT_METRICS, 'What of each interval is compared.'),
  groups: list(text(readName, 'The name of a group.', NAME_PATTERN), 0, ANALYSIS_ENTRIES.groups)
    .prefault([])
    .describe(`The groups that the metric counts in. Default: ${DEFAULT_GROUP}.`),
  direction: choice(
    ['increase', 'decrease', 'either'],
    'Which way a change is bad. Default increase; Kayenta has either.',
  ).prefault('increase'),
  nanStrategy: choice(
    ['remove', 'replace'],
    'What an interval without requests is: left out, or 0. Default remove.',
  ).prefault('remove'),
  outliers: Outliers.prefault({}),
  effectSize: Effect.prefault({}),
  critical: flag('Whether the metric alone takes the score to 0. Default false.').prefault(false),
  mustHaveData: flag('Whether no data is a failure of the metric. Default false.').prefault(false),
  muted: flag('Told, but left out of the score. Default false.').prefault(false),
}).transform((metric): JudgedMetric => ({
  name: metric.name,
  groups: metric.groups,
  isMuted: metric.muted,
  rules: {
    direction: metric.direction,
    nanStrategy: metric.nanStrategy,
    outliers: metric.outliers.strategy,
    outlierFactor: metric.outliers.outlierFactor,
    effect: metric.effectSize,
    isCritical: metric.critical,
    mustHaveData: metric.mustHaveData,
  },
}))

const GroupWeights = z
  .record(z.string(), number({ min: 0, max: 100 }, 'Percent of the score.'))
  .check(({ value, issues }) => {
    const weights = Object.values(value)
    if (weights.length > ANALYSIS_ENTRIES.groups) {
      issues.push(customIssue(value, [], `at most ${ANALYSIS_ENTRIES.groups} groups are possible`))
    }
    const sum = weights.reduce((total, weight) => total + weight, 0)
    if (sum > 100) issues.push(customIssue(value, [], `weights add up to ${sum}, more than 100`))
  })
  .meta({
    description: 'Percent of the score by group; the others share the rest.',
    propertyNames: { pattern: NAME_PATTERN },
    maxProperties: ANALYSIS_ENTRIES.groups,
  })

const Thresholds = section({
  pass: ratioSetting(SCORES.pass, 'The least score that passes.'),
  marginal: ratioSetting(SCORES.marginal, 'The least score that does not fail.'),
}).check(({ value, issues }) => {
  if (issues.length > 0 || value.marginal <= value.pass) return
  issues.push(customIssue(value.marginal, ['marginal'], 'is above "pass"'))
})

export const Kayenta = section({
  interval: durationSetting(POINT_INTERVAL, 'A point each, and after each the judgement.'),
  points: countSetting(POINT_COUNT, 'Points before anything is judged; fewer are mere luck.'),
  onFailure: choice(
    ['abort', 'pause', 'warn'],
    'What a failing score does. It has no bound on false alarms. Default pause.',
  ).prefault('pause'),
  thresholds: Thresholds.prefault({}).describe('Scores, 0 to 100.'),
  groupWeights: GroupWeights.prefault({}),
  metrics: list(Metric, 1, POINT_METRICS.length)
    .prefault(POINT_METRICS.map((name) => ({ name })))
    .describe('What is compared. Default: error_rate and the latencies, for an increase.'),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const names = value.metrics.map(({ name }) => name)
    names.forEach((name, i) => {
      if (names.indexOf(name) === i) return
      issues.push({ ...customIssue(name, [], `${name} is there already`), path: ['metrics', i] })
    })
    const groups = new Set([DEFAULT_GROUP, ...value.metrics.flatMap((metric) => metric.groups)])
    for (const group of Object.keys(value.groupWeights)) {
      if (groups.has(group)) continue
      const why = `no metric is in the group ${quote(group)}`
      issues.push(customIssue(group, ['groupWeights', group], why))
    }
  })
  .meta({ description: "Kayenta's judge, for `judge: kayenta` and `judge: kayenta-exact`." })
