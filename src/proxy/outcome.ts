/**
 * What the tally is told of one request. Hot: some writes to shared words a request, and nothing else.
 *
 * The exchange owns one and uses it for each of its requests. A request is counted with the variant that
 * it was first sent to, and stays there when it is tried again elsewhere: so what has started has always
 * finished in the same series.
 */

import { binIndex } from '../analyzer/histogram.ts'
import { CODE_COUNT, FIRST_CODE, SERIES } from '../analyzer/tally.ts'
import { UPSTREAM_FAILURE_INDEX, type UpstreamFailure } from './failure.ts'

/** The request has not been sent to anybody yet. */
const NO_SERIES = -1

export class Outcome {
  readonly #tally: Uint32Array
  #series = NO_SERIES
  #methodIndex = 0
  #startMs = 0

  /** `tally`: this thread's words. */
  constructor(tally: Uint32Array) {
    this.#tally = tally
  }

  /** A request has come whose method has that place in the tally's `METHODS`. */
  begin(methodIndex: number): void {
    this.#series = NO_SERIES
    this.#methodIndex = methodIndex
    this.#startMs = performance.now()
  }

  /** It is sent to the variant of that series; all but the first call do nothing. */
  start(series: number): void {
    if (this.#series !== NO_SERIES) return
    this.#series = series
    this.#tally[series + SERIES.started]!++
  }

  countRetry(): void {
    this.#tally[this.#series + SERIES.retries]!++
  }

  countRequestBytes(byteCount: number): void {
    this.#tally[this.#series + SERIES.requestBytes]! += byteCount
  }

  countResponseBytes(byteCount: number): void {
    this.#tally[this.#series + SERIES.responseBytes]! += byteCount
  }

  /** The client left, or was cut off for its own fault, before it had an answer. */
  giveUp(): void {
    this.#tally[this.#series + SERIES.finished]!++
    this.#tally[this.#series + SERIES.clientAborts]!++
  }

  /** The client saw `status`. `reason`: what failed upstream, if anything did. */
  finish(status: number, reason: UpstreamFailure | null, errorByStatus: Uint8Array): void {
    const tally = this.#tally
    const series = this.#series
    tally[series + SERIES.finished]!++
    if (reason !== null) tally[series + SERIES.failures + UPSTREAM_FAILURE_INDEX[reason]]!++
    if (reason !== null || errorByStatus[status] === 1) tally[series + SERIES.errors]!++
    tally[series + SERIES.codes + this.#methodIndex * CODE_COUNT + status - FIRST_CODE]!++
    tally[series + SERIES.latency + binIndex((performance.now() - this.#startMs) * 1000)]!++
  }
}
