/**
 * Checks against stable: is the canary worse than a factor and an allowance above stable's own window?
 *
 * Stable's window is a sample too. So a check fails only where the canary is beyond the limit that the highest
 * plausible stable makes: half of the window's bound on false alarms is spent on stable's upper bound, half on
 * the canary's count, and by the union bound both together are wrong no more often than the whole. Both windows
 * cover the same time, so what befalls both moves both. Exact conditional tests were rejected: they have no
 * allowance, and this one costs little where stable has most of the traffic.
 */

import { countToFail } from './binomial.ts'
import type { Criterion } from './criteria.ts'
import { type CheckResult, decide, duration, noData, percent, plural } from './decide.ts'
import { binIndex, binUpperUs } from './histogram.ts'
import { type WindowCounts, quantileUs, sum } from './window.ts'

export interface RelativeOptions {
  /** Stable's window over the same time; undefined where nobody gave it. */
  readonly stable: WindowCounts | undefined
  /** Returns the least count of the canary on which a limit passes. */
  readonly minCountFor: (limitRatio: number) => number
  /** Bound on the false alarms of this window, above 0, at most 0.1. */
  readonly alpha: number
}

type ErrorRate = Extract<Criterion, { type: 'errorRateAgainstStable' }>
type Latency = Extract<Criterion, { type: 'latencyAgainstStable' }>

/** A stable window that leaves so little room beyond the limit, by its size or its faults, is none to compare with. */
const MAX_FAIL_RATIO = 0.9

/** The grain in which minimum samples are asked for, so that they are remembered. */
const RATIO_GRAIN = 0.005

/** Halvings until a ratio is known to a double's precision. */
const HALVINGS = 53

export function checkErrorRateAgainstStable(
  criterion: ErrorRate,
  counts: WindowCounts,
  { stable, minCountFor, alpha }: RelativeOptions,
): CheckResult {
  const { text, limit } = criterion
  const unknown = { criterion: text, limit: 0 }
  if (stable === undefined) return noData(unknown, "stable's window is not at hand")
  const { requestCount, errorCount } = stable
  if (requestCount === 0) return noData(unknown, "no request in stable's window")
  const limitOf = (ratio: number) => Math.min(1, limit.factor * ratio + limit.plus)
  const stableRatio = errorCount / requestCount
  const limitRatio = limitOf(stableRatio)
  const failRatio = limitOf(upperRatio(errorCount, requestCount, alpha / 2))
  if (failRatio > MAX_FAIL_RATIO) {
    const why = tooUncertain(requestCount, stableCountNeeded(criterion, alpha), {
      unit: 'request',
      otherwise: `${percent(stableRatio)} of them failed, which hides any canary`,
    })
    return noData({ criterion: text, limit: limitRatio }, why)
  }
  return decide({
    criterion: text,
    count: counts.requestCount,
    badCount: counts.errorCount,
    limitRatio,
    failRatio,
    isInclusive: true,
    minCount: minCountFor(Math.ceil(failRatio / RATIO_GRAIN) * RATIO_GRAIN),
    alpha: alpha / 2,
    badVerb: 'failed',
    unit: 'request',
    remark: `; the limit is ${percent(limitRatio)}, as ${percent(stableRatio)} of stable's ${requestCount} failed`,
    value: counts.requestCount > 0 ? counts.errorCount / counts.requestCount : null,
    limit: limitRatio,
  })
}

/**
 * The limit is a time, so the question is again one of shares: how many of the canary's answers took longer? The
 * bins that the limits themselves fall into count as within them.
 */
export function checkLatencyAgainstStable(
  criterion: Latency,
  { latency }: WindowCounts,
  { stable, minCountFor, alpha }: RelativeOptions,
): CheckResult {
  const { text, name, quantile, limitRatio, limit } = criterion
  const unknown = { criterion: text, limit: 0 }
  if (stable === undefined) return noData(unknown, "stable's window is not at hand")
  const stableCount = sum(stable.latency)
  const stableUs = quantileUs(stable.latency, stableCount, quantile)
  if (stableUs === null) return noData(unknown, "no answer in stable's window")
  const limitOf = (us: number) => limit.factor * us + limit.plus
  const limitUs = limitOf(stableUs)
  const upperUs = upperQuantileUs(stable.latency, {
    count: stableCount,
    quantile,
    alpha: alpha / 2,
  })
  if (upperUs === null) {
    const needed = stableCountNeeded(criterion, alpha)
    const why = tooUncertain(stableCount, needed, { unit: 'answer', otherwise: '' })
    return noData({ criterion: text, limit: limitUs }, why)
  }
  const answerCount = sum(latency)
  const value = quantileUs(latency, answerCount, quantile)
  const remark =
    value === null ? '' : `; ${name} is ${duration(value)}, stable's ${duration(stableUs)}`
  const decideAt = (us: number) =>
    decide({
      criterion: text,
      count: answerCount,
      badCount: sum(latency.subarray(binIndex(us) + 1)),
      limitRatio,
      failRatio: limitRatio,
      isInclusive: true,
      minCount: minCountFor(limitRatio),
      alpha: alpha / 2,
      badVerb: `took longer than ${duration(us)}`,
      unit: 'answer',
      remark,
      value,
      limit: limitUs,
    })
  const failing = decideAt(limitOf(upperUs))
  if (failing.verdict === 'fail') return failing
  const found = decideAt(limitUs)
  if (found.verdict !== 'fail') return found
  // Too many for the limit as it looks, but not for the one that stable's own luck may hide.
  const sentence = `${text} is undecided: too many answers took longer than ${duration(limitUs)}, but not than ${duration(limitOf(upperUs))}, which stable's ${stableCount} answers allow${remark}`
  return { ...found, verdict: 'inconclusive', sentence }
}

/**
 * Returns how many requests or answers stable's window needs at least, so that anything can be compared with it:
 * so many that a faultless stable leaves room for a canary to fail, or that a quantile has an upper bound.
 */
export function stableCountNeeded(criterion: ErrorRate | Latency, alpha: number): number {
  const nats = -Math.log(alpha / 2)
  if (criterion.type === 'latencyAgainstStable') {
    return Math.ceil(nats / -Math.log(criterion.quantile))
  }
  const { factor, plus } = criterion.limit
  const room = (MAX_FAIL_RATIO - plus) / factor
  if (room <= 0) return Infinity
  return room >= 1 ? 1 : Math.ceil(nats / -Math.log1p(-room))
}

/**
 * Returns the largest ratio that so few bad outcomes are plausible for: its probability of as few is at least
 * `alpha` by Chernoff's bound, `count * KL(badCount / count, ratio) = -ln alpha`. `count` is at least 1.
 */
function upperRatio(badCount: number, count: number, alpha: number): number {
  const found = badCount / count
  let low = found
  let high = 1
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2
    if (count * divergence(found, middle) <= -Math.log(alpha)) low = middle
    else high = middle
  }
  return high
}

/** Kullback and Leibler's divergence of two ratios, in nats; `from` at most `to`. */
function divergence(from: number, to: number): number {
  const bad = from === 0 ? 0 : from * Math.log(from / to)
  const good = from === 1 ? 0 : (1 - from) * (Math.log1p(-from) - Math.log1p(-to))
  return bad + good
}

/** Returns the latency that the quantile is above with a probability of at most `alpha`; null where too few answers tell. */
function upperQuantileUs(
  latency: WindowCounts['latency'],
  { count, quantile, alpha }: { count: number; quantile: number; alpha: number },
): number | null {
  // As many answers, or more, lie below the quantile with that probability at most.
  const rank = countToFail(count, quantile, alpha)
  if (rank > count) return null
  let seenCount = 0
  for (let bin = 0; bin < latency.length; bin++) {
    seenCount += latency[bin]!
    if (seenCount >= rank) return binUpperUs(bin)
  }
  return null
}

function tooUncertain(
  count: number,
  needed: number,
  { unit, otherwise }: { unit: string; otherwise: string },
): string {
  const found = `${plural(count, unit)} in stable's window`
  return count < needed
    ? `${found}, and it takes ${needed} to compare with`
    : `${found}, ${otherwise}`
}
