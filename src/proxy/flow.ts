/**
 * Backpressure of one exchange, in both directions. Hot.
 *
 * Whoever does not take what was written has the other side paused, and while that lasts has to keep a certain pace
 * (see `pace.ts`): otherwise one slow reader would hold buffers and an upstream for as long as it likes.
 */

import type { Downstream } from './downstream.ts'
import type { Pace } from './pace.ts'
import type { Upstream } from './upstream/upstream.ts'

export class Flow {
  /** The answer is not read further: the client does not keep up. */
  isAnswerPaused = false
  /** The request is not read further: the upstream does not keep up. */
  isRequestPaused = false
  readonly #downstream: Downstream
  readonly #pace: Pace

  constructor(downstream: Downstream, pace: Pace) {
    this.#downstream = downstream
    this.#pace = pace
  }

  begin(): void {
    this.isAnswerPaused = false
    this.isRequestPaused = false
  }

  /** Something was written to the upstream: pauses the request where that is too much. */
  checkRequest(upstream: Upstream): void {
    if (this.isRequestPaused || !upstream.isFull) return
    this.isRequestPaused = true
    this.#pace.startWriting(upstream.unsentBytes)
    this.#downstream.pauseRequest()
  }

  /** Something was written to the client: pauses the answer where that is too much. */
  checkAnswer(upstream: Upstream | null): void {
    const downstream = this.#downstream
    if (this.isAnswerPaused || !downstream.isFull) return
    this.isAnswerPaused = true
    this.#pace.startWriting(downstream.unsentBytes)
    upstream?.pause()
  }

  /** The upstream has taken what was written. Returns whether that was waited for. */
  resumeRequest(): boolean {
    if (!this.isRequestPaused) return false
    this.isRequestPaused = false
    return true
  }

  /** The client has taken what was written. Returns whether that was waited for. */
  resumeAnswer(): boolean {
    if (!this.isAnswerPaused) return false
    this.isAnswerPaused = false
    return true
  }

  /** Of the one who does not keep up: whether it took its share of what it was sent. */
  isTaking(upstream: Upstream | null): boolean {
    const reader = this.isAnswerPaused ? this.#downstream : upstream
    return reader !== null && this.#pace.isTaking(reader.unsentBytes)
  }
}
