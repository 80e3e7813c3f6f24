/**
 * From bad outcomes among all to a verdict and its sentence: the rule that every threshold check shares.
 *
 * A check fails only on more bad outcomes than luck explains; above the limit, but within luck, is inconclusive;
 * below it on too few is no data.
 */

import { countToFail } from './binomial.ts'

/** What one check found. */
export interface CheckResult {
  /** The criterion as written, such as `error_rate<1%`. */
  readonly criterion: string
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'noData'
  /** One sentence with numbers, without a full stop. */
  readonly sentence: string
  /** Ratio, microseconds or count, by the criterion; null without data. */
  readonly value: number | null
  readonly limit: number
}

/** Bad outcomes among all, and how to speak of them. */
export interface Sample {
  readonly criterion: string
  readonly count: number
  readonly badCount: number
  /** The largest share of bad outcomes that passes, 0 to 1. */
  readonly limitRatio: number
  /** The share that a failing sample must be beyond by more than luck; at least `limitRatio`. */
  readonly failRatio: number
  readonly isInclusive: boolean
  /** The least count on which the check passes. */
  readonly minCount: number
  /** Bound on the probability of failing a share of `failRatio`, above 0, at most 0.1. */
  readonly alpha: number
  /** Such as `failed`. */
  readonly badVerb: string
  readonly unit: 'request' | 'answer'
  /** Ends the sentence. */
  readonly remark: string
  readonly value: number | null
  readonly limit: number
}

export function decide(sample: Sample): CheckResult {
  const { criterion, count, badCount, limitRatio, isInclusive, minCount } = sample
  const { badVerb, unit, remark, value, limit } = sample
  if (count === 0) return noData(sample, `no ${unit} in the window`)

  const neededCount = countToFail(count, sample.failRatio, sample.alpha)
  const badRatio = badCount / count
  const found = `${percent(badRatio)} of ${plural(count, unit)} ${badVerb}`
  if (badCount >= neededCount) {
    const sentence = `${criterion} fails: ${found} (${badCount}; ${neededCount} would be enough to say so)${remark}`
    return { criterion, verdict: 'fail', sentence, value, limit }
  }
  if (badRatio > limitRatio || (badRatio === limitRatio && !isInclusive)) {
    const need = neededCount > count ? `more ${unit}s` : `${neededCount}`
    const sentence = `${criterion} is undecided: ${found} (${badCount}; it takes ${need} to say that it fails)${remark}`
    return { criterion, verdict: 'inconclusive', sentence, value, limit }
  }
  if (count < minCount) {
    const sentence = `${criterion} has too little data: ${found}, and it takes ${plural(minCount, unit)} to pass`
    return { criterion, verdict: 'noData', sentence, value, limit }
  }
  const sentence = `${criterion} passes: ${found} (${badCount})${remark}`
  return { criterion, verdict: 'pass', sentence, value, limit }
}

/** The result of a check that has nothing to look at; `why` ends its sentence. */
export function noData(
  { criterion, limit }: Pick<CheckResult, 'criterion' | 'limit'>,
  why: string,
): CheckResult {
  const sentence = `${criterion} has no data: ${why}`
  return { criterion, verdict: 'noData', sentence, value: null, limit }
}

/** A ratio as a percentage with three significant digits: `0.0123 %`, `31.2 %`. */
export function percent(ratio: number): string {
  return `${Number((100 * ratio).toPrecision(3))} %`
}

/** Microseconds with three significant digits in the largest unit that fits: `850us`, `12.3ms`, `2s`. */
export function duration(us: number): string {
  const digits = Number(us.toPrecision(3))
  if (digits < 1e3) return `${digits}us`
  return digits < 1e6 ? `${digits / 1e3}ms` : `${digits / 1e6}s`
}

export function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
