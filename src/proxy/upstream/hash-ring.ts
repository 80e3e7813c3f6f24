/**
 * A ring of endpoints: each unit goes to the first point at or after its hash, so that an endpoint that comes or goes
 * moves its own share of the units and no others (Karger et al., STOC 1997).
 *
 * Points depend on the ids and weights alone: every thread, process and replica has the same ring. Maglev's table was
 * rejected: it is faster to read by some nanoseconds, and moves some units that need not move.
 */

import { murmur3 } from '../bucket.ts'

/** Points of an endpoint of average weight at most, and at least half of them, where there is room. */
const POINTS_EACH = 256
/** Of a ring altogether: about 3 ms to make. */
const POINT_LIMIT = 20_000

interface Place {
  readonly id: string
  readonly weight: number
}

export class HashRing {
  /** Ascending; `#owners` has the index of the place at the same index. */
  readonly #points: Uint32Array
  readonly #owners: Uint16Array

  constructor(places: readonly Place[]) {
    const total = places.reduce((sum, { weight }) => sum + weight, 0)
    const perWeight = pointsPerWeight(places.length, total)
    const pairs = places.flatMap(({ id, weight }, owner) => {
      const count = Math.max(1, Math.round(perWeight * weight))
      return Array.from({ length: count }, (_, i) => ({ point: murmur3(`${id}#${i}`, 0), owner }))
    })
    pairs.sort((a, b) => a.point - b.point || a.owner - b.owner)
    this.#points = Uint32Array.from(pairs, ({ point }) => point)
    this.#owners = Uint16Array.from(pairs, ({ owner }) => owner)
  }

  get length(): number {
    return this.#points.length
  }

  /** Returns where a unit with that hash stands, 0 to 2^32 - 1; to be followed by the positions after it. */
  find(hash: number): number {
    let low = 0
    let high = this.#points.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#points[middle]! < hash) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Returns the index of the place at that position; positions past the end begin again. */
  ownerAt(position: number): number {
    return this.#owners[position % this.#owners.length]!
  }
}

/** A power of two, so that it stays the same while few come and go: others' points would move units of their own. */
function pointsPerWeight(placeCount: number, totalWeight: number): number {
  const most = Math.min(POINTS_EACH * placeCount, POINT_LIMIT)
  return 2 ** Math.floor(Math.log2(most / totalWeight))
}

/** The rings of a thread by upstream: a change of weight in a rollout makes none anew. */
export class HashRings {
  readonly #byName = new Map<string, { readonly key: string; readonly ring: HashRing }>()

  obtain(name: string, places: readonly Place[]): HashRing {
    const key = JSON.stringify(places)
    const known = this.#byName.get(name)
    if (known?.key === key) return known.ring
    const ring = new HashRing(places)
    this.#byName.set(name, { key, ring })
    return ring
  }

  /** Forgets all others. */
  retain(names: ReadonlySet<string>): void {
    for (const name of this.#byName.keys()) if (!names.has(name)) this.#byName.delete(name)
  }
}
