/**
 * Requests of one route on their way to being settled, in order of assignment. Hot: a write when a request is assigned, a
 * write when its answer begins, no allocation.
 *
 *     settled | tail ....... head |        each entry: a word for its start and cell, a word for its result
 *
 * Every request is settled at the same age, whenever it is answered: outcomes that are booked as they come favour
 * the variant that fails slowly. An entry whose result is still empty then was not answered in time; what comes
 * later is not written any more. Where too many are under way, newer ones are not followed, of whichever variant.
 */

import { binIndex } from '../../analyzer/histogram.ts'
import { SETTLED, SLOW_KINDS } from '../../analyzer/settled.ts'
import { cellOffset } from '../../analyzer/tally.ts'
import { CLIENT_FAULT, FAILED, SEEN, SLOW, TIMED, type UnitSet } from './units.ts'

/** How a request has turned out so far; nothing yet is 0. */
export const OK = 1
export const CLIENT_ERROR = 2
export const ERROR = 3
export const ABANDONED = 4
/** Says nothing about its variant. */
export const VOID = 5
export type Result = typeof OK | typeof CLIENT_ERROR | typeof ERROR | typeof ABANDONED | typeof VOID

/** Where an answer in time counts, by result. */
const WORD_OF: readonly number[] = [
  SETTLED.unanswered,
  SETTLED.ok,
  SETTLED.clientErrors,
  SETTLED.errors,
  SETTLED.abandoned,
]

/** Requests of one route that one thread follows at a time: 100 000 a second for 5 s. */
const ENTRY_LIMIT = 2 ** 19
const FIRST_ENTRIES = 2 ** 10

/** A start is kept in milliseconds modulo 2^20 (17 minutes), above the cell. */
const CELL_BITS = 12
const START_MASK = 0xfffff
const RESULT_BITS = 3

/** Returned for a request that is not followed. */
export const NO_TICKET = -1

export class SettlementRing {
  readonly ageMs: number
  /** Of sticky routes, else null. */
  readonly #units: UnitSet | null
  /** This thread's words, see `analyzer/tally.ts`. */
  readonly #tally: Uint32Array
  #entries = new Uint32Array(FIRST_ENTRIES)
  #results = new Uint32Array(FIRST_ENTRIES)
  /** Hashes of units, where there are any. */
  #hashes: Uint32Array
  #mask = FIRST_ENTRIES - 1
  #head = 0
  #tail = 0

  constructor(tally: Uint32Array, ageMs: number, units: UnitSet | null) {
    this.#tally = tally
    this.ageMs = ageMs
    this.#units = units
    this.#hashes = new Uint32Array(units === null ? 0 : FIRST_ENTRIES)
  }

  get tellsUnits(): boolean {
    return this.#units !== null
  }

  get isEmpty(): boolean {
    return this.#head === this.#tail
  }

  /** Returns a ticket for `note`. `nowMs` does not go back; `unitHash` is of no meaning where units are not told apart. */
  open(cell: number, nowMs: number, unitHash: number): number {
    if (this.#head - this.#tail > this.#mask && !this.#grow()) {
      this.#tally[cellOffset(cell) + SETTLED.dropped]!++
      return NO_TICKET
    }
    const at = this.#head & this.#mask
    this.#entries[at] = ((nowMs & START_MASK) << CELL_BITS) | cell
    if (this.#units !== null) this.#hashes[at] = unitHash
    return this.#head++
  }

  /**
   * What is known now, `ageUs` after assignment; a later call takes its place. What is known only beyond the age counts for
   * nothing, also where the sweep is late: how it turned out then would be that of another age.
   */
  note(ticket: number, result: Result, ageUs: number): void {
    if (ticket < this.#tail || ageUs > this.ageMs * 1000) return
    this.#results[ticket & this.#mask] = (ageUs << RESULT_BITS) | result
  }

  /** Settles what has reached the age; to be called some times in each age. */
  sweep(nowMs: number): void {
    const now = nowMs & START_MASK
    this.#units?.readLimits()
    while (this.#tail < this.#head) {
      const at = this.#tail & this.#mask
      const entry = this.#entries[at]!
      if (((now - (entry >>> CELL_BITS)) & START_MASK) < this.ageMs) return
      this.#settle(cellOffset(entry & ((1 << CELL_BITS) - 1)), this.#results[at]!, at)
      this.#results[at] = 0
      this.#tail++
    }
  }

  #settle(cell: number, word: number, at: number): void {
    const result = word & ((1 << RESULT_BITS) - 1)
    if (result === VOID) return
    const words = this.#tally
    const ageUs = word >>> RESULT_BITS
    const isAnswered = result !== 0
    words[cell + (isAnswered ? WORD_OF[result]! : SETTLED.unanswered)]!++
    if (isAnswered && result !== ABANDONED) words[cell + SETTLED.latency + binIndex(ageUs)]!++
    if (this.#units === null) return
    let kinds = SEEN
    if (!isAnswered || result >= ERROR) kinds |= FAILED
    else if (result === CLIENT_ERROR) kinds |= CLIENT_FAULT
    if (!isAnswered) kinds |= this.#units.timedKinds(Infinity)
    else if (result !== ABANDONED) kinds |= this.#units.timedKinds(ageUs)
    const added = this.#units.add(this.#hashes[at]!, kinds)
    if (added !== 0) this.#countUnit(cell, added)
  }

  /** `kinds`: those that are new to the unit. A reader goes by the layout: it never finds more first failures than units seen. */
  #countUnit(cell: number, kinds: number): void {
    const words = this.#tally
    if ((kinds & FAILED) !== 0) words[cell + SETTLED.failedUnits]!++
    if ((kinds & CLIENT_FAULT) !== 0) words[cell + SETTLED.clientErrorUnits]!++
    for (let i = 0; i < SLOW_KINDS; i++) {
      if ((kinds & (SLOW << i)) !== 0) words[cell + SETTLED.slowUnits + i]!++
    }
    if ((kinds & TIMED) !== 0) words[cell + SETTLED.timedUnits]!++
    if ((kinds & SEEN) === 0) return
    words[cell + SETTLED.seenUnits]!++
    if ((kinds & FAILED) !== 0) words[cell + SETTLED.firstFailedUnits]!++
  }

  #grow(): boolean {
    const oldSize = this.#mask + 1
    if (oldSize >= ENTRY_LIMIT) return false
    const mask = 2 * oldSize - 1
    const entries = new Uint32Array(2 * oldSize)
    const results = new Uint32Array(2 * oldSize)
    const hashes = new Uint32Array(this.#units === null ? 0 : 2 * oldSize)
    for (let ticket = this.#tail; ticket < this.#head; ticket++) {
      entries[ticket & mask] = this.#entries[ticket & this.#mask]!
      results[ticket & mask] = this.#results[ticket & this.#mask]!
      if (this.#units !== null) hashes[ticket & mask] = this.#hashes[ticket & this.#mask]!
    }
    this.#entries = entries
    this.#results = results
    this.#hashes = hashes
    this.#mask = mask
    return true
  }
}
