/**
 * What a client may have of something that costs us and brings nothing: so much at once, so much a second after
 * that. A bucket that is filled when somebody looks, so that it needs no timer.
 */

export class Allowance {
  readonly #burst: number
  readonly #perSecond: number
  #left: number
  #filledMs: number

  constructor(options: {
    readonly burst: number
    readonly perSecond: number
    readonly nowMs: number
  }) {
    this.#burst = options.burst
    this.#perSecond = options.perSecond
    this.#left = options.burst
    this.#filledMs = options.nowMs
  }

  /** Takes it if there is so much left. */
  take(amount: number, nowMs: number): boolean {
    if (nowMs > this.#filledMs) {
      this.give(((nowMs - this.#filledMs) * this.#perSecond) / 1_000)
      this.#filledMs = nowMs
    }
    if (this.#left < amount) return false
    this.#left -= amount
    return true
  }

  give(amount: number): void {
    this.#left = Math.min(this.#burst, this.#left + amount)
  }
}
