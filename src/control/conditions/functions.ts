/**
 * What a condition may call: expr-lang's and Argo's functions of that name, as far as a verdict needs them.
 *
 * `all` and `none` of nothing are no data, not true: an empty answer never passes.
 */

import { ConditionError, NoDataError, type Value, kindOf, show } from './expression.ts'

/** A predicate's answer for an element. */
export type Ask = (element: Value) => Value

interface ValueFunction {
  readonly kind: 'value'
  readonly argCount: number
  readonly run: (args: readonly Value[]) => Value
}

/** The first argument is a list, the second is evaluated for each element. */
interface PredicateFunction {
  readonly kind: 'predicate'
  readonly argCount: 2
  readonly run: (list: readonly Value[], ask: Ask) => Value
}

export type ConditionFunction = ValueFunction | PredicateFunction

const value = (argCount: number, run: ValueFunction['run']): ValueFunction => {
  return { kind: 'value', argCount, run }
}
const predicate = (run: PredicateFunction['run']): PredicateFunction => {
  return { kind: 'predicate', argCount: 2, run }
}

export const FUNCTIONS: ReadonlyMap<string, ConditionFunction> = new Map<string, ConditionFunction>(
  [
    ['len', value(1, ([of]) => lengthOf(of!))],
    ['isNaN', value(1, ([of]) => Number.isNaN(expectNumber('isNaN', of!)))],
    ['isInf', value(1, ([of]) => Math.abs(expectNumber('isInf', of!)) === Infinity)],
    ['isNil', value(1, ([of]) => of === null)],
    ['default', value(2, ([of, otherwise]) => of ?? otherwise!)],
    ['asFloat', value(1, ([of]) => numberFrom(of!))],
    ['asInt', value(1, ([of]) => Math.trunc(numberFrom(of!)))],
    ['abs', value(1, ([of]) => Math.abs(expectNumber('abs', of!)))],
    ['ceil', value(1, ([of]) => Math.ceil(expectNumber('ceil', of!)))],
    ['floor', value(1, ([of]) => Math.floor(expectNumber('floor', of!)))],
    ['round', value(1, ([of]) => Math.round(expectNumber('round', of!)))],
    ['sum', value(1, ([of]) => sum(numbersIn('sum', of!)))],
    ['mean', value(1, ([of]) => mean(some('mean', numbersIn('mean', of!))))],
    ['median', value(1, ([of]) => median(some('median', numbersIn('median', of!))))],
    [
      'min',
      value(1, ([of]) => some('min', numbersIn('min', of!)).reduce((a, b) => Math.min(a, b))),
    ],
    [
      'max',
      value(1, ([of]) => some('max', numbersIn('max', of!)).reduce((a, b) => Math.max(a, b))),
    ],
    ['all', predicate((list, ask) => some('all', list).every((each) => holds(ask(each))))],
    ['none', predicate((list, ask) => !some('none', list).some((each) => holds(ask(each))))],
    ['any', predicate((list, ask) => list.some((each) => holds(ask(each))))],
    ['one', predicate((list, ask) => list.filter((each) => holds(ask(each))).length === 1)],
    ['count', predicate((list, ask) => list.filter((each) => holds(ask(each))).length)],
    ['filter', predicate((list, ask) => list.filter((each) => holds(ask(each))))],
    ['map', predicate((list, ask) => list.map(ask))],
  ],
)

/** Throws a `ConditionError` unless it is true or false. */
export function holds(of: Value): boolean {
  if (typeof of === 'boolean') return of
  throw new ConditionError(`${show(of)} is ${kindOf(of)}, and true or false is needed`)
}

/** Throws a `NoDataError` where there is nothing, a `ConditionError` where there is something else. */
export function expectNumber(what: string, of: Value): number {
  if (typeof of === 'number') return of
  if (of === null) throw new NoDataError(`${what} needs a number, and the value is missing`)
  throw new ConditionError(`${what} needs a number, but ${show(of)} is ${kindOf(of)}`)
}

export function expectList(what: string, of: Value): readonly Value[] {
  if (isList(of)) return of
  if (of === null) throw new NoDataError(`${what} needs a list, and the value is missing`)
  throw new ConditionError(`${what} needs a list, but ${show(of)} is ${kindOf(of)}`)
}

export function isList(of: Value): of is readonly Value[] {
  return Array.isArray(of)
}

function numbersIn(what: string, of: Value): readonly number[] {
  return expectList(what, of).map((each) => expectNumber(what, each))
}

function some<T>(what: string, list: readonly T[]): readonly T[] {
  if (list.length > 0) return list
  throw new NoDataError(`${what} was asked of an empty list`)
}

function lengthOf(of: Value): number {
  if (typeof of === 'string') return of.length
  if (isList(of)) return of.length
  if (typeof of === 'object' && of !== null) return Object.keys(of).length
  if (of === null) throw new NoDataError('len was asked of a missing value')
  throw new ConditionError(`len needs a list, a map or a text, but ${show(of)} is ${kindOf(of)}`)
}

/** Texts too, since many answers have their numbers in quotes; of another text there is no number. */
function numberFrom(of: Value): number {
  if (typeof of !== 'string') return expectNumber('asFloat', of)
  const number = of.trim() === '' ? Number.NaN : Number(of)
  if (!Number.isNaN(number) || of === 'NaN') return number
  throw new ConditionError(`${show(of)} is not a number`)
}

function sum(list: readonly number[]): number {
  return list.reduce((total, each) => total + each, 0)
}

function mean(list: readonly number[]): number {
  return sum(list) / list.length
}

function median(list: readonly number[]): number {
  // They would stay where they are, and hide.
  if (list.some(Number.isNaN)) return Number.NaN
  const sorted = list.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2
}
