/**
 * What is known of each unit (user), shared by all threads: a unit is one toss of the coin, so that only its first
 * outcome of each kind is evidence. Used once for each settled request of a sticky route that is judged.
 *
 *     header                            slots
 *     counts by budget | slow limits    hash, mask | hash, mask | ...
 *
 * One open-addressed table of 32-bit hashes in shared memory, claimed by compare-and-exchange, with a mask of kinds beside each
 * hash: a unit that is known with all of a request's kinds costs two loads. Two units of the same hash are taken for one.
 * Kinds have budgets of their own, so that units that are merely seen, or slow now and then, leave room for those that fail.
 * Where a budget is spent, no more units are new to that kind: its test then stands still, for both variants alike.
 */

import { SLOW_KINDS } from '../../analyzer/settled.ts'

/** A request of the unit has settled. */
export const SEEN = 1
/** One has settled while limits were known: the unit counts for latency. Only of units that are seen. */
export const TIMED = 2
/** One failed. */
export const FAILED = 4
/** One was answered 4xx. */
export const CLIENT_FAULT = 8
/** One was slower than the first limit; the other limits' bits follow. */
export const SLOW = 16
const ANY_SLOW = SLOW * (2 ** SLOW_KINDS - 1)

/** How many units are told apart, at most, by kind; threads that write at once may exceed it by one each. */
export const UNIT_LIMITS = { seen: 2 ** 16, slow: 2 ** 16, failed: 2 ** 15, clientFault: 2 ** 15 }

/** Which bits of the mask make a unit count against which limit; a unit counts once for each. */
const BUDGETS: readonly { readonly bits: number; readonly limit: number }[] = [
  { bits: SEEN, limit: UNIT_LIMITS.seen },
  { bits: ANY_SLOW, limit: UNIT_LIMITS.slow },
  { bits: FAILED, limit: UNIT_LIMITS.failed },
  { bits: CLIENT_FAULT, limit: UNIT_LIMITS.clientFault },
]

/** A power of two, beyond all limits together: a free slot is found soon. */
const SLOT_COUNT = 2 ** 18
/**
 * Slots that are looked at for a unit. Where all are others', it is never new: that happens to hardly any unit while there
 * is room, and units whose hashes somebody chose to collide cost no more than this.
 */
const PROBE_LIMIT = 128
const FIRST_LIMIT = BUDGETS.length
const FIRST_SLOT = FIRST_LIMIT + SLOW_KINDS
const WORDS = FIRST_SLOT + 2 * SLOT_COUNT

/** A unit as it is kept: its hash, little-endian, and its mask. */
const KEPT_BYTES = 5

export function createUnitBuffer(): SharedArrayBuffer {
  return new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)
}

export class UnitSet {
  readonly #words: Int32Array
  /** As they were at the last `readLimits`, in microseconds; 0: not known. */
  readonly #limitsUs = new Int32Array(SLOW_KINDS)
  #isTimed = false

  /** `buffer` is of `createUnitBuffer`. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer)
  }

  /** Returns which of the kinds are new to the unit; they are known from now on. `hash`: 32 bits. */
  add(hash: number, kinds: number): number {
    const words = this.#words
    // An empty slot is 0.
    const key = hash | 0 || 1
    for (let step = 0; step < PROBE_LIMIT; step++) {
      const at = FIRST_SLOT + 2 * ((key + step) & (SLOT_COUNT - 1))
      let found = Atomics.load(words, at)
      if (found === 0) {
        if (this.#affordable(kinds, 0) === 0) return 0
        found = Atomics.compareExchange(words, at, 0, key)
      }
      if (found === 0 || found === key) return this.#mark(at + 1, kinds)
    }
    return 0
  }

  /** `limitsUs`: what is slow, for both variants, one for each bit from `SLOW` on; 0 where nobody is timed. */
  setLimits(limitsUs: readonly number[]): void {
    for (let i = 0; i < SLOW_KINDS; i++) Atomics.store(this.#words, FIRST_LIMIT + i, limitsUs[i]!)
  }

  /** Takes over the limits that were set last, for `timedKinds`. */
  readLimits(): void {
    this.#isTimed = false
    for (let i = 0; i < SLOW_KINDS; i++) {
      this.#limitsUs[i] = Atomics.load(this.#words, FIRST_LIMIT + i)
      if (this.#limitsUs[i] !== 0) this.#isTimed = true
    }
  }

  /** Returns the kinds that such a latency makes; none where nobody is timed. Infinity: there was no answer. */
  timedKinds(latencyUs: number): number {
    if (!this.#isTimed) return 0
    let kinds = TIMED
    for (let i = 0; i < SLOW_KINDS; i++) {
      const limitUs = this.#limitsUs[i]!
      if (limitUs !== 0 && latencyUs > limitUs) kinds |= SLOW << i
    }
    return kinds
  }

  /** Returns all units with their masks, in no order, for `restore`: at most 1.3 MiB of base64. */
  keep(): string {
    const words = this.#words
    // A unit is counted before its thread tells of it: what is left out here has not been told yet.
    let unitCount = 0
    for (let i = 0; i < BUDGETS.length; i++) unitCount += Atomics.load(words, i)
    const bytes = new DataView(new ArrayBuffer(KEPT_BYTES * unitCount))
    let end = 0
    for (let at = FIRST_SLOT; at < WORDS && end < bytes.byteLength; at += 2) {
      if (words[at + 1] === 0) continue
      bytes.setInt32(end, words[at]!, true)
      bytes.setUint8(end + 4, words[at + 1]!)
      end += KEPT_BYTES
    }
    return Buffer.from(bytes.buffer, 0, end).toString('base64')
  }

  /** Adds units that were kept. */
  restore(kept: string): void {
    const bytes = Buffer.from(kept, 'base64')
    for (let at = 0; at + KEPT_BYTES <= bytes.length; at += KEPT_BYTES) {
      this.add(bytes.readInt32LE(at), bytes.readUInt8(at + 4))
    }
  }

  #mark(at: number, kinds: number): number {
    const words = this.#words
    const known = Atomics.load(words, at)
    const wanted = kinds & ~known
    if (wanted === 0) return 0
    const allowed = this.#affordable(wanted, known)
    if (allowed === 0) return 0
    const before = Atomics.or(words, at, allowed)
    const added = allowed & ~before
    for (let i = 0; i < BUDGETS.length; i++) {
      const { bits } = BUDGETS[i]!
      if ((before & bits) === 0 && (added & bits) !== 0) Atomics.add(words, i, 1)
    }
    return added
  }

  /** The kinds that there is room for. A unit that counts against a budget already may have all of that. */
  #affordable(kinds: number, known: number): number {
    let allowed = kinds
    for (let i = 0; i < BUDGETS.length; i++) {
      const { bits, limit } = BUDGETS[i]!
      if ((kinds & bits) === 0 || (known & bits) !== 0) continue
      if (Atomics.load(this.#words, i) >= limit) allowed &= ~bits
    }
    return ((known | allowed) & SEEN) === 0 ? allowed & ~TIMED : allowed
  }
}
