/**
 * Limits that follow stable: `stable`, `stable*1.5`, `stable*1.5+0.1%`.
 *
 * One form in one order, rather than arithmetic: a factor and an allowance are what the statistics have a bound
 * for, and a limit that shrinks with traffic or time would not be one.
 *
 *     against-stable = "stable" [ "*" number ] [ ( "+" | "-" ) amount ]
 */

import { type Token, fault } from './fault.ts'

/** `factor * stable + plus`, in the unit of what is compared. */
export interface AgainstStable {
  /** Above 0, at most `FACTOR_LIMIT`. */
  readonly factor: number
  readonly plus: number
}

/** More than a thousand times stable is no limit. */
const FACTOR_LIMIT = 1_000

const FORM = /^stable(\s*\*\s*)?([\d.]*)(\s*)([+-]?)(\s*)(.*)$/su
const NUMBER = /^(?:\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})$/u

/** Whether a value speaks of stable. */
export function isAgainstStable(value: Token): boolean {
  return value.text.startsWith('stable')
}

/**
 * Reads such a limit; `readAmount` reads what stands behind the sign, and throws where it cannot. A minus needs
 * `mayShrink`. Throws a `CriteriaError`.
 */
export function readAgainstStable(
  value: Token,
  options: {
    readonly readAmount: (amount: Token) => number
    /** Such as `stable*1.5+0.1%`. */
    readonly example: string
    readonly mayShrink: boolean
  },
): AgainstStable {
  const { readAmount, example, mayShrink } = options
  const [, star, digits = '', space = '', sign = '', gap = '', rest = ''] =
    FORM.exec(value.text) ?? []
  const head = 'stable'.length + (star ?? '').length
  const at = (offset: number, text: string): Token => ({ text, offset: value.offset + offset })

  const factorAt = at(head, digits === '' ? value.text.slice(head) : digits)
  if (star === undefined && digits !== '') throw fault(factorAt, `a form such as ${example}`)
  const factor = star === undefined ? 1 : Number(digits)
  if (star !== undefined && (!NUMBER.test(digits) || factor <= 0 || factor > FACTOR_LIMIT)) {
    throw fault(factorAt, `a factor above 0 and at most ${FACTOR_LIMIT}`)
  }
  const signAt = head + digits.length + space.length
  if (sign === '') {
    if (rest !== '') throw fault(at(signAt, rest), `a form such as ${example}`)
    return { factor, plus: 0 }
  }
  if (sign === '-' && !mayShrink) {
    throw fault(at(signAt, sign), '+: an allowance, so that no difference at all still passes')
  }
  const amount = readAmount(at(signAt + sign.length + gap.length, rest))
  return { factor, plus: sign === '-' ? -amount : amount }
}
