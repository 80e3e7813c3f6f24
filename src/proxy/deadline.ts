/**
 * Until when one exchange waits for what, in monotonic milliseconds. Hot: set with each piece of a body.
 *
 * There is one deadline at a time, that of the present phase, and the sweep looks whether it has passed. Behind it
 * stands a last one that no progress puts off: the client's own, or the end of a tunnel that drains.
 */

import type { ThreadContext } from './context.ts'
import { Pace } from './pace.ts'

export class Deadline {
  /** `Infinity` while nothing is waited for. */
  ms = Infinity
  /** By when it ends whatever happens. */
  latestMs = Infinity
  readonly pace: Pace = new Pace()
  readonly #context: ThreadContext
  /** Nothing may come for long, and that is as it should be. */
  #mayBeSilent = false

  constructor(context: ThreadContext) {
    this.#context = context
  }

  get isLatestOver(): boolean {
    return this.latestMs <= this.#context.nowMs
  }

  get mayBeSilent(): boolean {
    return this.#mayBeSilent
  }

  /** A request begins that has to be over within `withinMs`. `mayBeSilent`: its bodies are streams of events. */
  begin(withinMs: number, mayBeSilent: boolean): void {
    this.latestMs = this.#context.nowMs + withinMs
    this.#mayBeSilent = mayBeSilent
  }

  /** From here on the two sides talk as they like. */
  allowSilence(): void {
    this.#mayBeSilent = true
  }

  /** The present phase may last that long. */
  arm(afterMs: number): void {
    this.ms = Math.min(this.#context.nowMs + afterMs, this.latestMs)
  }

  /** So may the wait for the next piece of a body; until then a share of bytes has to move. */
  armStall(): void {
    const { limits, timeouts } = this.#context.table
    if (this.#mayBeSilent) return this.arm(timeouts.tunnelIdleMs)
    this.pace.begin(limits.bodyBytesPerSecond * (timeouts.bodyStallMs / 1000))
    this.arm(timeouts.bodyStallMs)
  }

  /** It ends at `latestMs` at the latest. */
  shorten(latestMs: number): void {
    this.latestMs = Math.min(this.latestMs, latestMs)
    this.ms = Math.min(this.ms, this.latestMs)
  }

  clear(): void {
    this.ms = Infinity
  }
}
