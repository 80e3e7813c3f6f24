/**
 * Which endpoints do worse than the others that serve the same. Pure.
 *
 * Each is compared with all the others together, over the same time: as many turns as give enough of its own requests.
 * Envoy's rule, so many standard deviations below the mean of the endpoints, can never be met by one of four.
 */

import type { OutlierRules } from './settings.ts'
import type { EjectionReason } from './ejection.ts'
import { type Deeds, TURN_LIMIT, TURN_MS, type Vitals } from './vitals.ts'

/** Standard errors by which a difference must be above chance. Of four looks a second, one in hours. */
const LEAST_Z = 4
/** Below, it does not matter who is slower. Microseconds. */
const LEAST_GAP_US = 2_000
/** Variance of the logarithm of a latency, at least: clocks and threads are not steadier. */
const LEAST_LOG_VARIANCE = 0.01
/** Least time over which shares and latencies are compared, where there are enough requests in it. */
const LEAST_TURNS = 5
/** Parts of the time compared in each of which it must be slower, by the root of the factor: they have few requests each. */
const PART_COUNT = 5
/** Parts that must have had any. */
const LEAST_PARTS = 3
/** Requests that must have waited in silence, and for how long. */
const SILENT_COUNT = 2
const SILENT_TURNS = 2
/** How many times the others' longest answer the silence must last. */
const SILENT_FACTOR = 4
/** To compare shares and latencies it takes so many others; to tell that nothing comes at all, one. */
const LEAST_OTHERS = 2

export interface Finding {
  /** The index of the endpoint. */
  readonly index: number
  readonly reason: EjectionReason
}

export interface Judgement {
  /** Those that should be ejected, the surest first. */
  readonly findings: readonly Finding[]
  /** The index of one that may be silent: one more request would tell. Null: none. */
  readonly suspect: number | null
}

const NOTHING_FOUND: Judgement = { findings: [], suspect: null }

/** Judges endpoints that all get requests. `rules.minRequests`: of each side of a comparison. */
export function judge(endpoints: readonly Vitals[], rules: OutlierRules, nowMs: number): Judgement {
  if (endpoints.length < 2) return NOTHING_FOUND
  const group = new Group(endpoints)
  const silent: Finding[] = []
  const worse: Finding[] = []
  let suspect: number | null = null
  for (const [index, own] of endpoints.entries()) {
    const silence = silenceOf(own, group, { rules, nowMs })
    if (silence === 'certain') silent.push({ index, reason: 'silence' })
    else if (silence === 'suspected') suspect ??= index
    const reason = endpoints.length > LEAST_OTHERS ? compare(own, group, rules) : null
    if (reason !== null && silence !== 'certain') worse.push({ index, reason })
  }
  return { findings: [...silent, ...worse], suspect }
}

/** What all of them did together. */
class Group {
  readonly #endpoints: readonly Vitals[]
  /** The longest answer, and the longest of all endpoints but the one which that was of; microseconds. */
  readonly #longestUs: number
  readonly #nextLongestUs: number
  readonly #byTurns = new Map<number, Deeds>()

  constructor(endpoints: readonly Vitals[]) {
    this.#endpoints = endpoints
    const [first = 0, second = 0] = endpoints
      .map(({ longestUs }) => longestUs)
      .toSorted((a, b) => b - a)
    this.#longestUs = first
    this.#nextLongestUs = second
  }

  /** What all but that one did. */
  others(own: Vitals, turnCount: number): Deeds {
    return less(this.#all(turnCount), own.deeds(turnCount))
  }

  othersLongestUs(own: Vitals): number {
    return own.longestUs === this.#longestUs ? this.#nextLongestUs : this.#longestUs
  }

  #all(turnCount: number): Deeds {
    const known = this.#byTurns.get(turnCount)
    if (known !== undefined) return known
    const all = this.#endpoints.map((each) => each.deeds(turnCount)).reduce(plus)
    this.#byTurns.set(turnCount, all)
    return all
  }
}

function plus(a: Deeds, b: Deeds): Deeds {
  return {
    requestCount: a.requestCount + b.requestCount,
    failureCount: a.failureCount + b.failureCount,
    okCount: a.okCount + b.okCount,
    logSum: a.logSum + b.logSum,
    logSquareSum: a.logSquareSum + b.logSquareSum,
  }
}

function less(a: Deeds, b: Deeds): Deeds {
  return {
    requestCount: a.requestCount - b.requestCount,
    failureCount: a.failureCount - b.failureCount,
    okCount: a.okCount - b.okCount,
    logSum: a.logSum - b.logSum,
    logSquareSum: a.logSquareSum - b.logSquareSum,
  }
}

/**
 * Whether requests wait and none is answered, for longer than the others take. Those that wait may be slow by nature, or
 * their clients slow to send them, so that it takes another one to be certain, sent when the silence was half as long.
 */
function silenceOf(
  own: Vitals,
  group: Group,
  { rules, nowMs }: { readonly rules: OutlierRules; readonly nowMs: number },
): 'none' | 'suspected' | 'certain' {
  if (rules.silenceMs === 0 || own.waitingCount === 0) return 'none'
  const silentMs = own.silentMs(nowMs)
  const limitMs = Math.max(rules.silenceMs, (SILENT_FACTOR * group.othersLongestUs(own)) / 1000)
  if (silentMs < limitMs / 2) return 'none'
  const turnCount = Math.min(Math.ceil(silentMs / TURN_MS), lookBackTurns(rules))
  if (group.others(own, turnCount).okCount < rules.minRequests) return 'none'
  const doubtTurns = Math.min(Math.floor((silentMs - limitMs / 2) / TURN_MS), TURN_LIMIT - 1)
  const isAsked = own.openedBetween(doubtTurns, 0) > 0
  if (own.unansweredCount < SILENT_COUNT || !isAsked) return 'suspected'
  // As long as the longest answer of the others.
  const waitTurns = Math.ceil(limitMs / SILENT_FACTOR / TURN_MS)
  if (silentMs < limitMs || own.openedBetween(doubtTurns, waitTurns) <= 0) return 'none'
  return own.unansweredSince(SILENT_TURNS) < SILENT_COUNT ? 'none' : 'certain'
}

function compare(own: Vitals, group: Group, rules: OutlierRules): EjectionReason | null {
  const turnCount = turnsWithEnough(own, rules)
  if (turnCount === 0) return null
  const mine = own.deeds(turnCount)
  const others = group.others(own, turnCount)
  if (others.requestCount < rules.minRequests) return null
  if (failsMore(mine, others, rules)) return 'successRate'
  if (!isSlower(mine, others, rules)) return null
  return isSlowThroughout(own, group, { rules, turnCount }) ? 'latency' : null
}

/**
 * Whether it was slow in each part of that time, not in one pause that all its requests had to sit out: of a collector, or
 * of a machine with more to do than it can.
 */
function isSlowThroughout(
  own: Vitals,
  group: Group,
  { rules, turnCount }: { readonly rules: OutlierRules; readonly turnCount: number },
): boolean {
  const least = Math.log(rules.latencyFactor) / 2
  let slowCount = 0
  for (let part = 0; part < PART_COUNT; part++) {
    const from = Math.round((turnCount * (part + 1)) / PART_COUNT)
    const to = Math.round((turnCount * part) / PART_COUNT)
    const mine = less(own.deeds(from), own.deeds(to))
    const others = less(group.others(own, from), group.others(own, to))
    if (mine.okCount === 0 || others.okCount === 0) continue
    if (mine.logSum / mine.okCount - others.logSum / others.okCount < least) return false
    slowCount++
  }
  return slowCount >= LEAST_PARTS
}

/** The fewest turns in which it had enough requests; 0 where there are not so many. */
function turnsWithEnough(own: Vitals, rules: OutlierRules): number {
  const limit = lookBackTurns(rules)
  for (let turns = LEAST_TURNS; turns <= limit; turns++) {
    if (own.requestsSince(turns) >= rules.minRequests) return turns
  }
  return 0
}

function lookBackTurns({ intervalMs }: OutlierRules): number {
  return Math.min(Math.ceil(intervalMs / TURN_MS), TURN_LIMIT - 1)
}

function failsMore(mine: Deeds, others: Deeds, { successRateGap }: OutlierRules): boolean {
  if (successRateGap === 0) return false
  const gap = mine.failureCount / mine.requestCount - others.failureCount / others.requestCount
  if (gap < successRateGap) return false
  // One failure more among the others, or no variance would be left where they have none.
  const failureCount = mine.failureCount + others.failureCount + 1
  const share = failureCount / (mine.requestCount + others.requestCount + 1)
  const variance = share * (1 - share) * (1 / mine.requestCount + 1 / others.requestCount)
  return gap >= LEAST_Z * Math.sqrt(Math.max(0, variance))
}

/** By the means of logarithms, which one long answer moves little; the test is Welch's. */
function isSlower(
  mine: Deeds,
  others: Deeds,
  { latencyFactor, minRequests }: OutlierRules,
): boolean {
  if (latencyFactor === 0 || mine.okCount < minRequests || others.okCount < minRequests)
    return false
  const [mean, othersMean] = [mine.logSum / mine.okCount, others.logSum / others.okCount]
  if (mean - othersMean < Math.log(latencyFactor)) return false
  if (Math.exp(mean) - Math.exp(othersMean) < LEAST_GAP_US) return false
  const variance = logVariance(mine) / mine.okCount + logVariance(others) / others.okCount
  return mean - othersMean >= LEAST_Z * Math.sqrt(variance)
}

function logVariance({ okCount, logSum, logSquareSum }: Deeds): number {
  return Math.max(LEAST_LOG_VARIANCE, logSquareSum / okCount - (logSum / okCount) ** 2)
}
