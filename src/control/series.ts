/**
 * One series as control sees it: what it has counted, and its windows.
 *
 * Idle, it costs 32 words a reading. Its latency bins are read when something moved; its codes, 4000 words that
 * no window needs, when they are asked for.
 */

import { BIN_COUNT } from '../analyzer/histogram.ts'
import {
  CODE_COUNT,
  FAILURE_LIMIT,
  METHODS,
  MIRROR_DROP_LIMIT,
  SERIES,
  SERIES_WORDS,
  seriesOffset,
} from '../analyzer/tally.ts'
import {
  type Delta,
  RollingWindow,
  type WindowCounts,
  type WindowStats,
  windowStats,
} from '../analyzer/window.ts'
import { Block, grown } from './counters.ts'

/** What one series has counted since the process started. */
export interface SeriesTotals {
  readonly startedCount: number
  readonly finishedCount: number
  /** Requests that are being worked on. */
  readonly activeCount: number
  readonly errorCount: number
  readonly clientAbortCount: number
  /** Of those started: sent to the variant by a rule, a flag or the client. */
  readonly forcedCount: number
  readonly retryCount: number
  readonly fallbackCount: number
  readonly rescueCount: number
  readonly hedgeCount: number
  readonly hedgeWonCount: number
  readonly mirror: { readonly same: number; readonly different: number; readonly slower: number }
  /** By reason. */
  readonly mirrorDrops: Float64Array
  /** Tunnels that began. */
  readonly tunnelCount: number
  /** Tunnels that are open. */
  readonly activeTunnelCount: number
  readonly requestBytes: number
  readonly responseBytes: number
  /** `FAILURE_LIMIT` counts by reason. */
  readonly failures: Float64Array
  /** `METHODS.length` rows of `CODE_COUNT` counts, the first for `FIRST_CODE`. */
  readonly codes: Float64Array
  /** `BIN_COUNT` counts by latency. */
  readonly latency: Float64Array
}

/** The windows that every series has. */
export const WINDOW_NAMES = ['10s', '1m', '5m'] as const
export type WindowName = (typeof WINDOW_NAMES)[number]

const WINDOW_LENGTHS_MS: Readonly<Record<WindowName, number>> = {
  '10s': 10_000,
  '1m': 60_000,
  '5m': 300_000,
}

export type SeriesWindows = Readonly<Record<WindowName, WindowStats>>

/** How many evidence windows may be open on one series. */
export const EVIDENCE_LIMIT = 8

/** The words that are read every time: all counters before the codes. */
const HEAD_WORDS = SERIES.codes

/** One series and its windows. */
export class Series {
  readonly #block: Block
  #rolling: Readonly<Record<WindowName, RollingWindow>> = emptyWindows()
  readonly #evidence = new Set<RollingWindow>()
  /** Whether the last reading found something. The next one then reads the bins once more. */
  #moved = false

  constructor(segments: readonly Uint32Array[], index: number) {
    this.#block = new Block(segments, seriesOffset(index), SERIES_WORDS)
  }

  read(nowMs: number): void {
    const { sums } = this.#block
    const judgedCount = sums[SERIES.finished]! - sums[SERIES.clientAborts]!
    const errorCount = sums[SERIES.errors]!
    const moved = this.#block.read(0, HEAD_WORDS) > 0
    // A thread may have counted a request when it was read and its latency only after that.
    if (!moved && !this.#moved) return
    this.#moved = moved
    const binCount = this.#block.read(SERIES.latency, SERIES_WORDS)
    this.#add(nowMs, {
      requestCount: sums[SERIES.finished]! - sums[SERIES.clientAborts]! - judgedCount,
      errorCount: sums[SERIES.errors]! - errorCount,
      binCount,
      ...grown,
    })
  }

  readCodes(): void {
    this.#block.read(SERIES.codes, SERIES.latency)
  }

  totals(): SeriesTotals {
    const { sums } = this.#block
    return {
      startedCount: sums[SERIES.started]!,
      finishedCount: sums[SERIES.finished]!,
      activeCount: Math.max(0, sums[SERIES.started]! - sums[SERIES.finished]!),
      errorCount: sums[SERIES.errors]!,
      clientAbortCount: sums[SERIES.clientAborts]!,
      forcedCount: sums[SERIES.forced]!,
      retryCount: sums[SERIES.retries]!,
      fallbackCount: sums[SERIES.fallbacks]!,
      rescueCount: sums[SERIES.rescues]!,
      hedgeCount: sums[SERIES.hedges]!,
      hedgeWonCount: sums[SERIES.hedgesWon]!,
      mirror: {
        same: sums[SERIES.mirrorSame]!,
        different: sums[SERIES.mirrorDifferent]!,
        slower: sums[SERIES.mirrorSlower]!,
      },
      mirrorDrops: sums.subarray(SERIES.mirrorDrops, SERIES.mirrorDrops + MIRROR_DROP_LIMIT),
      tunnelCount: sums[SERIES.tunnelsOpened]!,
      activeTunnelCount: Math.max(0, sums[SERIES.tunnelsOpened]! - sums[SERIES.tunnelsClosed]!),
      requestBytes: sums[SERIES.requestBytes]!,
      responseBytes: sums[SERIES.responseBytes]!,
      failures: sums.subarray(SERIES.failures, SERIES.failures + FAILURE_LIMIT),
      codes: sums.subarray(SERIES.codes, SERIES.codes + METHODS.length * CODE_COUNT),
      latency: sums.subarray(SERIES.latency, SERIES.latency + BIN_COUNT),
    }
  }

  windowStats(nowMs: number): SeriesWindows {
    return {
      '10s': windowStats(this.#rolling['10s'].counts(nowMs)),
      '1m': windowStats(this.#rolling['1m'].counts(nowMs)),
      '5m': windowStats(this.#rolling['5m'].counts(nowMs)),
    }
  }

  lastMinute(nowMs: number): WindowCounts {
    return this.#rolling['1m'].counts(nowMs)
  }

  /** Empties the windows that people see; totals and evidence go on. */
  restartWindows(): void {
    this.#rolling = emptyWindows()
  }

  open(windowMs: number): RollingWindow {
    if (this.#evidence.size >= EVIDENCE_LIMIT) {
      throw new RangeError(`Cannot open more than ${EVIDENCE_LIMIT} evidence windows on one series`)
    }
    const window = new RollingWindow(windowMs)
    this.#evidence.add(window)
    return window
  }

  close(window: RollingWindow): void {
    this.#evidence.delete(window)
  }

  #add(nowMs: number, delta: Delta): void {
    this.#rolling['10s'].add(nowMs, delta)
    this.#rolling['1m'].add(nowMs, delta)
    this.#rolling['5m'].add(nowMs, delta)
    for (const window of this.#evidence) window.add(nowMs, delta)
  }
}

function emptyWindows(): Readonly<Record<WindowName, RollingWindow>> {
  return {
    '10s': new RollingWindow(WINDOW_LENGTHS_MS['10s']),
    '1m': new RollingWindow(WINDOW_LENGTHS_MS['1m']),
    '5m': new RollingWindow(WINDOW_LENGTHS_MS['5m']),
  }
}

/** Of a series that has not counted anything. */
export const NO_TOTALS: SeriesTotals = {
  startedCount: 0,
  finishedCount: 0,
  activeCount: 0,
  errorCount: 0,
  clientAbortCount: 0,
  forcedCount: 0,
  retryCount: 0,
  fallbackCount: 0,
  rescueCount: 0,
  hedgeCount: 0,
  hedgeWonCount: 0,
  mirror: { same: 0, different: 0, slower: 0 },
  mirrorDrops: new Float64Array(MIRROR_DROP_LIMIT),
  tunnelCount: 0,
  activeTunnelCount: 0,
  requestBytes: 0,
  responseBytes: 0,
  failures: new Float64Array(FAILURE_LIMIT),
  codes: new Float64Array(METHODS.length * CODE_COUNT),
  latency: new Float64Array(BIN_COUNT),
}

const NO_STATS: WindowStats = {
  requestCount: 0,
  errorCount: 0,
  errorRatio: null,
  p50Us: null,
  p95Us: null,
  p99Us: null,
}
export const NO_WINDOWS: SeriesWindows = { '10s': NO_STATS, '1m': NO_STATS, '5m': NO_STATS }
