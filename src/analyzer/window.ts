/**
 * Rolling windows over tallies.
 *
 * A window keeps running sums and a queue of sparse slots: what comes is added, what expires is subtracted,
 * so a window costs as much to read after a busy hour as after an idle one. A slot is a hundredth of the
 * window (at least 100 ms), and only slots in which something happened are kept. A ring of dense histograms
 * was rejected (300 kB a window, mostly zeros), and one queue of 100 ms ticks for windows of every length
 * too: five minutes of it are ten times as large as three queues with slots that fit their length.
 *
 *     slots  [s0][s1] .. [s99]   open        sums = s0 + s1 + .. + open
 *     leaves ^                   ^ enters
 */

import { BIN_COUNT, binUpperUs } from './histogram.ts'

/** What a window holds, or two windows' difference. */
export interface WindowCounts {
  readonly requestCount: number
  readonly errorCount: number
  /** `BIN_COUNT` bins, see `histogram.ts`. */
  readonly latency: Float64Array | Uint32Array
}

/** What one series did between two readings of the tallies. */
export interface Delta {
  readonly requestCount: number
  readonly errorCount: number
  /** How many entries of `bins` and `counts` hold. */
  readonly binCount: number
  /** The bins that grew, each once, and by how much. */
  readonly bins: Uint16Array
  readonly counts: Uint32Array
}

/** What people and metrics are told of a window. Ratio 0 to 1, latencies in microseconds; null without data. */
export interface WindowStats {
  readonly requestCount: number
  readonly errorCount: number
  readonly errorRatio: number | null
  readonly p50Us: number | null
  readonly p95Us: number | null
  readonly p99Us: number | null
}

/** How many closed slots a window holds at most; each takes up to `BIN_COUNT` pairs of words. */
export const SLOT_LIMIT = 100

/** The shortest slot, in milliseconds: the tallies are read this often. */
export const MIN_SLOT_MS = 100

interface Slot {
  /** Number of the slot: its start divided by the slot's length. */
  readonly number: number
  readonly requestCount: number
  readonly errorCount: number
  /** Bin and count in turn. */
  readonly pairs: Uint32Array
}

/**
 * A window that opens when it is made and reaches back `lengthMs` at most. It forgets by whole slots, so it
 * may be short by one slot (1 % of it, at least 100 ms), never long.
 */
export class RollingWindow {
  readonly lengthMs: number
  readonly #slotMs: number
  readonly #slots: Slot[] = []
  readonly #latency = new Float64Array(BIN_COUNT)
  #requestCount = 0
  #errorCount = 0
  /** The slot that is being filled; its share of the sums, to be closed later. */
  readonly #open = new Uint32Array(BIN_COUNT)
  #openNumber = -Infinity
  #openRequestCount = 0
  #openErrorCount = 0
  #openBinCount = 0

  /** Throws a RangeError unless `lengthMs` is at least one slot of 100 ms. */
  constructor(lengthMs: number) {
    if (!(lengthMs >= MIN_SLOT_MS)) {
      throw new RangeError(`Cannot open a window of ${lengthMs} ms: it needs ${MIN_SLOT_MS} ms`)
    }
    this.lengthMs = lengthMs
    this.#slotMs = Math.ceil(lengthMs / SLOT_LIMIT / MIN_SLOT_MS) * MIN_SLOT_MS
  }

  /** Adds what happened at `atMs`. Times do not go back; an earlier one counts as the latest seen. */
  add(atMs: number, delta: Delta): void {
    this.#turn(atMs)
    this.#requestCount += delta.requestCount
    this.#errorCount += delta.errorCount
    this.#openRequestCount += delta.requestCount
    this.#openErrorCount += delta.errorCount
    for (let i = 0; i < delta.binCount; i++) {
      const bin = delta.bins[i]!
      const count = delta.counts[i]!
      if (this.#open[bin] === 0) this.#openBinCount++
      this.#open[bin]! += count
      this.#latency[bin]! += count
    }
  }

  /**
   * Returns what the window holds at `nowMs`, as a copy.
   *
   * The counters are read while they are written, so for one reading an error may be seen before its
   * request; errors are therefore never told to be more than the requests.
   */
  counts(nowMs: number): WindowCounts {
    this.#turn(nowMs)
    const requestCount = Math.max(0, this.#requestCount)
    return {
      requestCount,
      errorCount: Math.min(requestCount, this.#errorCount),
      latency: this.#latency.slice(),
    }
  }

  /** Closes the open slot when its time is over, and lets go of slots that began too long ago. */
  #turn(nowMs: number): void {
    const number = Math.floor(nowMs / this.#slotMs)
    if (number > this.#openNumber) {
      this.#close()
      this.#openNumber = number
    }
    const oldestMs = nowMs - this.lengthMs
    while (this.#slots.length > 0 && this.#slots[0]!.number * this.#slotMs <= oldestMs) {
      this.#forget(this.#slots.shift()!)
    }
  }

  #close(): void {
    const isEmpty = this.#openRequestCount === 0 && this.#openErrorCount === 0
    if (isEmpty && this.#openBinCount === 0) return
    const pairs = new Uint32Array(2 * this.#openBinCount)
    for (let bin = 0, at = 0; at < pairs.length; bin++) {
      const count = this.#open[bin]!
      if (count === 0) continue
      pairs[at++] = bin
      pairs[at++] = count
    }
    this.#slots.push({
      number: this.#openNumber,
      requestCount: this.#openRequestCount,
      errorCount: this.#openErrorCount,
      pairs,
    })
    this.#open.fill(0)
    this.#openRequestCount = 0
    this.#openErrorCount = 0
    this.#openBinCount = 0
  }

  #forget(slot: Slot): void {
    this.#requestCount -= slot.requestCount
    this.#errorCount -= slot.errorCount
    for (let i = 0; i < slot.pairs.length; i += 2) {
      this.#latency[slot.pairs[i]!]! -= slot.pairs[i + 1]!
    }
  }
}

/** Returns ratio and quantiles of a window. */
export function windowStats(counts: WindowCounts): WindowStats {
  const { requestCount, errorCount, latency } = counts
  const answerCount = sum(latency)
  return {
    requestCount,
    errorCount,
    errorRatio: requestCount > 0 ? errorCount / requestCount : null,
    p50Us: quantileUs(latency, answerCount, 0.5),
    p95Us: quantileUs(latency, answerCount, 0.95),
    p99Us: quantileUs(latency, answerCount, 0.99),
  }
}

/** Returns how many latencies the bins hold. */
export function sum(latency: Float64Array | Uint32Array): number {
  let total = 0
  for (let bin = 0; bin < latency.length; bin++) total += latency[bin]!
  return total
}

/**
 * Returns the quantile (above 0, below 1) of `answerCount` latencies in microseconds: the upper edge of the
 * bin that holds the latency of rank `ceil(quantile * answerCount)`. It is never below that latency and at most
 * 3.2 % above it, except in the last bin, which also holds everything beyond `MAX_LATENCY_US`. Null when
 * there are none.
 */
export function quantileUs(
  latency: Float64Array | Uint32Array,
  answerCount: number,
  quantile: number,
): number | null {
  if (answerCount <= 0) return null
  // A millionth less, because 0.07 * 100 is a hair above 7 in binary.
  const rank = Math.max(1, Math.ceil(quantile * answerCount - 1e-6))
  let seenCount = 0
  for (let bin = 0; bin < latency.length; bin++) {
    seenCount += latency[bin]!
    if (seenCount >= rank) return binUpperUs(bin)
  }
  return binUpperUs(latency.length - 1)
}
