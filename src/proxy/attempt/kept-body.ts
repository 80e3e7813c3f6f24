/**
 * What has come of a request's body, kept while the request may have to be sent again.
 *
 * Only requests that may be tried again after their body was sent keep it; the others cost nothing here.
 */

import type { Upstream } from '../upstream/upstream.ts'

/** Bytes; a longer body is not sent again. */
export const KEPT_BYTES: number = 64 * 1024
const FIRST_BYTES = 1024

const NOTHING = Buffer.alloc(0)

export class KeptBody {
  /** Whether everything that has come is there. */
  isWhole = true
  #isKeeping = false
  #bytes: Buffer = NOTHING
  #byteCount = 0
  #trailers = ''

  /** A request begins. `isKeeping`: its body is to be kept, else it cannot be sent again from its first byte on. */
  begin(isKeeping: boolean): void {
    this.#isKeeping = isKeeping
    this.isWhole = true
    this.#byteCount = 0
    this.#trailers = ''
    this.#bytes = NOTHING
  }

  keep(bytes: Buffer, start: number, end: number): void {
    if (!this.isWhole) return
    const byteCount = this.#byteCount + end - start
    if (!this.#isKeeping || byteCount > KEPT_BYTES) return this.drop()
    if (byteCount > this.#bytes.length) this.#grow(byteCount)
    bytes.copy(this.#bytes, this.#byteCount, start, end)
    this.#byteCount = byteCount
  }

  #grow(byteCount: number): void {
    const size = Math.max(byteCount, 2 * this.#bytes.length, FIRST_BYTES)
    const bytes = Buffer.allocUnsafe(Math.min(size, KEPT_BYTES))
    this.#bytes.copy(bytes, 0, 0, this.#byteCount)
    this.#bytes = bytes
  }

  /** Field lines behind the body. */
  keepTrailers(trailers: string): void {
    this.#trailers = trailers
  }

  /** It is not sent again whatever comes. */
  drop(): void {
    this.isWhole = false
    this.#bytes = NOTHING
  }

  /** Whether there is nothing to send again behind the head. */
  get isEmpty(): boolean {
    return this.#byteCount === 0 && this.#trailers === ''
  }

  /** Sends it again. `isDone`: nothing more will come. */
  sendTo(upstream: Upstream, isDone: boolean): void {
    // A copy, since what is sent may still wait to be written when the request is over and this is used for another.
    if (this.#byteCount > 0)
      upstream.sendData(Buffer.from(this.#bytes.subarray(0, this.#byteCount)), 0, this.#byteCount)
    if (isDone) upstream.sendEnd(this.#trailers)
  }
}
