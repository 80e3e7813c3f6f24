/** Chooses an endpoint: of two drawn at random the one with fewer requests on it. Hot. */

import type { Endpoint } from './endpoint.ts'

/** What a choice may depend on; whoever asks keeps one and uses it again. */
export interface Choice {
  /** 32 bits of the request's unit; drawn at random where it has none. */
  unitHash(): number
  /** Not this one, where another can be used; null: any. */
  readonly avoid: Endpoint | null
}

/** An upstream as a table has it. */
export class CompiledUpstream {
  readonly name: string
  readonly endpoints: readonly Endpoint[]
  /** Gives 0 up to, not including, 1. */
  readonly #random: () => number

  constructor(name: string, endpoints: readonly Endpoint[], random: () => number) {
    this.name = name
    this.endpoints = endpoints
    this.#random = random
  }

  /** Returns null when no endpoint may be used. */
  choose({ avoid }: Choice): Endpoint | null {
    const { endpoints } = this
    const { length } = endpoints
    if (length <= 1) return endpoints[0] ?? null
    const first = Math.floor(this.#random() * length)
    const step = 1 + Math.floor(this.#random() * (length - 1))
    const a = endpoints[first]!
    const b = endpoints[(first + step) % length]!
    if (a === avoid) return b
    return b !== avoid && b.outstandingCount < a.outstandingCount ? b : a
  }
}
