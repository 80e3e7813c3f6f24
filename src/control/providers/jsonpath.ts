/**
 * JSONPath (RFC 9535) over an answer: which part of it is the metric.
 *
 * The library parses and evaluates; what could take without end is refused when the path is read: patterns (an
 * expression that backtracks took 37 s on 30 characters), queries within filters that look at more than one
 * member, and unions that multiply. Its evaluation is iterative, so deep answers do not end the stack.
 *
 * Kubernetes' own dialect, which Argo's web provider reads, is another language: its braces are taken off, its
 * `range`, quotes and several expressions are not read.
 */

import { type JsonValue, query } from 'jsonpath-rfc9535'
import parse from 'jsonpath-rfc9535/parser'
import type { Value } from '../conditions/expression.ts'
import { get } from '../config/lookup.ts'
import { ProviderError } from './failure.ts'

/** Characters. */
export const JSON_PATH_LENGTH_LIMIT = 512

/** Values that one path may give. */
export const JSON_PATH_VALUE_LIMIT = 11_000

/** How often one value may be visited by unions, such as 4 for `[*,*][*,*]`. */
const UNION_LIMIT = 16

/** `..` in one path; each can visit the whole answer again for each node of the one before. */
const DESCENDANT_LIMIT = 1

export interface JsonPath {
  /** As RFC 9535 has it. */
  readonly text: string
  /** Whether it names one place: then its value is the metric, else the list of all values. */
  readonly isSingular: boolean
}

/** A path that cannot be read, or is refused; the message follows the place. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError'
}

/** Reads a path; braces around it, as Argo has them, are taken off. Throws a `JsonPathError`. */
export function readJsonPath(written: string): JsonPath {
  if (written.length > JSON_PATH_LENGTH_LIMIT) {
    throw new JsonPathError(
      `the path has ${written.length} characters, at most ${JSON_PATH_LENGTH_LIMIT} are read`,
    )
  }
  const trimmed = written.trim()
  const text = /^\{.*\}$/s.test(trimmed) ? trimmed.slice(1, -1).trim() : trimmed
  const { segments } = parsed(text)
  const descendants = segments.filter(({ type }) => type === 'DescendantSegment')
  if (descendants.length > DESCENDANT_LIMIT) {
    throw new JsonPathError(
      `".." may stand ${DESCENDANT_LIMIT} time, not ${descendants.length} times`,
    )
  }
  requireFewUnions(segments)
  requireHarmless(segments, false)
  return { text, isSingular: segments.every(isSingular) }
}

/**
 * Returns the value at a path that names one place, null where there is none; of any other path the list of what
 * it finds. Throws a `ProviderError`.
 */
export function findIn(document: JsonValue, { text, isSingular: isOne }: JsonPath): Value {
  // Not the library's `exec`: it also makes each value's path, which takes 96 s for 100 000 levels.
  const found = query(document, text)
  if (isOne) return found[0] ?? null
  if (found.length <= JSON_PATH_VALUE_LIMIT) return found
  throw new ProviderError(
    `the path ${text} gives ${found.length} values, at most ${JSON_PATH_VALUE_LIMIT} are read`,
  )
}

type Segments = ReturnType<typeof parse>['segments']

function parsed(text: string): ReturnType<typeof parse> {
  try {
    return parse(text)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new JsonPathError(`${placeOf(error)}${why.replace(/\.$/, '')}`)
  }
}

/** The parser's errors know their place, though their type does not say so. */
function placeOf(error: unknown): string {
  const offset = ['location', 'start', 'offset'].reduce(get, error)
  return typeof offset === 'number' ? `character ${offset + 1}: ` : ''
}

function isSingular({ type, node }: Segments[number]): boolean {
  if (type === 'DescendantSegment' || node.type === 'WildcardSelector') return false
  if (node.type === 'MemberNameShorthand') return true
  const [only, ...others] = node.selectors
  return others.length === 0 && (only?.type === 'NameSelector' || only?.type === 'IndexSelector')
}

function requireFewUnions(segments: Segments): void {
  const product = segments.reduce(
    (visits, { node }) => visits * (node.type === 'BracketedSelection' ? node.selectors.length : 1),
    1,
  )
  if (product > UNION_LIMIT) {
    throw new JsonPathError(
      `its unions visit a value up to ${product} times, at most ${UNION_LIMIT}`,
    )
  }
}

/** Walks the tree of a path, whatever its nodes are: what is refused is refused wherever it stands. */
function requireHarmless(node: unknown, isInFilter: boolean): void {
  if (Array.isArray(node)) {
    for (const each of node) requireHarmless(each, isInFilter)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const type = get(node, 'type')
  const name = get(node, 'name')
  if (type === 'FunctionExpr' && (name === 'match' || name === 'search')) {
    throw new JsonPathError(`${name}() is not possible, since patterns can take without end`)
  }
  const isWide = type === 'DescendantSegment' || type === 'WildcardSelector'
  if (isInFilter && (isWide || type === 'SliceSelector' || type === 'FilterSelector')) {
    throw new JsonPathError('a filter may look at single members only, such as @.name or @[0]')
  }
  const isWithin = isInFilter || type === 'FilterSelector'
  for (const value of Object.values(node)) requireHarmless(value, isWithin)
}
