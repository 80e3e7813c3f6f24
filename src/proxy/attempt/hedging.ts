/** When a request is sent a second time: after a while without an answer, and never a third time. */

import type { ThreadContext } from '../context.ts'
import type { Endpoint } from '../upstream/endpoint.ts'
import { Hedge, type HedgeOwner } from './hedge.ts'

/** The exchange. */
export interface HedgingOwner extends HedgeOwner {
  /** Where it may be sent too just now; null: nowhere. */
  secondEndpoint(): Endpoint | null
  onHedge(): void
}

export class Hedging {
  readonly #context: ThreadContext
  readonly #owner: HedgingOwner
  #hedge: Hedge | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(context: ThreadContext, owner: HedgingOwner) {
    this.#context = context
    this.#owner = owner
  }

  /** A try is on its way. */
  arm(afterMs: number): void {
    this.cancel()
    this.#timer = setTimeout(() => {
      this.#timer = null
      try {
        this.#send()
      } catch (error) {
        this.#context.report(error)
      }
    }, afterMs)
  }

  #send(): void {
    const endpoint = this.#owner.secondEndpoint()
    if (endpoint === null) return
    const hedge = new Hedge(this.#context, this.#owner, endpoint)
    this.#hedge = hedge
    if (hedge.begin()) this.#owner.onHedge()
    else this.#hedge = null
  }

  /** The second try, which is its owner's from now on; null where there is none. */
  take(): Hedge | null {
    const hedge = this.#hedge
    this.#hedge = null
    return hedge
  }

  /** The first try has an answer, or nobody waits any more. */
  cancel(): void {
    if (this.#timer === null && this.#hedge === null) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.take()?.giveUp()
  }
}
