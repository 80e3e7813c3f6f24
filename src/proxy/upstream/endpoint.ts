/**
 * One endpoint as a thread sees it: its connections, how busy it is, and whether it may be used.
 *
 * Kept by address across snapshots, so that a change of weight or of configuration forgets neither. Idle
 * connections are a stack: the last one used is the warmest, and those at the bottom grow old and close.
 */

import type { ThreadContext } from '../context.ts'
import type { Endpoint as EndpointAddress } from '../snapshot.ts'
import { UpstreamConnection } from './connection.ts'
import { SecureEndpoint } from './dial.ts'
import { type Standing, STEADY } from './ejection.ts'
import type { EndpointSet } from './endpoint-set.ts'
import { EndpointQueue } from './queue.ts'
import type { EndpointReport } from './report.ts'
import { SessionPool } from './session-pool.ts'
import type { Upstream, UpstreamUser } from './upstream.ts'
import type { UpstreamStream } from './stream.ts'
import { Vitals } from './vitals.ts'
import type { Watch } from './watch.ts'

/** How long the share of an endpoint rises that comes back from an ejection, at least. */
const READMISSION_MS = 10_000
/** Share with which it begins: enough to tell how it fares. */
const LEAST_WARMTH = 0.1
/** Turns of whose answers the mean is told. */
const REPORT_TURNS = 40

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
  readonly zone: string | null
  readonly vitals: Vitals = new Vitals()
  /** Connections open or being opened. */
  connectionCount = 0
  /** Those of HTTP/1.1. */
  readonly connections: Set<UpstreamConnection> = new Set()
  standing: Standing = STEADY
  /** Health checks have found it so. */
  isUnhealthy = false
  /** Of the first upstream that names it. */
  watch: Watch | null = null
  slowStartMs = 0
  /** The most connections, beside what holds for every endpoint. */
  connectionLimit = Infinity
  /** Second and later tries under way; counted where they are limited. */
  retryCount = 0
  /** The next place is for one of them. */
  isRetryNext = false
  /** The most requests that wait for one. */
  pendingLimit = 0
  /** No snapshot names it any more: what runs may finish, nothing is kept. */
  isRetired = false
  /** Of HTTP/2; empty where HTTP/1.1 is spoken, as `#idle` is with HTTP/2. */
  readonly sessions: SessionPool = new SessionPool(this)
  readonly #idle: UpstreamConnection[] = []
  readonly #queue: EndpointQueue = new EndpointQueue(this, (context, user, isRetry) => {
    const place = this.#openNow(context, user, true)
    if (isRetry) place?.countAsRetry()
    return place
  })
  readonly #set: EndpointSet
  /** Since when its share rises, monotonic milliseconds, and for how long. */
  #warmingSinceMs = -Infinity
  #rampMs = 0
  #told: EndpointReport | null = null

  constructor(address: EndpointAddress, set: EndpointSet) {
    this.#set = set
    this.id = address.id
    this.host = address.host
    this.port = address.port
    this.protocol = address.protocol
    this.zone = address.zone
    this.secure = address.tls === null ? null : new SecureEndpoint(address.tls, address)
  }

  /** Requests on their way, or waiting for a connection. */
  get outstandingCount(): number {
    const waitingCount = this.#queue.length
    if (this.protocol === 'http2') return this.sessions.streamCount + waitingCount
    return this.connectionCount - this.#idle.length + waitingCount
  }

  /** What it is compared by: recent failures count as requests under way. */
  get load(): number {
    return this.outstandingCount + this.vitals.penalty
  }

  /** Whether it gets requests. */
  get isFit(): boolean {
    return !this.isUnhealthy && this.standing.ejection === null && !this.isRetired
  }

  /** Whether what it does can be taken for what it usually does: it is not new, nor just healthy again. */
  isWarm(nowMs: number): boolean {
    return nowMs - this.#warmingSinceMs >= this.slowStartMs
  }

  /** Its part of the weight, above 0 up to 1. */
  warmth(nowMs: number): number {
    const sinceMs = nowMs - this.#warmingSinceMs
    return sinceMs >= this.#rampMs ? 1 : Math.max(LEAST_WARMTH, sinceMs / this.#rampMs)
  }

  /** From now on its share rises. */
  warm(nowMs: number, { isReadmitted }: { readonly isReadmitted: boolean }): void {
    this.#rampMs = isReadmitted ? Math.max(this.slowStartMs, READMISSION_MS) : this.slowStartMs
    this.#warmingSinceMs = nowMs
  }

  /**
   * Returns a place for one request, which may have to wait for it; or null when all connections are taken that may be and
   * as many requests wait as may. `mayReuse`: it may be a connection that has been used before.
   */
  open(context: ThreadContext, user: UpstreamUser, mayReuse: boolean): Upstream | null {
    const isRetry = this.isRetryNext
    this.isRetryNext = false
    if (this.#queue.length === 0) {
      const place = this.#openNow(context, user, mayReuse)
      if (isRetry) place?.countAsRetry()
      if (place !== null) return place
    }
    return this.#queue.length < this.pendingLimit ? this.#queue.add(context, user, isRetry) : null
  }

  #openNow(
    context: ThreadContext,
    user: UpstreamUser,
    mayReuse: boolean,
  ): UpstreamConnection | UpstreamStream | null {
    if (this.protocol === 'http2') return this.sessions.open(context, user, mayReuse)
    const kept = mayReuse ? this.#idle.pop() : undefined
    if (kept !== undefined) {
      kept.assign(user)
      return kept
    }
    if (this.isFull(context) && !this.closeOldest()) return null
    return new UpstreamConnection(context, this, user)
  }

  /** Whether it has as many connections as it may. */
  isFull(context: ThreadContext): boolean {
    const { upstreamConnections } = context.table.limits
    return this.connectionCount >= Math.min(upstreamConnections, this.connectionLimit)
  }

  /** A connection has closed, or can take another request. */
  onRoom(): void {
    this.#queue.serveSoon()
  }

  /** Fails requests that have waited too long. */
  expireQueue(nowMs: number): void {
    if (this.#queue.length > 0) this.#queue.expire(nowMs)
  }

  /**
   * What became of an attempt that `open` began; once for each. `latencyUs`: from the request's sending to the answer's
   * head, or to the failure.
   */
  note(result: AttemptResult, latencyUs: number): void {
    this.vitals.note(result, latencyUs)
    if (result === 'cancelled' || (result === 'ok' && this.standing.errorCount === 0)) return
    const { nowMs } = this.#set
    const beganMs = nowMs - latencyUs / 1000
    this.watch?.note(this, result, { beganMs, nowMs })
  }

  /** It gets no more requests for a while. Where it answers nothing, those that can be sent elsewhere do not wait for it. */
  eject(standing: Standing): void {
    this.standing = standing
    this.leave()
    if (standing.ejection?.reason !== 'silence') return
    this.sessions.abandon()
    for (const connection of this.connections) connection.abandon()
  }

  /** It is not fit any more: nobody new comes, and those that wait for a connection go elsewhere. */
  leave(): void {
    this.#set.changeCount++
    this.#queue.sendAway()
  }

  /** Whether there is something to tell that was not told. */
  get hasNews(): boolean {
    const told = this.#told
    return (
      told === null ||
      told.requestCount !== this.vitals.requestCount ||
      told.outstandingCount !== this.outstandingCount ||
      told.connectionCount !== this.connectionCount ||
      (told.ejected?.count ?? 0) !==
        (this.standing.ejection === null ? 0 : this.standing.ejectionCount)
    )
  }

  /** `originMs`: when the clock that gives our milliseconds was at 0, in milliseconds since 1970. */
  report(originMs: number): EndpointReport {
    const { ejection, ejectionCount } = this.standing
    this.#told = {
      id: this.id,
      outstandingCount: this.outstandingCount,
      connectionCount: this.connectionCount,
      ejected:
        ejection === null
          ? null
          : {
              reason: ejection.reason,
              sinceMs: originMs + ejection.sinceMs,
              untilMs: originMs + ejection.untilMs,
              count: ejectionCount,
            },
      latencyUs: this.vitals.meanLatencyUs(REPORT_TURNS),
      requestCount: this.vitals.requestCount,
      failureCount: this.vitals.failureCount,
    }
    return this.#told
  }

  /** Keeps a connection for the next request. */
  release(connection: UpstreamConnection): void {
    if (this.isRetired) return connection.close()
    this.#idle.push(connection)
    this.onRoom()
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
