/**
 * Latency as a question with two answers: did the request take longer than stable's own recent quantile?
 *
 * The quantile comes from slots that are closed before the requests it judges, so it is only the parameter of a bet: no
 * error in estimating it can make the verdict wrong. Four quantiles, because a slower whole shows at all of them and
 * a slower tail only at the last. A test on the quantiles themselves (Howard and Ramdas 2022) was rejected: it needs
 * independent requests and keeps all of them.
 *
 *     slots  [10 s] x 6 closed        open            thresholds from the closed ones only
 *            ^ leaves                 ^ add, close
 */

import { BIN_COUNT, binIndex, binUpperUs } from './histogram.ts'
import { quantileUs, sum } from './window.ts'

/** The quantiles that are watched, and how much of the latency evidence each carries. */
export const LATENCY_QUANTILES: readonly { readonly quantile: number; readonly share: number }[] = [
  { quantile: 0.5, share: 0.2 },
  { quantile: 0.9, share: 0.2 },
  { quantile: 0.95, share: 0.4 },
  { quantile: 0.99, share: 0.2 },
]

/** How long a slot should stay open, in milliseconds. */
export const LATENCY_SLOT_MS = 10_000

const SLOT_COUNT = 6

/** What a side must exceed to count as slow, in microseconds; both are upper edges of histogram bins. */
export interface LatencyThreshold {
  readonly stableUs: number
  readonly canaryUs: number
}

export interface LatencyOptions {
  /** How much slower the canary may be, as a share of stable's quantile; default 0.15. */
  readonly slack?: number
  /** By how much at least, in microseconds; default 5000. */
  readonly leastSlackUs?: number
  /** Settled requests of stable below which there is no threshold; default 500. */
  readonly minCount?: number
}

const SLACK = 0.15
const LEAST_SLACK_US = 5_000
const MIN_COUNT = 500

/** Latencies of settled requests: `BIN_COUNT` bins, and how many were not answered by the deadline. */
export interface SettledLatency {
  readonly bins: Float64Array | Uint32Array
  readonly unansweredCount: number
}

interface Slot {
  readonly bins: Float64Array
  unansweredCount: number
}

/** Stable's latencies over the last minute of closed slots, and the thresholds they give. */
export class StableLatency {
  readonly #options: LatencyOptions
  readonly #closed: Slot[] = []
  #open = emptySlot()
  #thresholds: readonly (LatencyThreshold | null)[] = LATENCY_QUANTILES.map(() => null)

  /** Goes on from thresholds that an earlier one gave, until there is enough of its own. */
  constructor(options: LatencyOptions = {}, thresholds?: readonly (LatencyThreshold | null)[]) {
    this.#options = options
    if (thresholds?.length === LATENCY_QUANTILES.length) this.#thresholds = thresholds
  }

  /** Adds requests of stable that settled. */
  add(settled: SettledLatency): void {
    addTo(this.#open, settled)
  }

  /** Ends the slot, lets go of the seventh, and sets new thresholds; with too few requests the old ones stay. */
  close(): void {
    this.#closed.push(this.#open)
    if (this.#closed.length > SLOT_COUNT) this.#closed.shift()
    this.#open = emptySlot()
    const total = emptySlot()
    for (const slot of this.#closed) addTo(total, slot)
    this.#thresholds = latencyThresholds(total, this.#options) ?? this.#thresholds
  }

  /** One for each of `LATENCY_QUANTILES`; null where there is none. Valid until the next `close`. */
  get thresholds(): readonly (LatencyThreshold | null)[] {
    return this.#thresholds
  }
}

/**
 * Returns the thresholds that stable's latencies give, one for each of `LATENCY_QUANTILES`; null on too few requests. A
 * quantile that stable itself does not answer by the deadline, or beyond the last bin, has none.
 */
export function latencyThresholds(
  stable: SettledLatency,
  options: LatencyOptions = {},
): readonly (LatencyThreshold | null)[] | null {
  const { slack = SLACK, leastSlackUs = LEAST_SLACK_US, minCount = MIN_COUNT } = options
  const answeredCount = sum(stable.bins)
  const settledCount = answeredCount + stable.unansweredCount
  if (settledCount < minCount) return null
  return LATENCY_QUANTILES.map(({ quantile }) => {
    // The rank among all that settled; the unanswered are the slowest.
    const share = (quantile * settledCount) / answeredCount
    const stableUs = share <= 1 ? quantileUs(stable.bins, answeredCount, share) : null
    if (stableUs === null) return null
    const canaryUs = binEndUs(Math.max((1 + slack) * stableUs, stableUs + leastSlackUs))
    return canaryUs === null ? null : { stableUs, canaryUs }
  })
}

/** Returns how many settled requests took longer than a threshold, which must be the upper edge of a bin. */
export function slowCount({ bins, unansweredCount }: SettledLatency, thresholdUs: number): number {
  return sum(bins.subarray(binIndex(thresholdUs) + 1)) + unansweredCount
}

function emptySlot(): Slot {
  return { bins: new Float64Array(BIN_COUNT), unansweredCount: 0 }
}

function addTo(slot: Slot, { bins, unansweredCount }: SettledLatency): void {
  for (let bin = 0; bin < BIN_COUNT; bin++) slot.bins[bin]! += bins[bin]!
  slot.unansweredCount += unansweredCount
}

/** The upper edge of the latency's bin, or null in the last one, which has none. */
function binEndUs(latencyUs: number): number | null {
  const bin = binIndex(Math.ceil(latencyUs))
  return bin < BIN_COUNT - 1 ? binUpperUs(bin) : null
}
