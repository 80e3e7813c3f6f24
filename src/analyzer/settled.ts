/**
 * The layout of settled outcomes in shared memory: how requests had turned out at one fixed age, the same for both
 * variants. The sequential tests read these; windows and metrics read `tally.ts`.
 *
 * They stand behind the series in each thread's segment (`tally.ts`), a block for each cell: a pair of variant and weight
 * epoch (the time in which a route's weights stay the same).
 */

import { BIN_COUNT } from './histogram.ts'

/** How many cells one process can have at a time. */
export const CELL_LIMIT = 256

/** How many limits tell which units are slow: one for each of `LATENCY_QUANTILES` in `latency.ts`. */
export const SLOW_KINDS = 4

/** Words of a cell, by offset from its start. Each settled request counts in one of the first five. */
export const SETTLED = {
  /** Answered in time, and well. */
  ok: 0,
  /** Answered in time with a 4xx that is no error by the route's rule. */
  clientErrors: 1,
  /** Answered in time, but as an error by the route's rule; or failed. */
  errors: 2,
  /** No answer had begun. */
  unanswered: 3,
  /** The client had left before an answer began. */
  abandoned: 4,
  /** Not followed, since too many were under way. */
  dropped: 5,
  /**
   * The rest is of sticky routes only: units, each once in all cells of the attempt. First those whose first failure it
   * is (`errors`, `unanswered` or `abandoned`).
   */
  failedUnits: 6,
  /** Whose first 4xx it is. */
  clientErrorUnits: 7,
  /** `SLOW_KINDS` words: whose first answer it is that was slower than each limit. */
  slowUnits: 8,
  /** Whose first request has settled, and failed. */
  firstFailedUnits: 8 + SLOW_KINDS,
  /** Whose first request has settled while limits were known. */
  timedUnits: 9 + SLOW_KINDS,
  /** Whose first request has settled. */
  seenUnits: 10 + SLOW_KINDS,
  /** `BIN_COUNT` words: those of the first three by latency of the answer's head, see `histogram.ts`. */
  latency: 12 + SLOW_KINDS,
} as const

/** Words of one cell. */
export const CELL_WORDS: number = SETTLED.latency + BIN_COUNT
