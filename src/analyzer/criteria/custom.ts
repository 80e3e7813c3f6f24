/**
 * Criteria over metrics that are pushed: `custom.conversion>95`, `custom.conversion>=stable*0.95`.
 *
 * Such a value has no unit and no sample size that we know of, so it is compared as it is.
 *
 *     custom = "custom." name ( "<" | "<=" | ">" | ">=" ) ( number | against-stable )
 */

import { type AgainstStable, isAgainstStable, readAgainstStable } from './against-stable.ts'
import { type Parts, type Token, fault, textOf } from './fault.ts'

export type Operator = '<' | '<=' | '>' | '>='

export interface CustomCriterion {
  readonly type: 'custom'
  readonly text: string
  /** Without `custom.`. */
  readonly name: string
  readonly operator: Operator
  /** What the canary's value is compared with. */
  readonly limit: number | AgainstStable
}

export const CUSTOM_PREFIX = 'custom.'

/** The name of a pushed metric. */
export const METRIC_NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/u

const NAME_RULE =
  'custom. and a name: a letter or "_", then up to 62 of letters, digits, "_", "." and "-"'
const NUMBER = /^[+-]?(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})(?:e[+-]?\d{1,2})?$/iu
const OPERATORS: readonly Operator[] = ['<', '<=', '>', '>=']

/** Throws a `CriteriaError`. */
export function parseCustom(parts: Parts): CustomCriterion {
  const { name, operator, value } = parts
  const metric = name.text.slice(CUSTOM_PREFIX.length)
  if (!METRIC_NAME.test(metric)) throw fault(name, NAME_RULE)
  const known = OPERATORS.find((each) => each === operator.text)
  if (known === undefined) throw fault(operator, '<, <=, > or >=')
  const limit = isAgainstStable(value)
    ? readAgainstStable(value, {
        readAmount: readNumber,
        example: 'stable*0.95-1',
        mayShrink: true,
      })
    : readNumber(value)
  return { type: 'custom', text: textOf(parts), name: metric, operator: known, limit }
}

function readNumber(value: Token): number {
  const number = NUMBER.test(value.text) ? Number(value.text) : Number.NaN
  if (Number.isFinite(number)) return number
  throw fault(value, 'a number without a unit, or stable such as stable*0.95')
}
