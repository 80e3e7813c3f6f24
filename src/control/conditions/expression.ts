/**
 * A condition as it is evaluated: a checked tree of plain data, apart from the library that read it.
 *
 * Whatever the library can parse, only what stands here is let through; there is no node that assigns, makes an
 * object, or calls anything but a function of the list.
 */

/** What a provider found, and what an expression can be: JSON, with numbers that need not be finite. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [key: string]: Value }

export type Expression =
  | { readonly type: 'literal'; readonly value: Value }
  /** The provider's result. */
  | { readonly type: 'result' }
  /** `#`: the element that a predicate is asked of. */
  | { readonly type: 'element' }
  | { readonly type: 'list'; readonly items: readonly Expression[] }
  | {
      readonly type: 'member'
      readonly of: Expression
      readonly key: Expression
      /** `?.`: nil of nil, instead of no data. */
      readonly isOptional: boolean
    }
  | { readonly type: 'unary'; readonly operator: Unary; readonly of: Expression }
  | Pair<'logic', Logic>
  | Pair<'relation', Relation>
  | Pair<'arithmetic', Arithmetic>
  | {
      readonly type: 'choice'
      readonly test: Expression
      readonly yes: Expression
      readonly no: Expression
    }
  | { readonly type: 'call'; readonly name: string; readonly args: readonly Expression[] }

interface Pair<Type extends string, Operator> {
  readonly type: Type
  readonly operator: Operator
  readonly left: Expression
  readonly right: Expression
}

export const UNARY = ['!', '-', '+'] as const
export type Unary = (typeof UNARY)[number]

/** The right side is left alone where the left one decides. */
export const LOGIC = ['||', '&&', '??'] as const
export type Logic = (typeof LOGIC)[number]

export const RELATION = [
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'in',
  'contains',
  'startsWith',
  'endsWith',
] as const
export type Relation = (typeof RELATION)[number]

export const ARITHMETIC = ['+', '-', '*', '/', '%', '**'] as const
export type Arithmetic = (typeof ARITHMETIC)[number]

/** The value is missing or no number, so that nothing can be said. */
export class NoDataError extends Error {
  override readonly name = 'NoDataError'
}

/** The expression does not fit the value, such as a text that is compared with a number. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError'
}

/** Characters. */
const SHOWN = 60

/** A value as people recognise it, at most 60 characters. */
export function show(value: Value | undefined): string {
  if (value === undefined || value === null) return 'nil'
  // By hand: `JSON.stringify` ends the stack on deep values, writes all of large ones, and knows no NaN.
  const text = write(value, SHOWN + 1)
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text
}

/** The beginning of a value as JSON, with at least `room` characters where there are so many. */
function write(value: Value, room: number): string {
  if (room <= 0) return ''
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room))
  if (typeof value !== 'object' || value === null) return String(value)
  const isList = Array.isArray(value)
  let text = isList ? '[' : '{'
  for (const [key, member] of Object.entries<Value>(value)) {
    if (text.length > 1) text += ','
    if (!isList) text += `${JSON.stringify(key.slice(0, room))}:`
    text += write(member, room - text.length)
    if (text.length > room) return text
  }
  return text + (isList ? ']' : '}')
}

/** What kind of thing a value is, with its article. */
export function kindOf(value: Value): string {
  if (value === null) return 'nil'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'number' ? 'a number' : 'true or false'
}
