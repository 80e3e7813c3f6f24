/**
 * One request's time at an endpoint, as the endpoint counts it: whether it waits for its answer, and whether it is a second
 * try. The same for a connection of HTTP/1.1 and a stream of HTTP/2. Hot.
 */

import type { Endpoint } from './endpoint.ts'

export class Stay {
  readonly #endpoint: Endpoint
  /** Its request has no final head yet. */
  #isWaiting = false
  #isRetry = false

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  get isWaiting(): boolean {
    return this.#isWaiting
  }

  /** A request comes. `nowMs`: monotonic, here and below. */
  begin(nowMs: number): void {
    this.#isWaiting = true
    this.#endpoint.vitals.beginWait(nowMs)
  }

  /** Until the request is over. */
  countAsRetry(): void {
    this.#isRetry = true
    this.#endpoint.retryCount++
  }

  endRetry(): void {
    if (!this.#isRetry) return
    this.#isRetry = false
    this.#endpoint.retryCount--
  }

  endWait(isAnswered: boolean, nowMs: number): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#endpoint.vitals.endWait(isAnswered, nowMs)
  }
}
