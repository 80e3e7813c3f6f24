/**
 * The HTTP/2 sessions to one endpoint. A request goes to the first that has room, so that those opened for a peak
 * fall idle after it and are closed.
 */

import type { ThreadContext } from '../context.ts'
import type { Endpoint } from './endpoint.ts'
import { UpstreamSession } from './session.ts'
import type { UpstreamStream } from './stream.ts'
import type { UpstreamUser } from './upstream.ts'

export class SessionPool {
  /** Requests on all sessions. */
  streamCount = 0
  readonly #endpoint: Endpoint
  /** All that are connected, or being so: also those that take no more requests. */
  readonly #sessions = new Set<UpstreamSession>()

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint
  }

  /** As `Endpoint.open`. */
  open(context: ThreadContext, user: UpstreamUser, mayReuse: boolean): UpstreamStream | null {
    return this.#choose(context, mayReuse)?.open(user) ?? null
  }

  /** A session opened for one second try serves the others that come at the same time. */
  #choose(context: ThreadContext, mayReuse: boolean): UpstreamSession | null {
    let spare: UpstreamSession | null = null
    for (const session of this.#sessions) {
      if (!session.hasRoom) continue
      if (mayReuse || session.isFresh) return session
      spare = session
    }
    if (this.#endpoint.isFull(context) && !this.#closeOldest()) return spare
    const session = new UpstreamSession(context, this.#endpoint)
    this.#sessions.add(session)
    return session
  }

  /** Its connection is gone. */
  forget(session: UpstreamSession): void {
    this.#sessions.delete(session)
  }

  /** Closes a session without a request; false when there is none. */
  #closeOldest(): boolean {
    for (const session of this.#sessions) {
      if (!session.isIdle || session.isRetired) continue
      session.close()
      return true
    }
    return false
  }

  /** Gives up requests that have no answer and can be sent elsewhere. */
  abandon(): void {
    for (const session of this.#sessions) session.abandon()
  }

  /** Closes sessions that have been without a request since before `beforeMs`, and those that turn out dead. */
  closeIdle(beforeMs: number): void {
    for (const session of this.#sessions) session.sweep(beforeMs)
  }
}
