/**
 * From the text of a condition to its checked tree.
 *
 * Every bound is kept before anything is evaluated: length, depth, known names, number of arguments. A fault names
 * its place and what was expected.
 */

import type { Expression as Node } from 'jsep'
import { nearest } from '../nearest.ts'
import { ARITHMETIC, type Expression, LOGIC, RELATION, UNARY } from './expression.ts'
import { FUNCTIONS } from './functions.ts'
import { ELEMENT, parseNodes } from './grammar.ts'

/** Characters. Argo's longest documented condition has 80. */
export const CONDITION_LENGTH_LIMIT = 1_024

/** Levels of the tree; deep enough for any sentence, far from the end of the stack. */
export const CONDITION_DEPTH_LIMIT = 32

/** A condition that cannot be read. */
export class ConditionSyntaxError extends Error {
  override readonly name = 'ConditionSyntaxError'
  /** Where in the text the fault is, from 0. */
  readonly offset: number

  constructor(offset: number, message: string) {
    super(`character ${offset + 1}: ${message}`)
    this.offset = offset
  }
}

/** Words for signs, as expr-lang has them. */
const SIGNS: Readonly<Record<string, string>> = { or: '||', and: '&&', not: '!', '^': '**' }

/** Reads a condition. Throws a `ConditionSyntaxError`. */
export function parseCondition(text: string): Expression {
  if (text.trim() === '') throw new ConditionSyntaxError(0, 'found nothing, expected a condition')
  if (text.length > CONDITION_LENGTH_LIMIT) {
    throw new ConditionSyntaxError(
      CONDITION_LENGTH_LIMIT,
      `the condition has ${text.length} characters, at most ${CONDITION_LENGTH_LIMIT} are read`,
    )
  }
  return new Reader(text).read(nodesOf(text), { depth: 1, hasElement: false })
}

function nodesOf(text: string): Node {
  try {
    return parseNodes(text)
  } catch (error) {
    // jsep descends for each bracket; a text of brackets alone can end the stack before its depth is known.
    if (error instanceof RangeError) throw tooDeep()
    if (!(error instanceof Error) || !('index' in error)) throw error
    const offset = Math.min(Number(error.index), text.length)
    const description = 'description' in error ? String(error.description) : error.message
    throw new ConditionSyntaxError(
      offset,
      description.charAt(0).toLowerCase() + description.slice(1),
    )
  }
}

interface Scope {
  readonly depth: number
  /** Whether `#` stands for something. */
  readonly hasElement: boolean
}

class Reader {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  read(node: unknown, scope: Scope): Expression {
    if (scope.depth > CONDITION_DEPTH_LIMIT) throw tooDeep()
    if (!isNode(node)) throw new ConditionSyntaxError(0, 'a value is missing')
    const inner = { ...scope, depth: scope.depth + 1 }
    switch (node.type) {
      case 'Literal':
        return { type: 'literal', value: this.#literal(node) }
      case 'Identifier':
        return this.#name(textIn(node, 'name'))
      case ELEMENT:
        if (scope.hasElement) return { type: 'element' }
        throw this.#fault(
          '#',
          '# stands for an element only inside of all, any, filter and the like',
        )
      case 'ArrayExpression':
        return {
          type: 'list',
          items: listOf(node['elements']).map((item) => this.read(item, inner)),
        }
      case 'MemberExpression':
        return this.#member(node, inner)
      case 'UnaryExpression':
        return this.#unary(node, inner)
      case 'BinaryExpression':
        return this.#binary(node, inner)
      case 'ConditionalExpression':
        return {
          type: 'choice',
          test: this.read(node['test'], inner),
          yes: this.read(node['consequent'], inner),
          no: this.read(node['alternate'], inner),
        }
      case 'CallExpression':
        return this.#call(node, inner)
      case 'Compound':
      case 'SequenceExpression':
        throw this.#several(node)
      default:
        throw new ConditionSyntaxError(0, `${node.type} is not part of conditions`)
    }
  }

  /** At the second expression, where it begins with a word. */
  #several(node: Node): ConditionSyntaxError {
    const second = listOf(node['body'])[1]
    const word = isNode(second) ? textIn(second, 'name') || textIn(second, 'raw') : ''
    return this.#fault(word, 'found several expressions, expected one, or an operator between them')
  }

  #literal(node: Node): string | number | boolean | null {
    const { value } = node
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw this.#fault(textIn(node, 'raw'), 'the number is too large')
    }
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return value
    return null
  }

  #name(name: string): Expression {
    if (name === 'result') return { type: 'result' }
    const hint = FUNCTIONS.has(name) ? `${name} is a function: ${name}(…)` : 'only result is known'
    throw this.#fault(name, `unknown name "${name}"; ${hint}`)
  }

  #member(node: Node, inner: Scope): Expression {
    const { property } = node
    const isName = node['computed'] !== true
    if (isName && !(isNode(property) && property.type === 'Identifier')) {
      throw new ConditionSyntaxError(0, 'a name is missing behind "."')
    }
    const key: Expression =
      isName && isNode(property)
        ? { type: 'literal', value: textIn(property, 'name') }
        : this.read(property, inner)
    const of = this.read(node['object'], inner)
    return { type: 'member', of, key, isOptional: node['optional'] === true }
  }

  #call(node: Node, inner: Scope): Expression {
    const { callee } = node
    if (!isNode(callee) || callee.type !== 'Identifier') {
      throw new ConditionSyntaxError(0, 'only functions can be called, such as len(result)')
    }
    const name = textIn(callee, 'name')
    const known = FUNCTIONS.get(name)
    if (known === undefined) {
      const near = nearest(name, [...FUNCTIONS.keys()])
      const hint =
        near === undefined
          ? `possible: ${[...FUNCTIONS.keys()].join(', ')}`
          : `did you mean ${near}?`
      throw this.#fault(name, `unknown function "${name}"; ${hint}`)
    }
    const args = listOf(node['arguments'])
    if (args.length !== known.argCount) {
      const count = `${known.argCount} argument${known.argCount === 1 ? '' : 's'}`
      throw this.#fault(name, `${name} takes ${count}, found ${args.length}`)
    }
    const read = args.map((arg, i) =>
      this.read(arg, {
        ...inner,
        hasElement: inner.hasElement || (known.kind === 'predicate' && i === 1),
      }),
    )
    return { type: 'call', name, args: read }
  }

  #unary(node: Node, inner: Scope): Expression {
    const operator = signIn(node)
    const known = UNARY.find((each) => each === operator)
    if (known === undefined) throw this.#fault(operator, `${operator} is not part of conditions`)
    return { type: 'unary', operator: known, of: this.read(node['argument'], inner) }
  }

  #binary(node: Node, inner: Scope): Expression {
    const operator = signIn(node)
    const sides = () => {
      return { left: this.read(node['left'], inner), right: this.read(node['right'], inner) }
    }
    const logic = LOGIC.find((each) => each === operator)
    if (logic !== undefined) return { type: 'logic', operator: logic, ...sides() }
    const relation = RELATION.find((each) => each === operator)
    if (relation !== undefined) return { type: 'relation', operator: relation, ...sides() }
    const arithmetic = ARITHMETIC.find((each) => each === operator)
    if (arithmetic !== undefined) return { type: 'arithmetic', operator: arithmetic, ...sides() }
    throw this.#fault(operator, `${operator} is not part of conditions`)
  }

  /** At the first place where the word stands: jsep's tree has no places, and all of a wrong word's are wrong. */
  #fault(word: string, message: string): ConditionSyntaxError {
    const escaped = word.replaceAll(/[^\w]/g, String.raw`\$&`)
    const edge = /^\w/.test(word) ? String.raw`\b` : ''
    const found = new RegExp(`${edge}${escaped}${edge}`).exec(this.#text)
    return new ConditionSyntaxError(found?.index ?? 0, message)
  }
}

function tooDeep(): ConditionSyntaxError {
  return new ConditionSyntaxError(
    0,
    `the condition is nested deeper than ${CONDITION_DEPTH_LIMIT} levels`,
  )
}

function isNode(node: unknown): node is Node {
  return (
    typeof node === 'object' && node !== null && 'type' in node && typeof node.type === 'string'
  )
}

function textIn(node: Node, key: string): string {
  const text = node[key]
  return typeof text === 'string' ? text : ''
}

/** The sign of an operator, also where a word stands for it. */
function signIn(node: Node): string {
  const operator = textIn(node, 'operator')
  return SIGNS[operator] ?? operator
}

function listOf(nodes: unknown): readonly unknown[] {
  return Array.isArray(nodes) ? nodes : []
}
