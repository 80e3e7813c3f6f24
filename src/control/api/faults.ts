/**
 * What zod found wrong with a request, in our own words: a JSON pointer (RFC 6901) and a sentence
 * for each fault.
 *
 * zod's own messages were rejected: they speak of types (`expected number, received string`) where
 * a caller asks for the value found and the bound.
 */

import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { didYouMean } from '../config/wording.ts'
import type { Fault } from '../rollout/plan.ts'

export type Part = 'body' | 'query' | 'path' | 'header'

/** More faults than this are counted, not listed. */
const FAULT_LIMIT = 50

/** Returns what the schema makes of a value, or the error with every fault. */
export function check(
  schema: z.ZodType,
  value: unknown,
  part: Part,
): { readonly value: unknown } | { readonly error: CodedError } {
  const result = z.safeParse(schema, value, { error: sentenceOf })
  if (result.success) return { value: result.data }
  return { error: faulty(result.error.issues.flatMap(faultsOf), part) }
}

/** The error for these faults: `malformedRequest` for header fields, else `invalidRequest`. */
export function faulty(faults: readonly Fault[], part: Part): CodedError {
  const [first] = faults
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : ''
  const where = first === undefined || first.pointer === '' ? '' : ` at ${first.pointer}`
  return new CodedError(
    part === 'header' ? 'malformedRequest' : 'invalidRequest',
    `The ${part} has a fault${where}: ${first?.detail ?? 'unknown'}${more}`,
    { errors: faults.slice(0, FAULT_LIMIT), in: part },
  )
}

/** Keys as a JSON pointer. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ pointer: pointerOf(issue.path), detail: issue.message }]
  }
  const details = issue.message.split('\n')
  return issue.keys.map((key, i) => ({
    pointer: pointerOf([...issue.path, key]),
    detail: details[i] ?? 'unknown key',
  }))
}

/** The sentence of one issue; undefined leaves zod's own. */
function sentenceOf(issue: z.core.$ZodRawIssue): string | undefined {
  const found = describe(issue.input)
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing'
      return `must be ${withArticle(issue.expected)}, but is ${found}`
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty'
      return `must be at least ${String(issue.minimum)}, but is ${found}`
    case 'too_big':
      if (issue.origin === 'string') return `must have at most ${String(issue.maximum)} characters`
      return `must be at most ${String(issue.maximum)}, but is ${found}`
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}, but is ${found}`
    case 'invalid_value':
      return `is ${found}; ${didYouMean(String(issue.input), issue.values.map(String))}`
    case 'unrecognized_keys': {
      // One line for each key, which `faultsOf` takes apart again.
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : []
      return issue.keys
        .slice(0, FAULT_LIMIT)
        .map((key) => `unknown key ${JSON.stringify(key)}; ${didYouMean(key, known)}`)
        .join('\n')
    }
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_union':
      return undefined
  }
}

function withArticle(type: string): string {
  if (type === 'int') return 'a whole number'
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`
}

/** A value as a caller recognises it, at most 40 characters. */
function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
