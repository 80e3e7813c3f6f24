/**
 * The ways to choose one of the endpoints that may be used. Hot: once a request.
 *
 * `leastRequest` compares two that are drawn by weight, which is nearly as good as comparing all (Mitzenmacher, IEEE TPDS
 * 12(10), 2001) and does not send every thread's requests to the same one.
 */

import type { Balance } from './settings.ts'
import { WeightedDraw } from './draw.ts'
import type { Endpoint } from './endpoint.ts'
import { HashRing } from './hash-ring.ts'

/** What a choice may depend on; whoever asks keeps one and uses it again. */
export interface Choice {
  /** 32 bits of the request's unit; drawn at random where it has none. */
  unitHash(): number
  /** Not this one, where another can be used; null: any. */
  readonly avoid: Endpoint | null
}

/** One of those that may be used. */
export interface Member {
  readonly endpoint: Endpoint
  /** Its part of the load, relative to the others; above 0. */
  readonly weight: number
}

/** Members, and how to choose among them. */
export interface Picker {
  /** Null where there is none. */
  pick(choice: Choice): Endpoint | null
}

/** `isUsed`: of each place of the ring, by its index; the ring goes by all, so that it is the same when they come back. */
export interface RingPlaces {
  readonly ring: HashRing
  readonly members: readonly (Member | null)[]
}

export function createPicker(
  balance: Balance,
  members: readonly Member[],
  options: {
    readonly random: () => number
    readonly places: () => RingPlaces
    /** What chose until now; null: nothing did. */
    readonly before: Picker | null
  },
): Picker {
  if (members.length === 0) return NOBODY
  const { random } = options
  if (members.length === 1) return { pick: () => members[0]!.endpoint }
  switch (balance) {
    case 'leastRequest':
      return new LeastRequest(members, random)
    case 'roundRobin':
      return new RoundRobin(members, random, options.before)
    case 'random':
      return new Random(members, random)
    case 'consistentHash':
      return new ConsistentHash(members, options.places())
  }
}

const NOBODY: Picker = { pick: () => null }

/** Draws for a second one that would be the first again; then its neighbour is taken. */
const DRAW_LIMIT = 4

class LeastRequest implements Picker {
  readonly #endpoints: readonly Endpoint[]
  /** One over the weight. */
  readonly #costs: Float64Array
  readonly #draw: WeightedDraw
  readonly #random: () => number

  constructor(members: readonly Member[], random: () => number) {
    this.#endpoints = members.map(({ endpoint }) => endpoint)
    this.#costs = Float64Array.from(members, ({ weight }) => 1 / weight)
    this.#draw = new WeightedDraw(members.map(({ weight }) => weight))
    this.#random = random
  }

  pick({ avoid }: Choice): Endpoint | null {
    const first = this.#draw.next(this.#random())
    const second = this.#other(first)
    const a = this.#endpoints[first]!
    const b = this.#endpoints[second]!
    if (a === avoid) return b
    if (b === avoid) return a
    return this.#isBetter(second, first) ? b : a
  }

  /**
   * Whether the one drawn second is less busy. By weight, it must be so with the request that comes: an idle endpoint of
   * little weight would else get one as soon as a heavy one has any.
   */
  #isBetter(second: number, first: number): boolean {
    const load = this.#endpoints[first]!.load
    const other = this.#endpoints[second]!.load
    if (this.#draw.isEven) return other < load
    return (other + 1) * this.#costs[second]! <= load * this.#costs[first]!
  }

  #other(first: number): number {
    const { size, isEven } = this.#draw
    if (isEven) return (first + 1 + Math.floor(this.#random() * (size - 1))) % size
    for (let i = 0; i < DRAW_LIMIT; i++) {
      const second = this.#draw.next(this.#random())
      if (second !== first) return second
    }
    return (first + 1) % size
  }
}

class Random implements Picker {
  readonly #endpoints: readonly Endpoint[]
  readonly #draw: WeightedDraw
  readonly #random: () => number

  constructor(members: readonly Member[], random: () => number) {
    this.#endpoints = members.map(({ endpoint }) => endpoint)
    this.#draw = new WeightedDraw(members.map(({ weight }) => weight))
    this.#random = random
  }

  pick({ avoid }: Choice): Endpoint | null {
    const endpoints = this.#endpoints
    const first = this.#draw.next(this.#random())
    const endpoint = endpoints[first]!
    if (endpoint !== avoid) return endpoint
    const step = 1 + Math.floor(this.#random() * (endpoints.length - 1))
    return endpoints[(first + step) % endpoints.length]!
  }
}

/**
 * Smooth weighted round robin, as nginx has it. Begins anywhere, so that threads do not go in step, and goes on where the
 * one before it was, as the first picks favour the heavy ones.
 */
class RoundRobin implements Picker {
  readonly #members: readonly Member[]
  readonly #credits: Float64Array
  readonly #total: number

  constructor(members: readonly Member[], random: () => number, before: Picker | null) {
    const known = before instanceof RoundRobin ? before.#byEndpoint() : null
    this.#members = members
    this.#credits = Float64Array.from(
      members,
      ({ endpoint, weight }) => known?.get(endpoint) ?? random() * weight,
    )
    this.#total = members.reduce((sum, { weight }) => sum + weight, 0)
  }

  pick({ avoid }: Choice): Endpoint | null {
    const credits = this.#credits
    let best = -1
    for (let i = 0; i < credits.length; i++) {
      const { endpoint, weight } = this.#members[i]!
      credits[i]! += weight
      if (endpoint !== avoid && (best < 0 || credits[i]! > credits[best]!)) best = i
    }
    credits[best]! -= this.#total
    return this.#members[best]!.endpoint
  }

  #byEndpoint(): ReadonlyMap<Endpoint, number> {
    return new Map(this.#members.map(({ endpoint }, i) => [endpoint, this.#credits[i]!]))
  }
}

/** How far above its share of the requests under way an endpoint may be before units go on to the next one. */
const LOAD_BOUND = 1.25

/** Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018). */
class ConsistentHash implements Picker {
  readonly #used: readonly Member[]
  readonly #places: RingPlaces
  readonly #totalWeight: number

  constructor(used: readonly Member[], places: RingPlaces) {
    this.#used = used
    this.#places = places
    this.#totalWeight = used.reduce((sum, { weight }) => sum + weight, 0)
  }

  pick(choice: Choice): Endpoint | null {
    const { avoid } = choice
    const { ring, members } = this.#places
    const bound = this.#loadBound()
    const start = ring.find(choice.unitHash())
    let fallback: Endpoint | null = null
    for (let i = 0; i < ring.length; i++) {
      const member = members[ring.ownerAt(start + i)]!
      if (member === null || member.endpoint === avoid) continue
      if (member.endpoint.load < Math.ceil(bound * member.weight)) return member.endpoint
      fallback ??= member.endpoint
    }
    return fallback ?? avoid
  }

  /** Requests that an endpoint may have for each unit of weight, with the one that comes. */
  #loadBound(): number {
    let load = 1
    for (const { endpoint } of this.#used) load += endpoint.load
    return (LOAD_BOUND * load) / this.#totalWeight
  }
}
