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
  /** Of sticky routes: units with their first bad outcome, each once (`errors`, `unanswered` or `abandoned`). */
  badUnits: 5,
  /** Not followed, since too many were under way. */
  dropped: 6,
  /** `BIN_COUNT` words: those of the first three by latency of the answer's head, see `histogram.ts`. */
  latency: 8,
} as const

/** Words of one cell. */
export const CELL_WORDS: number = SETTLED.latency + BIN_COUNT
