/**
 * Which cells of settled outcomes (`analyzer/settled.ts`) count for which attempt of a rollout, at which weight.
 *
 * A cell is given to another attempt only when nothing of the one before can settle in it any more.
 */

import { CELL_LIMIT } from '../../analyzer/settled.ts'

export interface CellPair {
  readonly stable: number
  readonly canary: number
}

/** The longest age at which a request is settled is 5 s; threads and snapshots may lag by as much. */
const REST_MS = 15_000

export class CellRegistry {
  readonly #nowMs: () => number
  /** By attempt, then by the canary's weight in basis points. */
  readonly #attempts = new Map<string, Map<number, CellPair>>()
  /** Cells that rest, oldest first. */
  readonly #resting: { readonly pair: CellPair; readonly sinceMs: number }[] = []
  #nextCell = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Returns the cells of an attempt at a weight; null where none is free, and the requests are then no evidence. */
  obtain(attempt: string, weightBp: number): CellPair | null {
    const pairs = this.#attempts.get(attempt) ?? new Map<number, CellPair>()
    this.#attempts.set(attempt, pairs)
    const known = pairs.get(weightBp)
    if (known !== undefined) return known
    const pair = this.#take()
    if (pair !== null) pairs.set(weightBp, pair)
    return pair
  }

  /** Those of one attempt by weight, in the order in which they were obtained. */
  of(attempt: string): ReadonlyMap<number, CellPair> {
    return this.#attempts.get(attempt) ?? NO_CELLS
  }

  /** The attempt is over. */
  release(attempt: string): void {
    const sinceMs = this.#nowMs()
    for (const pair of this.of(attempt).values()) this.#resting.push({ pair, sinceMs })
    this.#attempts.delete(attempt)
  }

  #take(): CellPair | null {
    const rested = this.#resting[0]
    if (rested !== undefined && this.#nowMs() - rested.sinceMs >= REST_MS) {
      this.#resting.shift()
      return rested.pair
    }
    if (this.#nextCell + 2 > CELL_LIMIT) return null
    const stable = this.#nextCell
    this.#nextCell += 2
    return { stable, canary: stable + 1 }
  }
}

const NO_CELLS: ReadonlyMap<number, CellPair> = new Map()
