/** Requests of sticky units for tests: settled by the rings of two threads over one table of units. */

import { type Result, SettlementRing } from '../../../src/proxy/settlement/ring.ts'
import { createUnitBuffer, UnitSet } from '../../../src/proxy/settlement/units.ts'
import type { Words } from './words.ts'

const AGE_MS = 1_000

export class UnitTraffic {
  readonly units: UnitSet
  readonly #rings: readonly SettlementRing[]
  #nowMs = 0
  #count = 0

  constructor({ segments }: Words) {
    const buffer = createUnitBuffer()
    this.units = new UnitSet(buffer)
    this.#rings = segments.map((words) => new SettlementRing(words, AGE_MS, new UnitSet(buffer)))
  }

  /** A request; `result` null: it is never answered. */
  send(cell: number, unit: number, result: Result | null, latencyUs = 5_000): void {
    const ring = this.#rings[this.#count++ % this.#rings.length]!
    const ticket = ring.open(cell, this.#nowMs, Math.imul(unit + 1, 0x9e37_79b1))
    if (result !== null) ring.note(ticket, result, latencyUs)
  }

  /** All that was sent is settled, and slow is what is slower than that. */
  settle(limitsUs: readonly number[]): void {
    this.units.setLimits(limitsUs)
    this.#nowMs += AGE_MS
    for (const ring of this.#rings) ring.sweep(this.#nowMs)
  }
}
