/**
 * Everything that has deadlines, in as many slots as a turn has ticks. Each tick visits one slot, so that each item
 * is visited once a turn and thousands of them never hold up the thread in one go.
 *
 * Deadlines are judged by the time at which the turn before began, by which they were set at the latest: so none
 * strikes early, and after a pause of the whole thread what has arrived meanwhile is read first.
 *
 * A timer for each deadline was rejected: most of them move with every request and hardly any ever strikes.
 */

interface Item {
  sweep(dueMs: number): void
}

export class Wheel<T extends Item> {
  readonly #slots: readonly Set<T>[]
  #addSlot = 0
  #hand = 0
  #size = 0

  constructor(slotCount: number) {
    this.#slots = Array.from({ length: slotCount }, () => new Set<T>())
  }

  get size(): number {
    return this.#size
  }

  /** Returns what takes it out again; call it once. */
  add(item: T): () => void {
    const slot = this.#slots[this.#addSlot]!
    this.#addSlot = (this.#addSlot + 1) % this.#slots.length
    slot.add(item)
    this.#size++
    return () => {
      slot.delete(item)
      this.#size--
    }
  }

  /** Whether the next tick begins a turn. */
  get isAtStart(): boolean {
    return this.#hand === 0
  }

  /** Visits the next slot. */
  tick(dueMs: number): void {
    const slot = this.#slots[this.#hand]!
    this.#hand = (this.#hand + 1) % this.#slots.length
    for (const item of slot) item.sweep(dueMs)
  }

  /** Visits every slot. */
  sweep(dueMs: number): void {
    for (const item of this) item.sweep(dueMs)
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const slot of this.#slots) yield* slot
  }
}
