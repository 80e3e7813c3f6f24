/**
 * The value of a condition for a provider's result.
 *
 * A walk over a checked tree, with a budget: whatever the condition and the result are, it ends after
 * `STEP_LIMIT` nodes. Only own members are seen, so that nothing leads to a prototype. A number that is none, or
 * a value that is not there, decides nothing: comparing it is no data.
 */

import {
  type Arithmetic,
  ConditionError,
  type Expression,
  NoDataError,
  type Relation,
  type Unary,
  type Value,
  kindOf,
  show,
} from './expression.ts'
import { FUNCTIONS, expectList, expectNumber, holds, isList } from './functions.ts'

/** Nodes and elements; some ten milliseconds. A predicate over 10 000 points takes three to five a point. */
export const STEP_LIMIT = 200_000

/** Characters that a text operator looks through in one step. */
const TEXT_STEP = 64

/** Throws a `NoDataError` or a `ConditionError`. */
export function evaluate(expression: Expression, result: Value): Value {
  let stepCount = 0

  function spend(count: number): void {
    stepCount += count
    if (stepCount <= STEP_LIMIT) return
    throw new ConditionError(`the condition takes more than ${STEP_LIMIT} steps on this result`)
  }

  function value(node: Expression, element: Value): Value {
    spend(1)
    switch (node.type) {
      case 'literal':
        return node.value
      case 'result':
        return result
      case 'element':
        return element
      case 'list':
        return node.items.map((item) => value(item, element))
      case 'member':
        return member(value(node.of, element), value(node.key, element), node.isOptional)
      case 'unary':
        return unary(node.operator, value(node.of, element))
      case 'logic':
        return logic(node, element)
      case 'relation': {
        const [left, right] = [value(node.left, element), value(node.right, element)]
        spend(sizeOf(left) + sizeOf(right))
        requirePresence(node, left, right)
        return relation(node.operator, left, right)
      }
      case 'arithmetic':
        return arithmetic(node.operator, value(node.left, element), value(node.right, element))
      case 'choice':
        return value(holds(value(node.test, element)) ? node.yes : node.no, element)
      case 'call':
        return call(node, element)
    }
  }

  function logic(
    { operator, left, right }: Extract<Expression, { type: 'logic' }>,
    element: Value,
  ): Value {
    const first = value(left, element)
    if (operator === '??') return first ?? value(right, element)
    const isFirst = holds(first)
    if (operator === '||') return isFirst || holds(value(right, element))
    return isFirst && holds(value(right, element))
  }

  function call(node: Extract<Expression, { type: 'call' }>, element: Value): Value {
    const known = FUNCTIONS.get(node.name)
    if (known === undefined) throw new ConditionError(`there is no function ${node.name}`)
    if (known.kind === 'value') {
      const args = node.args.map((arg) => value(arg, element))
      for (const arg of args) spend(sizeOf(arg))
      return known.run(args)
    }
    const [list, predicate] = node.args
    const of = expectList(node.name, value(list!, element))
    return known.run(of, (each) => value(predicate!, each))
  }

  return value(expression, null)
}

/** Steps that it takes to look through a value. */
function sizeOf(of: Value): number {
  if (typeof of === 'string') return Math.floor(of.length / TEXT_STEP)
  return isList(of) ? of.length : 0
}

function member(of: Value, key: Value, isOptional: boolean): Value {
  if (of === null) {
    if (isOptional) return null
    throw new NoDataError(`there is no ${show(key)} of a missing value`)
  }
  if (isList(of)) {
    if (typeof key !== 'number' || !Number.isInteger(key)) {
      throw new ConditionError(`a list has no ${show(key)}, only whole numbers from 0`)
    }
    // From the end, as in expr-lang.
    const found = of[key < 0 ? of.length + key : key]
    if (found !== undefined) return found
    throw new NoDataError(`there is no element ${key} in a list of ${of.length}`)
  }
  if (typeof of !== 'object')
    throw new ConditionError(`${show(of)} is ${kindOf(of)} and has no ${show(key)}`)
  if (typeof key !== 'string') throw new ConditionError(`a map has no ${show(key)}, only names`)
  return Object.hasOwn(of, key) ? (of[key] ?? null) : null
}

function unary(operator: Unary, of: Value): Value {
  if (operator === '!') return !holds(of)
  const number = expectNumber(operator, of)
  return operator === '-' ? -number : number
}

/**
 * Whether a value is missing is asked with `nil`; anything else that is compared must be there, lest `result.errors != 5`
 * pass because nobody counts errors. Throws a `NoDataError`.
 */
function requirePresence(
  { operator, ...sides }: Extract<Expression, { type: 'relation' }>,
  left: Value,
  right: Value,
): void {
  if (operator !== '==' && operator !== '!=' && operator !== 'in') return
  if (isNil(sides.left) || (isNil(sides.right) && operator !== 'in')) return
  if (left !== null && (right !== null || operator === 'in')) return
  throw new NoDataError(`${operator} needs a value, and it is missing`)
}

function isNil(node: Expression): boolean {
  return node.type === 'literal' && node.value === null
}

function relation(operator: Relation, left: Value, right: Value): boolean {
  switch (operator) {
    case '==':
      return isEqual(left, right)
    case '!=':
      return !isEqual(left, right)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isOrdered(operator, left, right)
    case 'in':
      return isIn(left, right)
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return isInText(operator, left, right)
  }
}

function arithmetic(operator: Arithmetic, left: Value, right: Value): Value {
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right
  const [a, b] = [expectNumber(operator, left), expectNumber(operator, right)]
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '%':
      return a % b
    case '**':
      return a ** b
  }
}

function isOrdered(operator: '<' | '<=' | '>' | '>=', left: Value, right: Value): boolean {
  const [a, b] =
    typeof left === 'string' && typeof right === 'string'
      ? [left < right ? -1 : Number(left > right), 0]
      : [finite(operator, left), finite(operator, right)]
  if (operator === '<') return a < b
  if (operator === '<=') return a <= b
  return operator === '>' ? a > b : a >= b
}

/** Throws a `NoDataError` for what is no number, or none that can be compared. */
function finite(operator: string, of: Value): number {
  const number = expectNumber(operator, of)
  if (Number.isFinite(number)) return number
  throw new NoDataError(`${operator} cannot compare ${number}`)
}

function isEqual(left: Value, right: Value): boolean {
  if (typeof left === 'number' && typeof right === 'number') {
    return finite('==', left) === finite('==', right)
  }
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') {
    return left === right
  }
  throw new ConditionError('lists and maps cannot be compared as a whole; compare their members')
}

function isIn(left: Value, right: Value): boolean {
  if (isList(right)) return right.some((each) => isEqual(left, each))
  if (right === null) throw new NoDataError('in needs a list or a map, and the value is missing')
  if (typeof right !== 'object' || typeof left !== 'string') {
    throw new ConditionError(
      `in looks for a value in a list or a name in a map, not in ${show(right)}`,
    )
  }
  return Object.hasOwn(right, left)
}

function isInText(
  operator: 'contains' | 'startsWith' | 'endsWith',
  left: Value,
  right: Value,
): boolean {
  if (left === null) throw new NoDataError(`${operator} needs a text, and the value is missing`)
  if (typeof left !== 'string' || typeof right !== 'string') {
    throw new ConditionError(
      `${operator} needs two texts, but found ${show(left)} and ${show(right)}`,
    )
  }
  if (operator === 'contains') return left.includes(right)
  return operator === 'startsWith' ? left.startsWith(right) : left.endsWith(right)
}
