/**
 * The tries of one request: which endpoint has it, what is kept to send it again, and whether that may be done. Hot.
 *
 * The exchange owns one and uses it for each of its requests. A request that succeeds at once costs a few fields here.
 */

import type { Assignment } from '../assignment.ts'
import type { ThreadContext } from '../context.ts'
import type { UpstreamFailure } from '../failure.ts'
import { NO_BODY } from '../http1/framing.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { AttemptResult, Endpoint } from '../upstream/endpoint.ts'
import { KeptBody } from './kept-body.ts'
import {
  backoffMs,
  blameOf,
  isWorthRepeating,
  mayAskSoon,
  mayTryAgain,
  type Tries,
} from './policy.ts'

/** What comes after a try that failed. */
export const NOTHING = 0
/** Another one on the same upstream. */
export const AGAIN = 1
/** One on stable. */
export const ON_STABLE = 2

/** A body that takes longer is its client's doing. */
const SLOW_BODY_MS = 250

/** A try that failed, or was answered with a status that is not the last word. */
export interface Setback {
  /** Null: answered. */
  readonly failure: UpstreamFailure | null
  /** What the answer said of when to come again; left out: nothing. */
  readonly retryAfter?: string | null
  /** The upstream says that it has not begun to work on it; left out: it does not say so. */
  readonly isUnread?: boolean
}

export class Attempts {
  readonly kept: KeptBody = new KeptBody()
  /** What the choice of an endpoint depends on. */
  readonly choice: { readonly unitHash: () => number; avoid: Endpoint | null }
  readonly #context: ThreadContext
  readonly #assignment: Assignment
  #endpoint: Endpoint | null = null
  /** Doing it twice does what doing it once does. */
  #isRepeatable = false
  #count = 0
  #beginMs = 0
  /** Of the request, until its first try. */
  #firstMs = 0
  #startMs = 0
  #answerMs = 0
  #result: AttemptResult = 'cancelled'
  #timer: NodeJS.Timeout | null = null

  constructor(context: ThreadContext, assignment: Assignment) {
    this.#context = context
    this.#assignment = assignment
    this.choice = { unitHash: () => assignment.unitHash, avoid: null }
  }

  /** A request has begun at `startMs`, by the clock of latencies; its assignment is made. */
  begin(head: RequestHead, startMs: number): void {
    const { retry } = this.#assignment.route
    this.#isRepeatable = retry.methods === null ? head.isIdempotent : retry.methods.has(head.method)
    this.#count = 0
    this.#firstMs = startMs
    this.#beginMs = this.#context.nowMs
    this.choice.avoid = null
    this.kept.begin(head.bodyKind !== NO_BODY && this.#isRepeatable)
    retry.budget.deposit(this.#context.nowMs)
  }

  /**
   * The canary has no healthy endpoint, and nobody judges it: its share is stable's without asking. While it is judged it is
   * asked all the same, as stable would be: an answer that was never asked for is no evidence.
   */
  get isHopeless(): boolean {
    const { route, variant } = this.#assignment
    if (!this.tries.fallsBack || route.ring !== null) return false
    return variant.upstream.isDown
  }

  /** Of this request: who asks for the canary wants to know what it says, so that nothing is tried on stable. */
  get tries(): Tries {
    const { forced, variant } = this.#assignment
    return forced === variant.name ? variant.askedTries : variant.tries
  }

  /** What follows is no second try there. */
  forgetEndpoint(): void {
    this.choice.avoid = null
  }

  /** A try begins there. */
  open(endpoint: Endpoint): void {
    this.#endpoint = endpoint
    // The first try begins with its request: one look at the clock less.
    this.#startMs = this.#firstMs === 0 ? performance.now() : this.#firstMs
    this.#firstMs = 0
    this.#answerMs = 0
    this.#result = 'cancelled'
  }

  /** All of its body is sent: what a slow client took for that is not the endpoint's. Short bodies need no clock. */
  noteSent(): void {
    if (this.#context.nowMs - this.#beginMs >= SLOW_BODY_MS) this.#startMs = performance.now()
  }

  /** The final head of its answer has come. Returns when that was. */
  noteAnswer(status: number): number {
    this.#answerMs = performance.now()
    this.#result = status >= 500 ? 'serverError' : 'ok'
    return this.#answerMs
  }

  /** Microseconds from the try's beginning until its answer's head; until now where there is none. */
  get latencyUs(): number {
    return ((this.#answerMs === 0 ? performance.now() : this.#answerMs) - this.#startMs) * 1000
  }

  /** The try is over. What did not come to an end tells nothing of the endpoint, unless it has failed. */
  close(failure: UpstreamFailure | null): void {
    const endpoint = this.#endpoint
    if (endpoint === null) return
    this.#endpoint = null
    const result = failure === null ? this.#result : blameOf(failure)
    endpoint.note(result, this.latencyUs)
    this.choice.avoid = endpoint
  }

  /** Whether a body may be sent a second time, or there is none, after a connection that was kept had died. */
  mayResend(isUnread: boolean): boolean {
    return this.kept.isWhole && (isUnread || this.#isRepeatable)
  }

  /** Whether another try may follow this one, should its endpoint turn out to answer nothing. */
  get isMovable(): boolean {
    if (!this.#isRepeatable || !this.kept.isWhole) return false
    return this.tries.fallsBack || this.#count < this.#assignment.route.retry.attempts
  }

  /** What comes after this; `NOTHING`: the request ends so. */
  after({ failure, retryAfter = null, isUnread = false }: Setback): number {
    const { nowMs, table } = this.#context
    const { retry } = this.#assignment.route
    if (!this.kept.isWhole) return NOTHING
    const mayBe = failure === null ? this.#isRepeatable : mayTryAgain(failure, this.#isRepeatable)
    if (!(mayBe || isUnread) || nowMs - this.#beginMs >= table.timeouts.responseHeadMs)
      return NOTHING
    if (this.tries.fallsBack) return ON_STABLE
    if (this.#count >= retry.attempts || !mayAskSoon(retryAfter)) return NOTHING
    if (failure !== null && !isWorthRepeating(failure)) return NOTHING
    return retry.budget.withdraw(nowMs) ? AGAIN : NOTHING
  }

  /** How long this try may go unanswered, milliseconds; `Infinity` where no other would follow. */
  get answerMs(): number {
    return this.#isRepeatable && this.kept.isWhole ? this.tries.answerMs : Infinity
  }

  /**
   * Returns where the request is sent a second time while its answer is waited for; null where it may not be, or nobody
   * else is there.
   */
  second(): Endpoint | null {
    const { route, variant } = this.#assignment
    this.choice.avoid = this.#endpoint
    const endpoint = variant.upstream.choose(this.choice)
    if (endpoint === null || endpoint === this.#endpoint) return null
    return route.retry.budget.withdraw(this.#context.nowMs) ? endpoint : null
  }

  /** Whether the request may be sent a second time while its answer is waited for. */
  get mayHedge(): boolean {
    const { route, variant } = this.#assignment
    return route.hedgeMs !== null && this.#isRepeatable && variant.upstream.endpoints.length > 1
  }

  /** The second try is the one that goes on. */
  adopt(endpoint: Endpoint, startMs: number): void {
    this.close(null)
    this.open(endpoint)
    this.#startMs = startMs
  }

  /** Calls back when it is time for the next try. */
  wait(run: () => void): void {
    this.cancelWait()
    const delayMs = backoffMs(this.#count++, this.#context.random)
    this.#timer = setTimeout(run, delayMs)
  }

  /** Nobody waits any more. */
  cancelWait(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}
