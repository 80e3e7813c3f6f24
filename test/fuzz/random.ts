/**
 * Random numbers from a seed: sfc32 (Chris Doty-Humphrey, PractRand), 32 bits a call and no allocation.
 *
 * Each input has a generator state of its own, made of the run's seed and the input's index, so that one input out of
 * millions is made again without those before it. fast-check was left for this: it spends more on an input than both
 * parsers do.
 */

export class Random {
  #a = 0
  #b = 0
  #c = 0
  #counter = 1

  constructor(seed = 0, index = 0) {
    this.reset(seed, index)
  }

  /** The state for one input of a run. */
  reset(seed: number, index: number): void {
    this.#a = seed | 0
    this.#b = index | 0
    this.#c = Math.trunc(index / 2 ** 32) | 0
    this.#counter = 1
    // As many rounds as its author takes to mix a seed.
    for (let i = 0; i < 12; i++) this.next()
  }

  /** A whole number below 2^32. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }

  /** A whole number from 0 to one less than `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  /** One of them, all as likely: what is to be likelier stands there more than once. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** One of the characters. */
  char(chars: string): string {
    return chars[this.below(chars.length)]!
  }

  /** Up to `limit` of the characters. */
  text(chars: string, limit: number): string {
    let text = ''
    for (let i = this.below(limit + 1); i > 0; i--) text += chars[this.below(chars.length)]!
    return text
  }
}

/** The words of a list that is easier to read as a text. */
export function words(text: string): readonly string[] {
  return text.split(' ')
}
