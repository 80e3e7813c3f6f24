/**
 * Which cells of settled outcomes (`analyzer/settled.ts`) count for which attempt of a rollout, at which weight.
 *
 * A cell is given to another attempt only when nothing of the one before can settle in it any more. Where all are given
 * away, those of a weight that has passed go first: fifty rollouts at their fourth weight have two hundred pairs, and
 * need fifty. An attempt that comes back to such a weight has others then.
 */

import { CELL_LIMIT } from '../../analyzer/settled.ts'

export interface CellPair {
  readonly stable: number
  readonly canary: number
}

/** The longest age at which a request is settled is 5 s; threads and snapshots may lag by as much. */
export const REST_MS = 15_000

interface Passed {
  readonly attempt: string
  readonly weightBp: number
  readonly sinceMs: number
}

export class CellRegistry {
  readonly #nowMs: () => number
  /** By attempt, then by the canary's weight in basis points. */
  readonly #attempts = new Map<string, Map<number, CellPair>>()
  /** Cells that rest, oldest first. */
  readonly #resting: { readonly pair: CellPair; readonly sinceMs: number }[] = []
  /** Cells of weights that have passed, in the order in which they did. */
  readonly #passed = new Map<CellPair, Passed>()
  #nextCell = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /**
   * Returns the cells of an attempt at a weight, which is in force from now on; null where none is free, and the requests
   * are then no evidence.
   */
  obtain(attempt: string, weightBp: number): CellPair | null {
    const pair = this.of(attempt).get(weightBp) ?? this.#take()
    if (pair === null) return null
    const pairs = this.#attempts.get(attempt) ?? new Map<number, CellPair>()
    this.#attempts.set(attempt, pairs.set(weightBp, pair))
    this.#passed.delete(pair)
    const sinceMs = this.#nowMs()
    for (const [passedBp, other] of pairs) {
      if (passedBp === weightBp || this.#passed.has(other)) continue
      this.#passed.set(other, { attempt, weightBp: passedBp, sinceMs })
    }
    return pair
  }

  /** Those of one attempt by weight, in the order in which they were obtained; of passed weights as long as there is room. */
  of(attempt: string): ReadonlyMap<number, CellPair> {
    return this.#attempts.get(attempt) ?? NO_CELLS
  }

  /** The attempt is over. */
  release(attempt: string): void {
    const sinceMs = this.#nowMs()
    for (const pair of this.of(attempt).values()) {
      this.#passed.delete(pair)
      this.#resting.push({ pair, sinceMs })
    }
    this.#attempts.delete(attempt)
  }

  #take(): CellPair | null {
    const rested = this.#resting[0]
    if (rested !== undefined && this.#nowMs() - rested.sinceMs >= REST_MS) {
      this.#resting.shift()
      return rested.pair
    }
    if (this.#nextCell + 2 > CELL_LIMIT) return this.#takePassed()
    const stable = this.#nextCell
    this.#nextCell += 2
    return { stable, canary: stable + 1 }
  }

  #takePassed(): CellPair | null {
    for (const [pair, { attempt, weightBp, sinceMs }] of this.#passed) {
      if (this.#nowMs() - sinceMs < REST_MS) return null
      this.#passed.delete(pair)
      this.#attempts.get(attempt)!.delete(weightBp)
      // A pair of its own, lest who read the old one take it for the same.
      return { ...pair }
    }
    return null
  }
}

const NO_CELLS: ReadonlyMap<number, CellPair> = new Map()
