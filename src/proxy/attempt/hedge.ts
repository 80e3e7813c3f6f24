/**
 * A second try of a request whose first one has not been answered yet: the first answer is taken, the other try given up.
 *
 * Stands between its upstream and the exchange: until its answer comes nobody hears of it, and from then on the exchange
 * hears what it would have heard from the first. Only requests without a body are sent twice.
 */

import type { ThreadContext } from '../context.ts'
import type { UpstreamFailure } from '../failure.ts'
import { NO_BODY } from '../http1/framing.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { AttemptResult, Endpoint } from '../upstream/endpoint.ts'
import type { Upstream, UpstreamUser } from '../upstream/upstream.ts'
import { blameOf } from './policy.ts'

/** The exchange, as its second try knows it. */
export interface HedgeOwner extends UpstreamUser {
  /** The second try is answered first: its upstream is the exchange's from here on. */
  onHedgeAnswer(hedge: Hedge): void
  /** It has failed, or is not worth taking. */
  onHedgeOver(): void
  /** Whether an answer of that status may be the last word. */
  takesStatus(status: number): boolean
}

export class Hedge implements UpstreamUser {
  readonly endpoint: Endpoint
  readonly startMs: number
  readonly isRequestDone = true
  readonly bodyKind: number = NO_BODY
  readonly contentLength = 0
  readonly isUpgrade = false
  readonly #context: ThreadContext
  readonly #owner: HedgeOwner
  readonly #tableVersion: number
  #upstream: Upstream | null = null
  /** The exchange hears what comes. */
  #hasWon = false

  constructor(context: ThreadContext, owner: HedgeOwner, endpoint: Endpoint) {
    this.#context = context
    this.#owner = owner
    this.endpoint = endpoint
    this.startMs = performance.now()
    this.#tableVersion = context.table.version
  }

  get method(): string {
    return this.#owner.method
  }

  get target(): string {
    return this.#owner.target
  }

  get lines(): string {
    return this.#owner.lines
  }

  get takesTrailers(): boolean {
    return this.#owner.takesTrailers
  }

  /** Sends it; false where there is no connection to be had. */
  begin(): boolean {
    const upstream = this.endpoint.open(this.#context, this, true)
    if (upstream === null) return false
    this.#upstream = upstream
    if (upstream.isConnected) this.onConnected()
    return true
  }

  /** What the exchange works with once it has taken this one's answer, or waits for it alone. */
  take(): Upstream {
    this.#hasWon = true
    return this.#upstream!
  }

  /** The other try was answered first, or nobody waits any more. */
  giveUp(): void {
    const upstream = this.#upstream
    this.#upstream = null
    if (upstream === null) return
    this.endpoint.note('cancelled', (performance.now() - this.startMs) * 1000)
    upstream.close()
  }

  /** While it connected the canary may have been taken out. */
  onConnected(): void {
    if (this.#hasWon) return this.#owner.onConnected()
    if (this.#tableVersion !== this.#context.table.version) {
      this.giveUp()
      return this.#owner.onHedgeOver()
    }
    this.#upstream!.sendHead(this)
    this.#upstream!.flush()
  }

  onInformational(head: ResponseHead): void {
    if (this.#hasWon) this.#owner.onInformational(head)
  }

  onSwitch(): void {
    this.#fail('upgrade')
  }

  onResponseHead(head: ResponseHead): void {
    if (!this.#hasWon) {
      if (!this.#owner.takesStatus(head.status)) return this.#end('serverError')
      this.#owner.onHedgeAnswer(this)
    }
    this.#owner.onResponseHead(head)
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    return this.#owner.onResponseData(bytes, start, end)
  }

  onResponseEnd(trailers: string): void {
    this.#owner.onResponseEnd(trailers)
  }

  onReadEnd(): void {
    if (this.#hasWon) this.#owner.onReadEnd()
  }

  onUpstreamDrain(): void {
    if (this.#hasWon) this.#owner.onUpstreamDrain()
  }

  onUpstreamFailure(reason: UpstreamFailure, retry: number): void {
    if (this.#hasWon) this.#owner.onUpstreamFailure(reason, retry)
    else this.#fail(reason)
  }

  #fail(reason: UpstreamFailure): void {
    this.#end(blameOf(reason))
  }

  #end(result: AttemptResult): void {
    const upstream = this.#upstream
    this.#upstream = null
    this.endpoint.note(result, (performance.now() - this.startMs) * 1000)
    upstream?.close()
    this.#owner.onHedgeOver()
  }
}
