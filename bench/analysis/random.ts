/**
 * Chance from a seed: xoshiro128** (Blackman and Vigna 2018), started by splitmix32 from a seed and a label, so that each
 * run of each cell has a stream of its own and none depends on which others ran.
 */

/** From this mean on the sampler by transformed rejection is faster than adding up. */
const LARGE_MEAN = 12

const LN_FACTORIALS: Float64Array = (() => {
  const table = new Float64Array(4_096)
  for (let n = 2; n < table.length; n++) table[n] = table[n - 1]! + Math.log(n)
  return table
})()

export class Random {
  #a: number
  #b: number
  #c: number
  #d: number
  /** The second of two normal draws that were made together. */
  #spare: number | null = null

  constructor(seed: number, label: string) {
    let state = seed >>> 0
    for (let i = 0; i < label.length; i++) {
      state = Math.imul(state ^ label.charCodeAt(i), 0x9e37_79b1)
      state ^= state >>> 15
    }
    const next = () => {
      state = (state + 0x9e37_79b9) >>> 0
      let z = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35)
      return (z ^ (z >>> 16)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** Uniform, 0 to below 1, in steps of 2^-32. */
  uniform(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9)
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = rotate(this.#d, 11)
    return (result >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.uniform() * count)
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform())
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare
      this.#spare = null
      return spare
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.#spare = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }

  /** Poisson, by inversion for small means and by PTRS for large ones (Hörmann 1993). */
  poisson(mean: number): number {
    if (mean <= 0) return 0
    if (mean >= LARGE_MEAN) return this.#largePoisson(mean)
    let term = Math.exp(-mean)
    let rest = this.uniform() - term
    let count = 0
    while (rest >= 0 && term > 0) {
      count++
      term *= mean / count
      rest -= term
    }
    return count
  }

  #largePoisson(mean: number): number {
    const root = Math.sqrt(mean)
    const b = 0.931 + 2.53 * root
    const a = -0.059 + 0.024_83 * b
    const inverse = 1.1239 + 1.1328 / (b - 3.4)
    const quick = 0.9277 - 3.6224 / (b - 2)
    while (true) {
      const u = this.uniform() - 0.5
      const v = this.uniform()
      const edge = 0.5 - Math.abs(u)
      const count = Math.floor(((2 * a) / edge + b) * u + mean + 0.43)
      if (edge >= 0.07 && v <= quick) return count
      if (count < 0 || (edge < 0.013 && v > edge)) continue
      const ln = Math.log((v * inverse) / (a / (edge * edge) + b))
      if (ln <= count * Math.log(mean) - mean - lnFactorial(count)) return count
    }
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function lnFactorial(n: number): number {
  if (n < LN_FACTORIALS.length) return LN_FACTORIALS[n]!
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n)
}
