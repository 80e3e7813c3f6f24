/**
 * Flags over text that is not ASCII: what `fractional` hashes is rewritten to UTF-8 bytes.
 *
 * The murmur3 that flagd-core uses hashes UTF-16 code units, and so puts `naïve` elsewhere than flagd in every other
 * language does. Over bytes in a latin1 string it is the right one. Comparisons still want the text, so a context
 * carries both: the text where it was, the bytes once more under `$bytes`. Rejected: an operator of our own, which
 * flagd-core does not take.
 */

import type { EvaluationContext, EvaluationContextValue } from '@openfeature/core'
import { utf8 } from '../bucket.ts'
import { isObject } from './references.ts'

/** What a flag is evaluated by; `targetingKey` names the unit. */
export type FlagContext = EvaluationContext

const BYTES = '$bytes'
const KEY_BYTES: object = { var: `${BYTES}.targetingKey` }

const NON_ASCII = /[^\0-\x7f]/

export function isAscii(text: string): boolean {
  return !NON_ASCII.test(text)
}

/** Returns the text of UTF-8 bytes in a latin1 string. */
export function textOf(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Returns the context with its bytes beside it. */
export function withBytes(context: FlagContext): FlagContext {
  return { ...context, [BYTES]: bytesIn(context) }
}

function bytesIn(value: EvaluationContextValue): EvaluationContextValue {
  if (typeof value === 'string') return utf8(value)
  if (Array.isArray(value)) return value.map(bytesIn)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, bytesIn(each)]))
}

/** Returns a flag's targeting in which every `fractional` hashes bytes. */
export function overBytes(logic: unknown, flagKey: string): unknown {
  if (Array.isArray(logic)) return logic.map((each) => overBytes(each, flagKey))
  if (!isObject(logic)) return logic
  return Object.fromEntries(
    Object.entries(logic).map(([operator, operands]) => {
      if (operator !== 'fractional' || !Array.isArray(operands)) {
        return [operator, overBytes(operands, flagKey)]
      }
      const [first, ...buckets] = operands as readonly unknown[]
      const rest = buckets.map((each) => overBytes(each, flagKey))
      if (Array.isArray(first)) {
        // Without a key there is nothing to hash; with null, `fractional` finds that out itself.
        const by = { if: [KEY_BYTES, { cat: [utf8(flagKey), KEY_BYTES] }, null] }
        return [operator, [by, overBytes(first, flagKey), ...rest]]
      }
      return [operator, [hashed(first, flagKey), ...rest]]
    }),
  )
}

/** The expression that is hashed: its variables and constants as bytes. */
function hashed(logic: unknown, flagKey: string): unknown {
  if (typeof logic === 'string') return utf8(logic)
  if (Array.isArray(logic)) return logic.map((each) => hashed(each, flagKey))
  if (!isObject(logic)) return logic
  return Object.fromEntries(
    Object.entries(logic).map(([operator, operands]) =>
      operator === 'var'
        ? [operator, bytesVariable(operands, flagKey)]
        : [operator, hashed(operands, flagKey)],
    ),
  )
}

function bytesVariable(operands: unknown, flagKey: string): unknown {
  if (Array.isArray(operands)) {
    const [name, ...defaults] = operands as readonly unknown[]
    return [bytesVariable(name, flagKey), ...defaults.map((each) => hashed(each, flagKey))]
  }
  if (typeof operands !== 'string' || operands.startsWith('$flagd.')) return operands
  return `${BYTES}.${operands}`
}
