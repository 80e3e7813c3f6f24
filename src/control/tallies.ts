/**
 * Reads what the proxy threads count: adds it up over threads and time, and keeps the windows.
 *
 * Each series is a block of words at the same place in every thread's segment (`counters.ts`, `series.ts`).
 * One reading of 100 busy series takes about a millisecond, of idle ones some microseconds.
 *
 * Messages from the threads were rejected: a thread that is busy or dead would be heard late or never.
 */

import { BIN_COUNT } from '../analyzer/histogram.ts'
import {
  CODE_COUNT,
  COHORT_FAULT_LIMIT,
  CONNECTION_REFUSAL_LIMIT,
  REQUEST_FAULT_LIMIT,
  SERIES,
  SERIES_LIMIT,
  THREAD,
  segment,
  seriesOffset,
} from '../analyzer/tally.ts'
import type { WindowCounts } from '../analyzer/window.ts'
import { Block } from './counters.ts'
import type { Evidence } from './rollout/engine.ts'
import { NO_TOTALS, NO_WINDOWS, Series, type SeriesTotals, type SeriesWindows } from './series.ts'

/** What all threads together have counted on their own account since the process started. */
export interface ThreadTotals {
  readonly downstreamConnectionCount: number
  readonly acceptedCount: number
  readonly refusedCount: number
  /** `CONNECTION_REFUSAL_LIMIT` counts by reason. */
  readonly refusedConnections: Float64Array
  /** `REQUEST_FAULT_LIMIT` counts by fault. */
  readonly refusedRequests: Float64Array
  /** Lines of the access log that were left out because too many were waiting. */
  readonly accessDroppedCount: number
  readonly upstreamConnectionCount: number
  readonly upstreamOpenedCount: number
  /** `CODE_COUNT` answers that Sluice gave before a route was found, the first for `FIRST_CODE`. */
  readonly localCodes: Float64Array
  /** `COHORT_FAULT_LIMIT` counts by reason. */
  readonly cohortFaults: Float64Array
}

export interface Tallies {
  /** Takes in what was counted since the last reading. Times are those of a clock that never goes back. */
  read(nowMs: number): void
  /** Returns live views: they change with the next reading. */
  totals(series: number): SeriesTotals
  threadTotals(): ThreadTotals
  windows(series: number): SeriesWindows
  /** Returns a copy. */
  lastMinute(series: number): WindowCounts
  /** Empties the windows of a series, because what it counts from now on is another version. */
  restartWindows(series: number): void
  /**
   * Opens a window of `windowMs` (at least 100) on what the series counts from now on. Throws a RangeError
   * when `EVIDENCE_LIMIT` of the series are open already, which means that one was not closed.
   */
  openEvidence(series: number, windowMs: number): Evidence
}

/** In how many readings (a minute of them) what is read on demand is read anyway, lest it run past 2^32. */
const SLOW_READINGS = 600

/** Words of the threads' own block. */
const THREAD_WORDS = seriesOffset(0)

export function createTallies(options: {
  readonly buffer: SharedArrayBuffer
  readonly threadCount: number
  /** How many series are in use: those below it. An index never changes its meaning. */
  readonly seriesCount: () => number
}): Tallies {
  const segments = Array.from({ length: options.threadCount }, (_, thread) =>
    segment(options.buffer, thread),
  )
  const threads = new Block(segments, 0, THREAD_WORDS)
  const known: Series[] = []
  let readingCount = 0
  let readAtMs = 0

  function seriesAt(index: number): Series {
    requireSeries(index)
    return (known[index] ??= new Series(segments, index))
  }

  /** A series takes 80 kB, so it is made when its first request has been counted. */
  function startedAt(index: number): Series | undefined {
    requireSeries(index)
    const started = seriesOffset(index) + SERIES.started
    const hasStarted = known[index] !== undefined || segments.some((words) => words[started] !== 0)
    return hasStarted ? seriesAt(index) : undefined
  }

  return {
    read(nowMs) {
      readAtMs = nowMs
      readingCount++
      if (readingCount % SLOW_READINGS === 0) threads.read(0, THREAD_WORDS)
      for (let index = 0; index < options.seriesCount(); index++) {
        const series = startedAt(index)
        series?.read(nowMs)
        if ((readingCount + index) % SLOW_READINGS === 0) series?.readCodes()
      }
    },
    totals(index) {
      const series = startedAt(index)
      series?.read(readAtMs)
      series?.readCodes()
      return series?.totals() ?? NO_TOTALS
    },
    threadTotals() {
      threads.read(0, THREAD_WORDS)
      const { sums } = threads
      return {
        downstreamConnectionCount: openCount(sums, THREAD.accepted, THREAD.closed),
        acceptedCount: sums[THREAD.accepted]!,
        refusedCount: sums[THREAD.refused]!,
        refusedConnections: sums.subarray(
          THREAD.refusedConnections,
          THREAD.refusedConnections + CONNECTION_REFUSAL_LIMIT,
        ),
        refusedRequests: sums.subarray(
          THREAD.refusedRequests,
          THREAD.refusedRequests + REQUEST_FAULT_LIMIT,
        ),
        accessDroppedCount: sums[THREAD.accessDropped]!,
        upstreamConnectionCount: openCount(sums, THREAD.upstreamOpened, THREAD.upstreamClosed),
        upstreamOpenedCount: sums[THREAD.upstreamOpened]!,
        localCodes: sums.subarray(THREAD.localCodes, THREAD.localCodes + CODE_COUNT),
        cohortFaults: sums.subarray(THREAD.cohortFaults, THREAD.cohortFaults + COHORT_FAULT_LIMIT),
      }
    },
    windows(index) {
      return startedAt(index)?.windowStats(readAtMs) ?? NO_WINDOWS
    },
    lastMinute(index) {
      return startedAt(index)?.lastMinute(readAtMs) ?? NO_COUNTS
    },
    restartWindows(index) {
      const series = startedAt(index)
      series?.read(readAtMs)
      series?.restartWindows()
    },
    openEvidence(index, windowMs) {
      const series = seriesAt(index)
      // What happened before the opening must not be in the next reading.
      series.read(readAtMs)
      const window = series.open(windowMs)
      return {
        counts: () => window.counts(readAtMs),
        close: () => series.close(window),
      }
    },
  }
}

const NO_COUNTS: WindowCounts = {
  requestCount: 0,
  errorCount: 0,
  latency: new Float64Array(BIN_COUNT),
}

/** Counters are read one after the other, so an end may be seen before its beginning. */
function openCount(sums: Float64Array, begunWord: number, endedWord: number): number {
  return Math.max(0, sums[begunWord]! - sums[endedWord]!)
}

function requireSeries(index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < SERIES_LIMIT) return
  throw new RangeError(`There is no series ${index}: they go from 0 to ${SERIES_LIMIT - 1}`)
}
