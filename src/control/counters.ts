/**
 * Counters in shared memory as control sees them: added up over the threads, and over time.
 *
 * A counter only grows, modulo 2^32, and so does its sum over the threads: one remembered sum a word tells what is
 * new, whichever thread counted it.
 */

import { SERIES_WORDS, since } from '../analyzer/tally.ts'

/**
 * What the last call of `Block.read` found to have grown: index from the first word read, and by how much. One for
 * all blocks, since it is used at once.
 */
export const grown = { bins: new Uint16Array(SERIES_WORDS), counts: new Uint32Array(SERIES_WORDS) }

/** The same run of counters, at most `SERIES_WORDS`, in each thread's segment, added up. */
export class Block {
  /** Counts since the process started, by word. */
  readonly sums: Float64Array
  readonly #segments: readonly Uint32Array[]
  readonly #offset: number
  /** The sum over the threads, modulo 2^32, at the last reading. */
  readonly #seen: Uint32Array

  constructor(segments: readonly Uint32Array[], offset: number, wordCount: number) {
    this.#segments = segments
    this.#offset = offset
    this.sums = new Float64Array(wordCount)
    this.#seen = new Uint32Array(wordCount)
  }

  /** Reads the words from `from` to `to` (exclusive) into `sums` and `grown`; returns how many have grown. */
  read(from: number, to: number): number {
    const segments = this.#segments
    const seen = this.#seen
    let grownCount = 0
    for (let word = from; word < to; word++) {
      let now = 0
      for (let thread = 0; thread < segments.length; thread++) {
        now = (now + segments[thread]![this.#offset + word]!) | 0
      }
      const by = since(seen[word]!, now)
      if (by === 0) continue
      seen[word] = now
      this.sums[word]! += by
      grown.bins[grownCount] = word - from
      grown.counts[grownCount] = by
      grownCount++
    }
    return grownCount
  }
}
