/** How many connections there are from each address. A client behind a proxy that names it counts by its own. */

export class Admission {
  readonly #counts = new Map<string, number>()

  /** Counts one more, unless there are as many as there may be; returns whether it did. */
  enter(address: string, limit: number): boolean {
    const count = this.#counts.get(address) ?? 0
    if (count >= limit) return false
    this.#counts.set(address, count + 1)
    return true
  }

  /** Only for those that entered. */
  leave(address: string): void {
    const count = this.#counts.get(address)!
    if (count === 1) this.#counts.delete(address)
    else this.#counts.set(address, count - 1)
  }

  /** Addresses with connections. */
  get size(): number {
    return this.#counts.size
  }
}
