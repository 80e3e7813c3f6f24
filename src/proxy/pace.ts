/**
 * Whether a body moves fast enough to be waited for.
 *
 * A timer that any byte winds up again is no limit: a byte now and then holds a connection for ever. So a new period
 * begins only when a share of bytes has moved in the present one.
 */

export class Pace {
  /** Bytes that have to move before the deadline is put off; at least one. */
  #shareBytes = 1
  #movedBytes = 0
  /** What was unsent when the period began. */
  #unsentBytes = 0

  /** A period begins in which `shareBytes` have to move. */
  begin(shareBytes: number): void {
    this.#shareBytes = Math.max(1, shareBytes)
    this.#movedBytes = 0
  }

  /** What is written from here on waits behind `unsentBytes`. */
  startWriting(unsentBytes: number): void {
    this.#unsentBytes = unsentBytes
  }

  /** Bytes have arrived. Returns whether the share of the period has. */
  hasMoved(byteCount: number): boolean {
    this.#movedBytes += byteCount
    return this.#movedBytes >= this.#shareBytes
  }

  /** The period is over. Returns whether the reader took its share, or all that there was, and starts the next one. */
  isTaking(unsentBytes: number): boolean {
    const takenBytes = this.#unsentBytes - unsentBytes
    this.#unsentBytes = unsentBytes
    return takenBytes >= this.#shareBytes || (unsentBytes === 0 && takenBytes > 0)
  }
}
