/**
 * An upstream as a table has it: which of its endpoints may be used just now, and one of them for each request. Hot.
 *
 * What changes with health, ejection and warming up is worked out when it changes: a request compares one number.
 */

import type { Upstream } from '../snapshot.ts'
import { type Choice, createPicker, type Member, type Picker, type RingPlaces } from './balance.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointSet } from './endpoint-set.ts'
import type { UpstreamLimits } from './settings.ts'
import { Watch } from './watch.ts'

/** Of the endpoints in the preferred zone so many must be usable, or all are used. */
const LEAST_ZONE_RATIO = 0.5

export interface UpstreamContext {
  readonly endpoints: EndpointSet
  /** 0 up to, not including, 1. */
  readonly random: () => number
}

export class CompiledUpstream {
  readonly name: string
  /** Each of them once. */
  readonly endpoints: readonly Endpoint[]
  readonly limits: UpstreamLimits
  readonly slowStartMs: number
  readonly watch: Watch
  readonly #settings: Upstream
  readonly #context: UpstreamContext
  readonly #weights: readonly number[]
  #picker: Picker | null = null
  readonly #hasLimits: boolean
  #isOverfull = false
  #isDown = false
  #seenChange = -1

  constructor(upstream: Upstream, context: UpstreamContext) {
    const unique = new Map(upstream.endpoints.map((endpoint) => [endpoint.id, endpoint]))
    const addresses = [...unique.values()]
    this.name = upstream.name
    this.limits = upstream.limits
    this.slowStartMs = upstream.slowStartMs
    this.endpoints = addresses.map((address) => context.endpoints.obtain(address))
    this.watch = new Watch(this.endpoints, upstream.outlier)
    this.#settings = upstream
    this.#context = context
    this.#hasLimits = upstream.limits.requests < Infinity || upstream.limits.retries < Infinity
    this.#weights = addresses.map(({ weight }) => weight)
  }

  /** No endpoint is healthy, whether or not all are used because of that. */
  get isDown(): boolean {
    this.#renew()
    return this.#isDown
  }

  /** Returns null when no endpoint may be used, or as many requests are under way as may; `shortage` tells which. */
  choose(choice: Choice): Endpoint | null {
    this.#renew()
    if (this.#isOverflowing(choice)) return null
    const { suspect } = this.watch
    if (suspect !== null) {
      this.watch.suspect = null
      if (suspect !== choice.avoid && suspect.isFit) return suspect
    }
    return this.#picker!.pick(choice)
  }

  /** Why `choose` gave no endpoint just now. */
  get shortage(): 'unavailable' | 'overflow' {
    return this.#isOverfull ? 'overflow' : 'unavailable'
  }

  /** Whether there are as many requests, or second tries, as there may be. */
  #isOverflowing({ avoid }: Choice): boolean {
    if (!this.#hasLimits) return false
    const { requests, retries } = this.limits
    const isRetry = avoid !== null
    let requestCount = 0
    let retryCount = 0
    for (const endpoint of this.endpoints) {
      requestCount += endpoint.outstandingCount
      retryCount += endpoint.retryCount
      endpoint.isRetryNext = isRetry
    }
    this.#isOverfull = requestCount >= requests || (isRetry && retryCount >= retries)
    return this.#isOverfull
  }

  #renew(): void {
    const { changeCount } = this.#context.endpoints
    if (this.#seenChange === changeCount) return
    this.#seenChange = changeCount
    const { balance } = this.#settings
    const fit = this.endpoints.map((endpoint, index) =>
      endpoint.isFit ? this.#member(endpoint, index) : null,
    )
    this.#isDown = fit.every((member) => member === null)
    const members = this.#isDown ? this.#desperate() : this.#near(fit)
    this.#picker = createPicker(
      balance,
      members.filter((member) => member !== null),
      {
        random: this.#context.random,
        places: () => this.#places(members),
        before: this.#picker,
      },
    )
  }

  #member(endpoint: Endpoint, index: number): Member {
    const { nowMs } = this.#context.endpoints
    return { endpoint, weight: this.#weights[index]! * endpoint.warmth(nowMs) }
  }

  /** Where none is healthy. */
  #desperate(): readonly (Member | null)[] {
    if (this.#settings.panic === 'refuse') return []
    return this.endpoints.map((endpoint, index) => ({ endpoint, weight: this.#weights[index]! }))
  }

  #near(fit: readonly (Member | null)[]): readonly (Member | null)[] {
    const { preferZone, endpoints } = this.#settings
    if (preferZone === null) return fit
    const inZone = fit.map((member) => (member?.endpoint.zone === preferZone ? member : null))
    const count = inZone.filter((member) => member !== null).length
    const whole = endpoints.filter(({ zone }) => zone === preferZone).length
    return count > 0 && count >= whole * LEAST_ZONE_RATIO ? inZone : fit
  }

  #places(members: readonly (Member | null)[]): RingPlaces {
    const places = this.endpoints.map(({ id }, index) => ({ id, weight: this.#weights[index]! }))
    return { ring: this.#context.endpoints.hashRings.obtain(this.name, places), members }
  }
}
