/**
 * Tokens that have been seen lately, by their text: a client sends the same one with each request, and its signature costs
 * more than all else that is done for the request.
 *
 * Two generations: what is not asked for while one fills up is forgotten, with no list to keep in order. Tokens that
 * are not believed have room of their own, so that nobody crowds out the others with forgeries.
 */

import type { Token } from './token.ts'

/** Characters of tokens in one generation: a thousand of the usual kind. */
export const BELIEVED_CHARACTERS = 2 ** 20
const FAULTY_CHARACTERS = 2 ** 17

export class TokenCache {
  readonly #believed = new Generations(BELIEVED_CHARACTERS)
  readonly #faulty = new Generations(FAULTY_CHARACTERS)

  find(text: string): Token | undefined {
    return this.#believed.find(text) ?? this.#faulty.find(text)
  }

  keep(text: string, token: Token): void {
    // A copy: the text is a piece of a whole head, which would be kept with it.
    const own = Buffer.from(text, 'latin1').toString('latin1')
    const generations = token.fault === null ? this.#believed : this.#faulty
    generations.keep(own, token)
  }
}

class Generations {
  readonly #limit: number
  #young = new Map<string, Token>()
  #old = new Map<string, Token>()
  #youngLength = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  find(text: string): Token | undefined {
    const young = this.#young.get(text)
    if (young !== undefined) return young
    const old = this.#old.get(text)
    if (old !== undefined) this.keep(text, old)
    return old
  }

  keep(text: string, token: Token): void {
    if (this.#youngLength + text.length > this.#limit) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngLength = 0
    }
    this.#young.set(text, token)
    this.#youngLength += text.length
  }
}
