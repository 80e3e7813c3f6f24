/** What stands where in a list of criteria, and what is said of a piece that cannot be read. */

/** A piece of the text and where it stands. */
export interface Token {
  readonly text: string
  /** From 0. */
  readonly offset: number
}

/** One criterion taken apart; a part that is missing is empty text where it would stand. */
export interface Parts {
  readonly name: Token
  readonly operator: Token
  readonly value: Token
}

/** A list of criteria that cannot be read. */
export class CriteriaError extends Error {
  /** Where in the text the fault begins, from 0. */
  readonly offset: number
  readonly found: string
  readonly expected: string

  constructor(offset: number, found: string, expected: string) {
    const shown =
      found === '' ? 'nothing' : `"${found.length > 40 ? `${found.slice(0, 40)}…` : found}"`
    super(`character ${offset + 1}: found ${shown}, expected ${expected}`)
    this.name = 'CriteriaError'
    this.offset = offset
    this.found = found
    this.expected = expected
  }
}

export function fault({ text, offset }: Token, expected: string): CriteriaError {
  return new CriteriaError(offset, text, expected)
}

/** A criterion as it is told: as written, without spaces. */
export function textOf({ name, operator, value }: Parts): string {
  return `${name.text}${operator.text}${value.text.replaceAll(/\s/gu, '')}`
}
