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
import { type ReadCustom, checkCustom } from './custom.ts'
import { type CheckResult, decide, duration, plural } from './decide.ts'
import { binIndex } from './histogram.ts'
import { checkErrorRateAgainstStable, checkLatencyAgainstStable } from './relative.ts'
import { type WindowCounts, quantileUs, sum } from './window.ts'

export type { CheckResult } from './decide.ts'

export interface CheckOptions {
  /** Requests below which nothing passes, from `requests>=N`; default: `minimumSample`. */
  readonly minCount?: number
  /** Bound on the false alarms of one window, above 0, at most 0.1; default `DEFAULT_ALPHA_WINDOW`. */
  readonly alphaWindow?: number
  /** Stable's window over the same time, for limits that follow it; without it they have no data. */
  readonly stable?: WindowCounts
  /** Reads what was pushed; without it `custom.` criteria have no data. */
  readonly readCustom?: ReadCustom
}

/** 1 % shared among about 60 windows that do not overlap. */
export const DEFAULT_ALPHA_WINDOW = 1.7e-4

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
    case 'errorRateAgainstStable':
      return checkErrorRateAgainstStable(criterion, counts, relativeOptions(options))
    case 'latencyAgainstStable':
      return checkLatencyAgainstStable(criterion, counts, relativeOptions(options))
    case 'custom':
      return checkCustom(criterion, options.readCustom)
  }
}

function relativeOptions(options: CheckOptions) {
  const { stable, minCount = 0, alphaWindow: alpha = DEFAULT_ALPHA_WINDOW } = options
  // What was asked for replaces an absolute limit's own minimum, but a comparison is worth nothing below it.
  const minCountFor = (limitRatio: number) =>
    Math.max(minCount, minimumSample(limitRatio, alpha / 2))
  return { stable, alpha, minCountFor }
}

/** What every absolute limit has alike. */
function absolute(limitRatio: number, options: CheckOptions) {
  const alpha = options.alphaWindow ?? DEFAULT_ALPHA_WINDOW
  const minCount = options.minCount ?? minimumSample(limitRatio, alpha)
  return { limitRatio, failRatio: limitRatio, alpha, minCount }
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
  return decide({
    ...absolute(criterion.limitRatio, options),
    criterion: criterion.text,
    count: requestCount,
    badCount: errorCount,
    isInclusive: criterion.isInclusive,
    badVerb: 'failed',
    unit: 'request',
    remark: '',
    value: requestCount > 0 ? errorCount / requestCount : null,
    limit: criterion.limitRatio,
  })
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
  return decide({
    ...absolute(limitRatio, options),
    criterion: criterion.text,
    count: answerCount,
    badCount: slowCount,
    // The quantile is within the limit when exactly its share is beyond.
    isInclusive: true,
    badVerb: `took longer than ${limitText}`,
    unit: 'answer',
    remark: value === null ? '' : `; ${name} is ${duration(value)}`,
    value,
    limit: limitUs,
  })
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
