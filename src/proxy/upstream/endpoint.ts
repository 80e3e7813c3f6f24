/**
 * One endpoint as a thread sees it: its idle connections and how busy it is.
 *
 * Kept by address across snapshots, so that a change of weight or of configuration forgets neither. Idle
 * connections are a stack: the last one used is the warmest, and those at the bottom grow old and close.
 */

import type { Endpoint as EndpointAddress } from '../snapshot.ts'
import type { UpstreamConnection } from './connection.ts'

export class Endpoint {
  readonly id: string
  readonly host: string
  readonly port: number
  /** Connections open or being opened. */
  connectionCount = 0
  /** No snapshot names it any more: what runs may finish, nothing is kept. */
  isRetired = false
  readonly #idle: UpstreamConnection[] = []

  constructor(address: EndpointAddress) {
    this.id = address.id
    this.host = address.host
    this.port = address.port
  }

  /** Connections with a request on them. */
  get outstandingCount(): number {
    return this.connectionCount - this.#idle.length
  }

  takeIdle(): UpstreamConnection | undefined {
    return this.#idle.pop()
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
    while (this.#idle.length > 0 && this.#idle[0]!.idleSinceMs <= beforeMs) {
      this.closeOldest()
    }
  }
}

/** All endpoints of a thread, by id. */
export class EndpointSet {
  readonly #byId = new Map<string, Endpoint>()

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
    }
  }

  closeIdle(beforeMs: number): void {
    for (const endpoint of this.#byId.values()) endpoint.closeIdle(beforeMs)
  }
}
