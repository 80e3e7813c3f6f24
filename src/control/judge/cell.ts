/** One cell of settled outcomes as control reads it: what has settled since the last reading, over all threads. */

import { BIN_COUNT } from '../../analyzer/histogram.ts'
import { LATENCY_QUANTILES, type SettledLatency } from '../../analyzer/latency.ts'
import { CELL_WORDS, SETTLED } from '../../analyzer/settled.ts'
import { cellOffset } from '../../analyzer/tally.ts'
import { Block, grown } from '../counters.ts'

/** What settled between two readings. */
export interface Settled {
  readonly requestCount: number
  /** Not answered well in time: errors, no answer, or a client that left without one. */
  readonly failedCount: number
  readonly clientErrorCount: number
  /** Of all but those whose clients left. */
  readonly timedCount: number
  readonly latency: SettledLatency
  /** Of sticky routes; zeros elsewhere. */
  readonly units: SettledUnits
}

/** Units that one of the cell's requests was the first for, over the whole attempt. */
export interface SettledUnits {
  readonly seenCount: number
  /** Of those seen: whose first request failed. */
  readonly firstFailedCount: number
  readonly failedCount: number
  readonly clientErrorCount: number
  readonly timedCount: number
  /** One for each of `LATENCY_QUANTILES`. */
  readonly slowCounts: readonly number[]
}

export class Cell {
  readonly #block: Block

  /** What was counted before, for an earlier attempt, is left aside. */
  constructor(segments: readonly Uint32Array[], cell: number) {
    this.#block = new Block(segments, cellOffset(cell), CELL_WORDS)
    this.#block.read(0, CELL_WORDS)
  }

  /** Returns null when nothing has settled. */
  read(): Settled | null {
    const { sums } = this.#block
    const before = sums.slice(0, SETTLED.latency)
    // A thread may have counted a request's latency, and not yet the request: what is read first is never ahead.
    if (this.#block.read(0, SETTLED.latency) === 0) return null
    const by = (word: number): number => sums[word]! - before[word]!
    const answeredCount = by(SETTLED.ok) + by(SETTLED.clientErrors) + by(SETTLED.errors)
    const unansweredCount = by(SETTLED.unanswered)
    return {
      requestCount: answeredCount + unansweredCount + by(SETTLED.abandoned),
      failedCount: by(SETTLED.errors) + unansweredCount + by(SETTLED.abandoned),
      clientErrorCount: by(SETTLED.clientErrors),
      timedCount: answeredCount + unansweredCount,
      latency: { bins: this.#bins(), unansweredCount },
      units: {
        seenCount: by(SETTLED.seenUnits),
        firstFailedCount: by(SETTLED.firstFailedUnits),
        failedCount: by(SETTLED.failedUnits),
        clientErrorCount: by(SETTLED.clientErrorUnits),
        timedCount: by(SETTLED.timedUnits),
        slowCounts: LATENCY_QUANTILES.map((_, i) => by(SETTLED.slowUnits + i)),
      },
    }
  }

  #bins(): Uint32Array {
    const bins = new Uint32Array(BIN_COUNT)
    const grownCount = this.#block.read(SETTLED.latency, CELL_WORDS)
    for (let i = 0; i < grownCount; i++) bins[grown.bins[i]!] = grown.counts[i]!
    return bins
  }
}
