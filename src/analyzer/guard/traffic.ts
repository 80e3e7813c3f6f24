/**
 * How much traffic there is at present: a mean over about a minute, for telling how soon anybody could decide.
 */

import type { EpochCounts } from './counts.ts'

/** Requests per tick, ticks seen (up to a minute's), weight in basis points. */
export type SavedTraffic = readonly [number, number, number]

const MEMORY_MS = 60_000

export class Traffic {
  readonly #tickMs: number
  readonly #memoryTickCount: number
  #requestsPerTick = 0
  #tickCount = 0
  /** The weight of the last request seen, in basis points. */
  weightBp = 0

  constructor(tickMs: number, saved?: SavedTraffic) {
    this.#tickMs = tickMs
    this.#memoryTickCount = Math.max(1, MEMORY_MS / tickMs)
    if (saved === undefined) return
    ;[this.#requestsPerTick, this.#tickCount, this.weightBp] = saved
  }

  add(epochs: readonly EpochCounts[]): void {
    let requestCount = 0
    for (const { weightBp, canary, stable } of epochs) {
      const epochCount = canary.requestCount + stable.requestCount
      requestCount += epochCount
      if (epochCount > 0) this.weightBp = weightBp
    }
    // A plain mean until the memory is full, then one that forgets.
    this.#tickCount = Math.min(this.#tickCount + 1, this.#memoryTickCount)
    this.#requestsPerTick += (requestCount - this.#requestsPerTick) / this.#tickCount
  }

  /** Both variants together. */
  get requestsPerSecond(): number {
    return (this.#requestsPerTick * 1_000) / this.#tickMs
  }

  save(): SavedTraffic {
    return [this.#requestsPerTick, this.#tickCount, this.weightBp]
  }
}
