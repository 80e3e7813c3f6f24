/**
 * One endpoint as a thread sees it: its connections and how busy it is.
 *
 * Kept by address across snapshots, so that a change of weight or of configuration forgets neither. Idle
 * connections are a stack: the last one used is the warmest, and those at the bottom grow old and close.
 */

import type { ThreadContext } from '../context.ts'
import type { Endpoint as EndpointAddress } from '../snapshot.ts'
import { UpstreamConnection } from './connection.ts'
import { SecureEndpoint } from './dial.ts'
import { SessionPool } from './session-pool.ts'
import type { Upstream, UpstreamUser } from './upstream.ts'

/** What became of one attempt at a request, as the endpoint is to blame for it. */
export type AttemptResult =
  /** Any answer but 5xx, whole. */
  | 'ok'
  | 'serverError'
  | 'connectFailure'
  | 'reset'
  | 'timeout'
  /** An answer that is malformed, or broke off. */
  | 'badAnswer'
  /** Given up by us or by the client: nothing is known. */
  | 'cancelled'

export class Endpoint {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly protocol: 'http1' | 'http2'
  /** Null: cleartext. */
  readonly secure: SecureEndpoint | null
  /** Connections open or being opened. */
  connectionCount = 0
  /** No snapshot names it any more: what runs may finish, nothing is kept. */
  isRetired = false
  /** Of HTTP/2; empty where HTTP/1.1 is spoken, as `#idle` is with HTTP/2. */
  readonly sessions: SessionPool = new SessionPool(this)
  readonly #idle: UpstreamConnection[] = []

  constructor(address: EndpointAddress) {
    this.id = address.id
    this.host = address.host
    this.port = address.port
    this.protocol = address.protocol
    this.secure = address.tls === null ? null : new SecureEndpoint(address.tls, address)
  }

  /** Requests on their way, or waiting for a connection. */
  get outstandingCount(): number {
    if (this.protocol === 'http2') return this.sessions.streamCount
    return this.connectionCount - this.#idle.length
  }

  /**
   * Returns a place for one request, or null when all connections are taken that may be. `mayReuse`: it may be a
   * connection that has been used before.
   */
  open(context: ThreadContext, user: UpstreamUser, mayReuse: boolean): Upstream | null {
    if (this.protocol === 'http2') return this.sessions.open(context, user, mayReuse)
    const kept = mayReuse ? this.#idle.pop() : undefined
    if (kept !== undefined) {
      kept.assign(user)
      return kept
    }
    const isFull = this.connectionCount >= context.table.limits.upstreamConnections
    if (isFull && !this.closeOldest()) return null
    return new UpstreamConnection(context, this, user)
  }

  /**
   * What became of an attempt that `open` began; once for each. `latencyUs`: from the request's sending to the answer's
   * head, or to the failure.
   */
  note(result: AttemptResult, latencyUs: number): void {
    void result
    void latencyUs
  }

  /** Keeps a connection for the next request. */
  release(connection: UpstreamConnection): void {
    if (this.isRetired) connection.close()
    else this.#idle.push(connection)
  }

  forget(connection: UpstreamConnection): void {
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  /** Closes the connection that has been idle longest; false when there is none. */
  closeOldest(): boolean {
    const oldest = this.#idle.shift()
    oldest?.close()
    return oldest !== undefined
  }

  /** Closes connections that have been idle since before `beforeMs`. */
  closeIdle(beforeMs: number): void {
    this.sessions.closeIdle(beforeMs)
    while (this.#idle.length > 0 && this.#idle[0]!.idleSinceMs <= beforeMs) {
      this.closeOldest()
    }
  }
}

/** All endpoints of a thread, by id. */
export class EndpointSet {
  readonly #byId = new Map<string, Endpoint>()
  /** Those that are retired, until their last connection is closed. */
  readonly #leaving = new Set<Endpoint>()

  /** Returns the endpoint of that address, the same object each time. */
  obtain(address: EndpointAddress): Endpoint {
    const known = this.#byId.get(address.id)
    if (known !== undefined) return known
    const endpoint = new Endpoint(address)
    this.#byId.set(address.id, endpoint)
    return endpoint
  }

  /** Retires all others. */
  retain(named: ReadonlySet<Endpoint>): void {
    for (const endpoint of this.#byId.values()) {
      if (named.has(endpoint)) continue
      endpoint.isRetired = true
      endpoint.closeIdle(Infinity)
      this.#byId.delete(endpoint.id)
      this.#leaving.add(endpoint)
    }
  }

  closeIdle(beforeMs: number): void {
    for (const endpoint of this.#byId.values()) endpoint.closeIdle(beforeMs)
    for (const endpoint of this.#leaving) {
      endpoint.closeIdle(beforeMs)
      if (endpoint.connectionCount === 0) this.#leaving.delete(endpoint)
    }
  }
}
