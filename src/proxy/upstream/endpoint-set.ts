/**
 * All endpoints of a thread, by id: they outlive the tables that name them, and what changes with time is done here.
 */

import type { Endpoint as EndpointAddress } from '../snapshot.ts'
import { Endpoint } from './endpoint.ts'
import { HashRings } from './hash-ring.ts'
import type { EndpointReport } from './report.ts'
import type { UpstreamLimits } from './settings.ts'
import { TURN_MS } from './vitals.ts'
import type { Watch } from './watch.ts'

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

  /** Nobody is to wait at those that are retired; to be called when the table that does not name them is in force. */
  dismiss(): void {
    for (const endpoint of this.#leaving) endpoint.leave()
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
    for (const endpoint of this.#byId.values()) if (endpoint.isUnhealthy) endpoint.leave()
  }

  /** A turn of 250 ms is over: ejects and readmits. */
  endTurn(nowMs: number): void {
    this.#excusePause(nowMs - this.nowMs - TURN_MS)
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

  /** `lostMs`: how late the turn is. The answers to what waits may have come by now, and are read after this. */
  #excusePause(lostMs: number): void {
    if (lostMs < TURN_MS) return
    for (const { vitals } of this.#byId.values()) vitals.excuse(lostMs)
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
