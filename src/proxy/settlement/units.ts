/**
 * Units (users) that have had a bad outcome, shared by all threads: a unit is one toss of the coin, so that only its first
 * bad outcome is evidence. Used once for each bad outcome of a sticky route, not for each request.
 *
 * An open-addressed table of 32-bit hashes in shared memory, claimed by compare-and-exchange. Two units of the same
 * hash are taken for one. When it is full, no more units are new: the tests then stand still, for both variants alike.
 */

/** How many units are told apart, at most; a power of two. The table has twice the room. */
export const UNIT_LIMIT = 2 ** 15
const SLOT_COUNT = 2 * UNIT_LIMIT
/** The first word counts the units. */
const WORDS = 1 + SLOT_COUNT

export function createUnitBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
}

export class UnitSet {
  readonly #words: Int32Array

  /** `buffer` is of `createUnitBuffer`. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer)
  }

  /** Returns whether the unit is new, and is in from now on. `hash`: 32 bits. */
  add(hash: number): boolean {
    const words = this.#words
    // An empty slot is 0.
    const key = (hash | 0) === 0 ? 1 : hash | 0
    if (Atomics.load(words, 0) >= UNIT_LIMIT) return false
    for (let step = 0; step < SLOT_COUNT; step++) {
      const slot = 1 + ((key + step) & (SLOT_COUNT - 1))
      const found = Atomics.compareExchange(words, slot, 0, key)
      if (found === key) return false
      if (found !== 0) continue
      Atomics.add(words, 0, 1)
      return true
    }
    return false
  }

  /** Returns the hashes of all units, in no order. */
  hashes(): number[] {
    return Array.from(this.#words.subarray(1)).filter((key) => key !== 0)
  }
}
