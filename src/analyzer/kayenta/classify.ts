/**
 * Kayenta's judgement of one metric: is the canary high, low, or as stable is?
 *
 * High when the whole interval for the shift lies above a quarter of the estimated shift and the effect is large
 * enough; low in the mirror. Source: `MannWhitneyClassifier` of Kayenta (Apache-2.0), told from its rules.
 */

import { type ShiftInterval, commonLanguageEffect, shiftInterval } from './mann-whitney.ts'
import { prepare, withNoise } from './prepare.ts'
import type { JudgeOptions, MetricRules } from './rules.ts'

/** Kayenta's words. `Error`: the statistic does not exist for these values. */
export type Label = 'Pass' | 'High' | 'Low' | 'Nodata' | 'NodataFailMetric' | 'Error'

/** Values in the order of time; NaN where there was none. */
export interface MetricValues {
  readonly experiment: readonly number[]
  readonly control: readonly number[]
}

export interface Classified {
  readonly label: Label
  /** Whether this label takes the whole score to 0. */
  readonly isCritical: boolean
  /** One sentence without a full stop. */
  readonly reason: string
  /** The canary's mean by stable's; null where one of them is 0 or there is none. */
  readonly meanRatio: number | null
  /** How far the canary's values lie above stable's, in their unit; null where it did not come to a comparison. */
  readonly shift: ShiftInterval | null
  /** Values that were compared. */
  readonly experimentCount: number
  readonly controlCount: number
}

/** Compares the two variants in one metric. `random` gives 0 to below 1, for two constants alone. */
export function classify(
  values: MetricValues,
  rules: MetricRules,
  options: JudgeOptions,
  random: () => number,
): Classified {
  const experiment = prepare(values.experiment, rules)
  const control = prepare(values.control, rules)
  const found = { experimentCount: experiment.length, controlCount: control.length }
  if (experiment.length === 0 || control.length === 0) {
    return { ...found, ...withoutData(experiment.length === 0 ? 'canary' : 'stable', rules) }
  }
  const same = { label: 'Pass', isCritical: false, meanRatio: 1, shift: null } as const
  const first = experiment[0]
  if ([...experiment, ...control].every((value) => value === first)) {
    return { ...found, ...same, reason: 'every value of both is the same' }
  }
  if (isSameSet(experiment, control)) {
    return { ...found, ...same, reason: 'both have the same values' }
  }
  const areConstants = isConstant(experiment) && isConstant(control)
  const compared = areConstants
    ? { experiment: withNoise(experiment, random), control: withNoise(control, random) }
    : { experiment, control }
  return { ...found, ...compare(compared, rules, options) }
}

type Comparison = Omit<Classified, 'experimentCount' | 'controlCount'>

function withoutData(
  variant: string,
  { nanStrategy, mustHaveData, isCritical }: MetricRules,
): Comparison {
  const none = { meanRatio: null, shift: null, reason: `${variant} has no value` }
  if (nanStrategy === 'replace') return { ...none, label: 'Pass', isCritical: false }
  const isFailure = mustHaveData && !isCritical
  return { ...none, label: isFailure ? 'NodataFailMetric' : 'Nodata', isCritical }
}

function compare(
  { experiment, control }: MetricValues,
  rules: MetricRules,
  options: JudgeOptions,
): Comparison {
  const ratio = meanRatioOf(experiment, control)
  const shift = shiftInterval(experiment, control, options)
  if (shift === null) {
    const reason = 'the values are too close to being one value to be ranked'
    return { label: 'Error', isCritical: rules.isCritical, meanRatio: ratio, shift, reason }
  }
  const { direction, effect } = rules
  const size = effect.measure === 'cles' ? commonLanguageEffect(experiment, control) : ratio
  const reach = options.tolerance * Math.abs(shift.estimate)
  const isAbove = shift.low > reach && isAtLeast(size, effect.allowedIncrease)
  const isBelow = shift.high < -reach && isAtMost(size, effect.allowedDecrease)

  if (direction !== 'decrease' && isAbove) {
    const isCritical = rules.isCritical && isAtLeast(size, effect.criticalIncrease)
    return {
      label: 'High',
      isCritical,
      meanRatio: ratio,
      shift,
      reason: told('above', ratio, shift),
    }
  }
  if (direction !== 'increase' && isBelow) {
    const isCritical = rules.isCritical && isAtMost(size, effect.criticalDecrease)
    return {
      label: 'Low',
      isCritical,
      meanRatio: ratio,
      shift,
      reason: told('below', ratio, shift),
    }
  }
  return {
    label: 'Pass',
    isCritical: false,
    meanRatio: ratio,
    shift,
    reason: told('near', ratio, shift),
  }
}

/** An effect that cannot be told counts as one that is large enough. */
function isAtLeast(size: number | null, limit: number): boolean {
  return size === null || size >= limit
}

function isAtMost(size: number | null, limit: number): boolean {
  return size === null || size <= limit
}

function meanRatioOf(experiment: readonly number[], control: readonly number[]): number | null {
  const ours = mean(experiment)
  const theirs = mean(control)
  return ours === 0 || theirs === 0 ? null : ours / theirs
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0])
}

function isSameSet(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false
  const sorted = other.toSorted((a, b) => a - b)
  return one.toSorted((a, b) => a - b).every((value, i) => value === sorted[i])
}

function told(
  where: 'above' | 'below' | 'near',
  ratio: number | null,
  { low, high }: ShiftInterval,
): string {
  const times = ratio === null ? '' : `its mean is ${digits(ratio)} times stable's, `
  return `canary is ${where} stable: ${times}the shift is ${digits(low)} to ${digits(high)}`
}

function digits(value: number): number {
  return Number(value.toPrecision(3))
}
