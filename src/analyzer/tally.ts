/**
 * The layout of the counters in shared memory.
 *
 * One `SharedArrayBuffer` of Uint32 words holds a segment for each thread; a segment holds the thread's
 * own counters, one series for each pair of route and variant, and the settled outcomes (`settled.ts`). Each word has one writer, and
 * a reader takes differences modulo 2^32 (`since`), so nothing is locked and nothing overflows as long
 * as it is read once in 2^32 counts. Atomics were rejected: they cost more than the count itself, and an
 * aligned word is never torn.
 */

import { BIN_COUNT } from './histogram.ts'
import { CELL_LIMIT, CELL_WORDS } from './settled.ts'

/** Methods that are counted by name; every other one is counted as the last. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  '_OTHER',
] as const

/** Status codes are counted from 100 to 599. */
export const FIRST_CODE = 100
export const CODE_COUNT = 500

/** Room for the reasons of upstream failures; the names stand in `proxy/failure.ts`. */
export const FAILURE_LIMIT = 24

/** Room for the reasons of refused connections; the names stand in `proxy/refusals.ts`. */
export const CONNECTION_REFUSAL_LIMIT = 16

/** Room for the faults of refused requests; the names stand in `proxy/failure.ts`. */
export const REQUEST_FAULT_LIMIT = 48

/** Room for the faults of rules and units; the names stand in `proxy/cohort/faults.ts`. */
export const COHORT_FAULT_LIMIT = 24

/** How many series (pairs of route and variant) one process can count. */
export const SERIES_LIMIT = 1024

/** Room for the reasons why requests were not mirrored; the names stand in `proxy/mirror.ts`. */
export const MIRROR_DROP_LIMIT = 4

const FIRST_FAILURE = 21

/** Words of a series, by offset from its start. */
export const SERIES = {
  /** Requests assigned to the variant, counted when they start. */
  started: 0,
  /** Requests finished: answered, failed or given up by the client. */
  finished: 1,
  /** Finished requests that count as errors by the route's rule. */
  errors: 2,
  /** Requests that the client gave up; they are neither errors nor in the histogram. */
  clientAborts: 3,
  /** Second attempts on another connection. */
  retries: 4,
  /** Body bytes from client to upstream. */
  requestBytes: 5,
  /** Body bytes from upstream to client. */
  responseBytes: 6,
  /** Tunnels (WebSocket) that began; each is a request answered 101. */
  tunnelsOpened: 7,
  /** Tunnels that ended. */
  tunnelsClosed: 8,
  /** Requests that a rule, a flag or the client sent to the variant, while there were two. */
  forced: 9,
  /** Requests that failed here and were tried on stable. */
  fallbacks: 10,
  /** Of those, answered well by stable. */
  rescues: 11,
  /** Requests that were sent a second time while the first answer was still waited for. */
  hedges: 12,
  /** Of those, answered first by the second. */
  hedgesWon: 13,
  /** Of copies: the request and its copy were answered in the same class of status. */
  mirrorSame: 14,
  /** They were not. */
  mirrorDifferent: 15,
  /** The copy's answer took more than twice as long. */
  mirrorSlower: 16,
  /** `MIRROR_DROP_LIMIT` words: requests that were not copied, by reason. */
  mirrorDrops: 17,
  /** `FAILURE_LIMIT` words: upstream failures by reason. */
  failures: FIRST_FAILURE,
  /** `METHODS.length` rows of `CODE_COUNT` words: answers by method and code. */
  codes: FIRST_FAILURE + FAILURE_LIMIT,
  /** `BIN_COUNT` words: answered requests by latency, see `histogram.ts`. */
  latency: FIRST_FAILURE + FAILURE_LIMIT + METHODS.length * CODE_COUNT,
} as const

/** Words of one series. */
export const SERIES_WORDS: number = SERIES.latency + BIN_COUNT

/** Words at the start of a segment: the thread's own counters. */
export const THREAD = {
  /** Downstream connections accepted. */
  accepted: 0,
  /** Downstream connections closed. */
  closed: 1,
  /** Downstream connections refused, whatever the reason. */
  refused: 2,
  /** Upstream connections opened. */
  upstreamOpened: 3,
  /** Upstream connections closed. */
  upstreamClosed: 4,
  /** Lines of the access log that were left out because too many were waiting to be written. */
  accessDropped: 5,
  /** Beats: turns of the thread's clock, some 40 a second. One that does not beat does nothing else either. */
  beats: 6,
  /** `CONNECTION_REFUSAL_LIMIT` words: refused connections by reason. */
  refusedConnections: 8,
  /** `REQUEST_FAULT_LIMIT` words: refused requests by fault. */
  refusedRequests: 8 + CONNECTION_REFUSAL_LIMIT,
  /** `CODE_COUNT` words: answers that Sluice itself gave before a route was found, by code. */
  localCodes: 8 + CONNECTION_REFUSAL_LIMIT + REQUEST_FAULT_LIMIT,
  /** `COHORT_FAULT_LIMIT` words: why rules could not be decided, or units not be read, by reason. */
  cohortFaults: 8 + CONNECTION_REFUSAL_LIMIT + REQUEST_FAULT_LIMIT + CODE_COUNT,
} as const

const THREAD_WORDS = THREAD.cohortFaults + COHORT_FAULT_LIMIT

const FIRST_CELL = THREAD_WORDS + SERIES_LIMIT * SERIES_WORDS

/** Words of one thread's segment. */
export const SEGMENT_WORDS: number = FIRST_CELL + CELL_LIMIT * CELL_WORDS

/** Returns shared memory for that many threads, zeroed. Pages are only backed by memory when touched. */
export function createTallyBuffer(threadCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threadCount * SEGMENT_WORDS * Uint32Array.BYTES_PER_ELEMENT)
}

/** Returns the words of one thread, for its own writing or for control's reading. */
export function segment(buffer: SharedArrayBuffer, threadIndex: number): Uint32Array {
  const bytes = SEGMENT_WORDS * Uint32Array.BYTES_PER_ELEMENT
  return new Uint32Array(buffer, threadIndex * bytes, SEGMENT_WORDS)
}

/** Returns the word at which a series starts in its segment. */
export function seriesOffset(seriesIndex: number): number {
  return THREAD_WORDS + seriesIndex * SERIES_WORDS
}

/** Returns the word at which a cell of settled outcomes starts in its segment. */
export function cellOffset(cell: number): number {
  return FIRST_CELL + cell * CELL_WORDS
}

/** Returns how far a counter has moved on, whether or not it went past 2^32 in between. */
export function since(earlier: number, now: number): number {
  return (now - earlier) >>> 0
}

/**
 * Closes the books of a thread that died: what it had started and not finished counts as given up, what it
 * had open as closed. Called by its successor, which writes the same segment.
 */
export function settleAbandoned(words: Uint32Array): void {
  words[THREAD.closed] = words[THREAD.accepted]!
  words[THREAD.upstreamClosed] = words[THREAD.upstreamOpened]!
  for (let series = 0; series < SERIES_LIMIT; series++) {
    const offset = seriesOffset(series)
    words[offset + SERIES.tunnelsClosed] = words[offset + SERIES.tunnelsOpened]!
    const abandonedCount = since(words[offset + SERIES.finished]!, words[offset + SERIES.started]!)
    if (abandonedCount === 0) continue
    words[offset + SERIES.finished]! += abandonedCount
    words[offset + SERIES.clientAborts]! += abandonedCount
  }
}
