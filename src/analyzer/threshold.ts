/**
 * Plain threshold checks with a minimum sample.
 *
 * A naive "rate > 1 %" trips on luck: a canary with 0.5 % errors is above it in a quarter of its windows of 60
 * requests. So a check fails only on more bad outcomes than luck explains in one window, `countToFail`; what is
 * above the limit, but could be luck, is inconclusive, and what is below it on too few requests is no data. An
 * empty window never passes. The bound holds for one look at one window; a caller that looks at many, or many
 * times at windows that overlap, shares its bound among them.
 */

import { countToFail } from './binomial.ts'
import type { Criterion } from './criteria.ts'
import { binIndex } from './histogram.ts'
import { type WindowCounts, quantileUs, sum } from './window.ts'

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

export interface CheckOptions {
  /** Requests below which nothing passes, from `requests>=N`; default: `minimumSample`. */
  readonly minCount?: number
  /** Bound on the false alarms of one window, above 0, at most 0.1; default `DEFAULT_ALPHA_WINDOW`. */
  readonly alphaWindow?: number
}

/** 1 % shared among about 60 windows that do not overlap. */
const DEFAULT_ALPHA_WINDOW = 1.7e-4

/** The largest minimum sample that is asked for by itself. */
const MINIMUM_SAMPLE_LIMIT = 10_000

/** Checks one criterion against a window. Throws a RangeError when `alphaWindow` is out of range. */
export function check(
  criterion: Criterion,
  counts: WindowCounts,
  options: CheckOptions = {},
): CheckResult {
  switch (criterion.type) {
    case 'errorRate':
      return checkErrorRate(criterion, counts, options)
    case 'latency':
      return checkLatency(criterion, counts, options)
    case 'requests':
      return checkRequests(criterion, counts)
  }
}

/**
 * Returns the least number of requests on which a check can pass: with as many, a canary that fails half of its
 * requests would be caught. Above a limit of a quarter half is too near to it; there it is a canary half-way
 * between the limit and failing everything. At most `MINIMUM_SAMPLE_LIMIT`; `alphaWindow` as in `CheckOptions`.
 */
export function minimumSample(limitRatio: number, alphaWindow: number): number {
  // Nothing fails such a limit, so there is nothing to catch.
  if (limitRatio >= 1) return 1
  const key = `${limitRatio} ${alphaWindow}`
  const known = knownSamples.get(key)
  if (known !== undefined) return known
  const grossRatio = limitRatio <= 0.25 ? 0.5 : (1 + limitRatio) / 2
  let count = 1
  while (
    count < MINIMUM_SAMPLE_LIMIT &&
    countToFail(count, limitRatio, alphaWindow) > count * grossRatio
  ) {
    count++
  }
  if (knownSamples.size >= KNOWN_SAMPLES_LIMIT) knownSamples.clear()
  knownSamples.set(key, count)
  return count
}

/** What `minimumSample` has found; it is asked again for each window, and forgotten when full. */
const knownSamples = new Map<string, number>()
const KNOWN_SAMPLES_LIMIT = 256

function checkErrorRate(
  criterion: Extract<Criterion, { type: 'errorRate' }>,
  counts: WindowCounts,
  options: CheckOptions,
): CheckResult {
  const { requestCount, errorCount } = counts
  return decide(
    {
      criterion: criterion.text,
      count: requestCount,
      badCount: errorCount,
      limitRatio: criterion.limitRatio,
      isInclusive: criterion.isInclusive,
      badVerb: 'failed',
      unit: 'request',
      remark: '',
      value: requestCount > 0 ? errorCount / requestCount : null,
      limit: criterion.limitRatio,
    },
    options,
  )
}

/**
 * A latency limit holds when no more than `1 - quantile` of the answers take longer: the same question as an
 * error rate. The bin that the limit itself falls into counts as within it, which rounds the limit up by
 * at most 3.2 %; a quantile found in that bin is therefore told as the limit.
 */
function checkLatency(
  criterion: Extract<Criterion, { type: 'latency' }>,
  counts: WindowCounts,
  options: CheckOptions,
): CheckResult {
  const { latency } = counts
  const { limitUs, limitText, limitRatio, name, quantile } = criterion
  const answerCount = sum(latency)
  const slowCount = sum(latency.subarray(binIndex(limitUs) + 1))
  const upperUs = quantileUs(latency, answerCount, quantile)
  const isInLimitsBin = upperUs !== null && binIndex(upperUs) === binIndex(limitUs)
  const value = isInLimitsBin ? Math.min(upperUs, limitUs) : upperUs
  return decide(
    {
      criterion: criterion.text,
      count: answerCount,
      badCount: slowCount,
      limitRatio,
      // The quantile is within the limit when exactly its share is beyond.
      isInclusive: true,
      badVerb: `took longer than ${limitText}`,
      unit: 'answer',
      remark: value === null ? '' : `; ${name} is ${duration(value)}`,
      value,
      limit: limitUs,
    },
    options,
  )
}

function checkRequests(
  criterion: Extract<Criterion, { type: 'requests' }>,
  counts: WindowCounts,
): CheckResult {
  const { text, minCount } = criterion
  const { requestCount } = counts
  const isEnough = requestCount >= minCount
  return {
    criterion: text,
    verdict: isEnough ? 'pass' : 'noData',
    sentence: isEnough
      ? `${text} passes: ${plural(requestCount, 'request')} finished`
      : `${text} has too little data: ${plural(requestCount, 'request')} finished`,
    value: requestCount,
    limit: minCount,
  }
}

/** Bad outcomes among all, and how to speak of them. */
interface Sample {
  readonly criterion: string
  readonly count: number
  readonly badCount: number
  readonly limitRatio: number
  readonly isInclusive: boolean
  /** Such as `failed`. */
  readonly badVerb: string
  readonly unit: 'request' | 'answer'
  readonly remark: string
  readonly value: number | null
  readonly limit: number
}

function decide(sample: Sample, options: CheckOptions): CheckResult {
  const { criterion, count, badCount, limitRatio, isInclusive, badVerb, unit, remark } = sample
  const { value, limit } = sample
  const alphaWindow = options.alphaWindow ?? DEFAULT_ALPHA_WINDOW
  if (count === 0) {
    const sentence = `${criterion} has no data: no ${unit} in the window`
    return { criterion, verdict: 'noData', sentence, value: null, limit }
  }

  const neededCount = countToFail(count, limitRatio, alphaWindow)
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
  const minCount = options.minCount ?? minimumSample(limitRatio, alphaWindow)
  if (count < minCount) {
    const sentence = `${criterion} has too little data: ${found}, and it takes ${plural(minCount, unit)} to pass`
    return { criterion, verdict: 'noData', sentence, value, limit }
  }
  const sentence = `${criterion} passes: ${found} (${badCount})${remark}`
  return { criterion, verdict: 'pass', sentence, value, limit }
}

/** A ratio as a percentage with three significant digits: `0.0123 %`, `31.2 %`. */
function percent(ratio: number): string {
  return `${Number((100 * ratio).toPrecision(3))} %`
}

/** Microseconds with three significant digits in the largest unit that fits: `850us`, `12.3ms`, `2s`. */
function duration(us: number): string {
  const digits = Number(us.toPrecision(3))
  if (digits < 1e3) return `${digits}us`
  return digits < 1e6 ? `${digits / 1e3}ms` : `${digits / 1e6}s`
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
