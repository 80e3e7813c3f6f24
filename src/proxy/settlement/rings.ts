/**
 * The settlement rings of one thread. A ring outlives the table that named it: what it follows is settled at its age,
 * whatever the routes have become.
 */

import type { Settlement } from '../snapshot.ts'
import { SettlementRing } from './ring.ts'
import { UnitSet } from './units.ts'

export class SettlementRings {
  readonly #tally: Uint32Array
  readonly #rings = new Map<string, SettlementRing>()

  #inUse: ReadonlySet<SettlementRing> = new Set()

  /** `tally`: this thread's words, see `analyzer/tally.ts`. */
  constructor(tally: Uint32Array) {
    this.#tally = tally
  }

  /** Returns the ring of that name, made where there is none. */
  obtain({ name, ageMs, units }: Settlement): SettlementRing {
    const known = this.#rings.get(name)
    if (known !== undefined) return known
    const made = new SettlementRing(this.#tally, ageMs, units === null ? null : new UnitSet(units))
    this.#rings.set(name, made)
    return made
  }

  /** Lets go of all others, once they are empty. */
  retain(rings: ReadonlySet<SettlementRing>): void {
    this.#inUse = rings
  }

  /** Called some times in each ring's age. */
  sweep(nowMs: number): void {
    for (const [name, ring] of this.#rings) {
      ring.sweep(nowMs)
      if (ring.isEmpty && !this.#inUse.has(ring)) this.#rings.delete(name)
    }
  }
}
