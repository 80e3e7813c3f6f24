/**
 * How long a client is waited for while no exchange is active: for a head, for what has to come with it, for the rest of a
 * body that nobody wants, for its taking the last answer. An exchange has deadlines of its own (`deadline.ts`).
 */

import type { ThreadContext } from '../context.ts'

/** How long a connection that we close is still read, so that the client can take its last answer. */
const LINGER_MS = 2_000

export class Patience {
  /** Monotonic milliseconds; infinite while an exchange is active. */
  deadlineMs: number
  /** Some of a head has come. */
  hasHeadBegun = false
  /** The head is whole, and waits for its body. */
  isHeldBack = false
  readonly #context: ThreadContext
  /** What was unsent at the last deadline. */
  #unsentBefore = Infinity
  /** What had come of head and body when the deadline was set. */
  #broughtBytes = 0

  /** The client has just connected. */
  constructor(context: ThreadContext) {
    this.#context = context
    this.deadlineMs = context.nowMs + context.table.timeouts.headMs
  }

  /** The first bytes of a head start its clock; more bytes do not wind it up again. */
  awaitHead(): void {
    if (this.hasHeadBegun) return
    this.hasHeadBegun = true
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.headMs
  }

  /** Waits for more of a request of which `byteCount` have come, as long as it comes at a certain pace. */
  awaitBody(byteCount: number): void {
    if (!this.isHeldBack || byteCount >= this.#broughtBytes + this.#shareBytes) {
      this.#broughtBytes = byteCount
      this.awaitRest()
    }
    this.isHeldBack = true
    this.hasHeadBegun = true
  }

  /** Of a body that is thrown away, or of an answer that is taken slowly. */
  awaitRest(): void {
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
  }

  awaitNext(): void {
    this.hasHeadBegun = false
    this.#unsentBefore = Infinity
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.idleMs
  }

  awaitClose(): void {
    this.#unsentBefore = Infinity
    this.deadlineMs = this.#context.nowMs + LINGER_MS
  }

  /** A head has come, and from here on the exchange sets deadlines. */
  end(): void {
    this.isHeldBack = false
    this.deadlineMs = Infinity
  }

  /** Whether a client that reads slowly has taken enough since the last deadline; then it gets another one. */
  isTaking(unsentBytes: number): boolean {
    if (unsentBytes === 0 || unsentBytes > this.#unsentBefore - this.#shareBytes) return false
    this.#unsentBefore = unsentBytes
    this.awaitRest()
    return true
  }

  /** Of a body, what has to move before the deadline is put off. */
  get #shareBytes(): number {
    const { limits, timeouts } = this.#context.table
    return Math.max(1, limits.bodyBytesPerSecond * (timeouts.bodyStallMs / 1000))
  }
}
