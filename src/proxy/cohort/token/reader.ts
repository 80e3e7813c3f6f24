/**
 * Reads the token of a request by a route's settings. Hot: for a token that was seen before, one search in a map.
 *
 * Readers outlive snapshots, which change with every weight, and their verified tokens with them.
 */

import { TokenCache } from './token-cache.ts'
import { SignatureCheck } from './signature.ts'
import type { TokenSettings } from './settings.ts'
import { type Believed, Token, TOKEN_LENGTH } from './token.ts'

/** What a token is read from. */
export interface TokenCarrier {
  header(name: string): string | null
  cookie(name: string): string | null
}

const BEARER = /^bearer +/i

export class TokenReader {
  readonly #from: TokenSettings['from']
  readonly #believed: Believed | null
  readonly #cache = new TokenCache()

  constructor({ from, verification }: TokenSettings) {
    this.#from = from
    this.#believed =
      verification === null ? null : { verification, signature: new SignatureCheck(verification) }
  }

  /** Returns null where the request has none, and `tooLong` for one that is not looked at. */
  read(carrier: TokenCarrier): Token | null | 'tooLong' {
    const text = this.#textIn(carrier)
    if (text === null || text === '') return null
    if (text.length > TOKEN_LENGTH) return 'tooLong'
    const known = this.#cache.find(text)
    if (known !== undefined) return known
    const token = new Token(text, this.#believed)
    this.#cache.keep(text, token)
    return token
  }

  #textIn(carrier: TokenCarrier): string | null {
    const { kind, name } = this.#from
    const value = carrier[kind](name)
    if (value === null || kind === 'cookie') return value
    const scheme = BEARER.exec(value)
    if (scheme !== null) return value.slice(scheme[0].length)
    return name === 'authorization' ? null : value
  }
}

/** The readers of one thread, by what they are told to do. */
export class TokenReaders {
  readonly #readers = new Map<string, TokenReader>()

  /** Returns the reader for these settings, made where there is none. */
  obtain(settings: TokenSettings): TokenReader {
    const key = JSON.stringify(settings)
    const known = this.#readers.get(key)
    if (known !== undefined) return known
    const made = new TokenReader(settings)
    this.#readers.set(key, made)
    return made
  }

  /** Lets go of all others. */
  retain(readers: ReadonlySet<TokenReader>): void {
    for (const [key, reader] of this.#readers) if (!readers.has(reader)) this.#readers.delete(key)
  }
}
