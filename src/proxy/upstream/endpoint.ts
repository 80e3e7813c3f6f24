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
import { HashRings } from './hash-ring.ts'
import { EndpointQueue } from './queue.ts'
import type { EndpointReport } from './report.ts'
import { SessionPool } from './session-pool.ts'
import type { UpstreamLimits } from './settings.ts'
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
  readonly #queue: EndpointQueue = new EndpointQueue(this, (context, user) =>
    this.#openNow(context, user, true),
  )
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
    return this.#queue.length < this.pendingLimit ? this.#queue.add(context, user) : null
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
    if (this.watch?.note(this, result, { beganMs, nowMs }) === true) this.#set.changeCount++
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

/** All endpoints of a thread, by id. */
export class EndpointSet {
  readonly hashRings: HashRings = new HashRings()
  /** Monotonic milliseconds, renewed each turn. */
  nowMs = 0
  /** Goes up when an endpoint may be used that might not before, or the other way round, or its share has changed. */
  changeCount = 0
  readonly #byId = new Map<string, Endpoint>()
  /** Those that are retired, until their last connection is closed and that is told. */
  readonly #leaving = new Set<Endpoint>()
  #watches: readonly Watch[] = []
  #unhealthy: ReadonlySet<string> = new Set()
  /** Those that the first table names are not new: all of them have been there before. */
  #isStarted = false
  #wasWarming = false

  /** Returns the endpoint of that address, the same object each time. */
  obtain(address: EndpointAddress): Endpoint {
    const known = this.#byId.get(address.id)
    if (known !== undefined) return known
    const endpoint = this.#takeBack(address.id) ?? new Endpoint(address, this)
    endpoint.isUnhealthy = this.#unhealthy.has(address.id)
    this.#byId.set(address.id, endpoint)
    return endpoint
  }

  /** One that had left, and has not finished what it has to do. */
  #takeBack(id: string): Endpoint | undefined {
    const endpoint = [...this.#leaving].find((each) => each.id === id)
    if (endpoint === undefined) return undefined
    this.#leaving.delete(endpoint)
    endpoint.isRetired = false
    return endpoint
  }

  /** The upstreams of a new table; where two name an endpoint, the first one's rules hold for it. All others are retired. */
  follow(upstreams: readonly FollowedUpstream[]): void {
    for (const upstream of upstreams.toReversed()) {
      for (const endpoint of upstream.watch.endpoints) this.#adopt(endpoint, upstream)
    }
    this.#watches = upstreams.map(({ watch }) => watch)
    this.#isStarted = true
    this.hashRings.retain(new Set(upstreams.map(({ name }) => name)))
    this.retain(new Set(this.#watches.flatMap(({ endpoints }) => endpoints)))
  }

  #adopt(endpoint: Endpoint, { watch, slowStartMs, limits }: FollowedUpstream): void {
    const isNew = endpoint.watch === null && this.#isStarted
    const part = (limit: number): number => Math.ceil(limit / watch.endpoints.length)
    endpoint.watch = watch
    endpoint.slowStartMs = slowStartMs
    endpoint.connectionLimit = part(limits.connections)
    endpoint.pendingLimit = part(limits.pendingRequests)
    if (isNew) endpoint.warm(this.nowMs, { isReadmitted: false })
  }

  /** Retires all others. */
  retain(named: ReadonlySet<Endpoint>): void {
    for (const endpoint of this.#byId.values()) {
      if (named.has(endpoint)) continue
      endpoint.isRetired = true
      endpoint.closeIdle(Infinity)
      this.#byId.delete(endpoint.id)
      this.#leaving.add(endpoint)
      this.changeCount++
    }
  }

  /** By id, those that health checks have found so; all others are healthy. */
  setUnhealthy(ids: ReadonlySet<string>): void {
    this.#unhealthy = ids
    for (const endpoint of this.#byId.values()) {
      const isUnhealthy = ids.has(endpoint.id)
      if (endpoint.isUnhealthy === isUnhealthy) continue
      endpoint.isUnhealthy = isUnhealthy
      if (!isUnhealthy) endpoint.warm(this.nowMs, { isReadmitted: false })
      this.changeCount++
    }
  }

  /** A turn of 250 ms is over: ejects and readmits. */
  endTurn(nowMs: number): void {
    this.nowMs = nowMs
    let isWarming = false
    for (const endpoint of this.#byId.values()) {
      endpoint.vitals.endTurn()
      endpoint.expireQueue(nowMs)
      if (endpoint.warmth(nowMs) < 1) isWarming = true
    }
    let hasChanged = isWarming || this.#wasWarming
    this.#wasWarming = isWarming
    for (const watch of this.#watches) if (watch.endTurn(nowMs)) hasChanged = true
    if (hasChanged) this.changeCount++
  }

  /**
   * Of the endpoints of which there is something new, once; those that leave are told of until they have nothing more to
   * do. `originMs`: as for `Endpoint.report`.
   */
  takeReports(originMs: number): readonly EndpointReport[] {
    const reports = [...this.#byId.values(), ...this.#leaving]
      .filter((endpoint) => endpoint.hasNews)
      .map((endpoint) => endpoint.report(originMs))
    for (const endpoint of this.#leaving) {
      if (endpoint.connectionCount === 0) this.#leaving.delete(endpoint)
    }
    return reports
  }

  closeIdle(beforeMs: number): void {
    for (const endpoint of this.#byId.values()) endpoint.closeIdle(beforeMs)
    for (const endpoint of this.#leaving) endpoint.closeIdle(beforeMs)
  }
}

export interface FollowedUpstream {
  readonly name: string
  readonly watch: Watch
  readonly slowStartMs: number
  readonly limits: UpstreamLimits
}
