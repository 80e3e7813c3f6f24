/**
 * Requests that wait for a connection to an endpoint where all are taken that may be: in order, bounded in number and time.
 *
 * Whoever waits has a stand-in, which becomes the connection's when there is one. A request waits at the endpoint that was
 * chosen for it, as with HAProxy: a queue of the whole upstream would have to choose again, by then with less knowledge.
 */

import type { ThreadContext } from '../context.ts'
import type { Endpoint } from './endpoint.ts'
import {
  ALWAYS,
  NEVER,
  type OutgoingRequest,
  type Upstream,
  type UpstreamUser,
} from './upstream.ts'

/** Gives a place now, or null. `isRetry`: to a second try. */
type Open = (context: ThreadContext, user: UpstreamUser, isRetry: boolean) => Upstream | null

export class EndpointQueue {
  readonly #endpoint: Endpoint
  readonly #open: Open
  readonly #waiting: QueuedUpstream[] = []
  #isServing = false

  constructor(endpoint: Endpoint, open: Open) {
    this.#endpoint = endpoint
    this.#open = open
  }

  get length(): number {
    return this.#waiting.length
  }

  /** `isRetry`: see `Open`. */
  add(context: ThreadContext, user: UpstreamUser, isRetry: boolean): Upstream {
    const place = new QueuedUpstream(this.#endpoint, { context, user, isRetry, queue: this })
    this.#waiting.push(place)
    return place
  }

  remove(place: QueuedUpstream): void {
    const index = this.#waiting.indexOf(place)
    if (index >= 0) this.#waiting.splice(index, 1)
  }

  /** There may be room. Not used at once: who makes room is in the middle of something. */
  serveSoon(): void {
    if (this.#waiting.length === 0 || this.#isServing) return
    this.#isServing = true
    process.nextTick(() => {
      this.#isServing = false
      while (this.#waiting.length > 0 && this.#waiting[0]!.connect(this.#open)) continue
    })
  }

  /** Nobody is to wait here any more: all choose again. */
  sendAway(): void {
    for (const place of this.#waiting.splice(0)) place.fail(ALWAYS)
  }

  /** Fails those that have waited as long as a connection may take to be made. */
  expire(nowMs: number): void {
    const due = this.#waiting.filter((place) => place.isDue(nowMs))
    for (const place of due) place.fail(NEVER)
  }
}

class QueuedUpstream implements Upstream {
  readonly endpoint: Endpoint
  readonly #context: ThreadContext
  readonly #queue: EndpointQueue
  readonly #user: UpstreamUser
  readonly #isRetry: boolean
  readonly #sinceMs: number
  #place: Upstream | null = null

  constructor(
    endpoint: Endpoint,
    waiter: {
      readonly context: ThreadContext
      readonly user: UpstreamUser
      readonly isRetry: boolean
      readonly queue: EndpointQueue
    },
  ) {
    this.endpoint = endpoint
    this.#context = waiter.context
    this.#user = waiter.user
    this.#isRetry = waiter.isRetry
    this.#queue = waiter.queue
    this.#sinceMs = waiter.context.nowMs
  }

  get isConnected(): boolean {
    return this.#place?.isConnected === true
  }

  get unsentBytes(): number {
    return this.#place?.unsentBytes ?? 0
  }

  get isFull(): boolean {
    return this.#place?.isFull === true
  }

  /** Returns false where there is no room yet. */
  connect(open: Open): boolean {
    try {
      const place = open(this.#context, this.#user, this.#isRetry)
      if (place === null) return false
      this.#place = place
      this.#queue.remove(this)
      if (place.isConnected) this.#user.onConnected()
    } catch (error) {
      this.#queue.remove(this)
      this.#context.report(error)
      this.#place?.close()
      this.#user.onUpstreamFailure('internal', NEVER)
    }
    return true
  }

  isDue(nowMs: number): boolean {
    return nowMs - this.#sinceMs >= this.#context.table.timeouts.connectMs
  }

  /** `retry`: see `UpstreamUser.onUpstreamFailure`. */
  fail(retry: number): void {
    this.#queue.remove(this)
    try {
      this.#user.onUpstreamFailure('overflow', retry)
    } catch (error) {
      this.#context.report(error)
      this.#user.onUpstreamFailure('internal', NEVER)
    }
  }

  sendHead(request: OutgoingRequest): void {
    this.#place?.sendHead(request)
  }

  sendData(bytes: Buffer, start: number, end: number): void {
    this.#place?.sendData(bytes, start, end)
  }

  sendEnd(trailers: string): void {
    this.#place?.sendEnd(trailers)
  }

  flush(): void {
    this.#place?.flush()
  }

  pause(): void {
    this.#place?.pause()
  }

  resume(): void {
    this.#place?.resume()
  }

  close(): void {
    if (this.#place === null) this.#queue.remove(this)
    else this.#place.close()
  }
}
