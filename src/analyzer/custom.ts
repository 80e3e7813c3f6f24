/**
 * Checks of pushed metrics: the value as it was pushed against its limit.
 *
 * Nothing is known of how such a value came about, so there is no allowance for luck; who wants one pushes a
 * value over enough events. What is missing, stale or not a number is no data, never a pass.
 */

import type { AgainstStable } from './criteria/against-stable.ts'
import type { CustomCriterion, Operator } from './criteria/custom.ts'
import { type CheckResult, noData } from './decide.ts'

/** A pushed value, or why there is none, in words that end a sentence. */
export type CustomReading = { readonly value: number } | { readonly reason: string }

/** Reads the newest value of a metric for a variant. */
export type ReadCustom = (name: string, variant: 'stable' | 'canary') => CustomReading

const WORDS: Readonly<Record<Operator, string>> = {
  '<': 'below',
  '<=': 'at most',
  '>': 'above',
  '>=': 'at least',
}

/** Checks a pushed metric; `readCustom` is undefined where nobody can push. */
export function checkCustom(
  { text, name, operator, limit }: CustomCriterion,
  readCustom: ReadCustom | undefined,
): CheckResult {
  const unknown = { criterion: text, limit: typeof limit === 'number' ? limit : 0 }
  if (readCustom === undefined) return noData(unknown, 'nothing is pushed here')
  const canary = valueOf(readCustom(name, 'canary'))
  if (typeof canary === 'string') return noData(unknown, canary)

  const stable = typeof limit === 'number' ? null : valueOf(readCustom(name, 'stable'))
  if (typeof stable === 'string') return noData(unknown, `stable's ${name}: ${stable}`)
  const bound = typeof limit === 'number' ? limit : follow(limit, stable ?? Number.NaN)
  if (!Number.isFinite(bound))
    return noData(unknown, `the limit from stable's ${stable} is beyond all numbers`)

  const isHeld = holds(canary, operator, bound)
  const from = stable === null ? '' : `, from stable's ${digits(stable)}`
  const relation = `${isHeld ? 'is' : 'is not'} ${WORDS[operator]} ${digits(bound)}`
  const sentence = `${text} ${isHeld ? 'passes' : 'fails'}: ${digits(canary)} ${relation}${from}`
  return {
    criterion: text,
    verdict: isHeld ? 'pass' : 'fail',
    sentence,
    value: canary,
    limit: bound,
  }
}

function valueOf(reading: CustomReading): number | string {
  if ('reason' in reading) return reading.reason
  return Number.isFinite(reading.value) ? reading.value : `the value is ${reading.value}`
}

function follow({ factor, plus }: AgainstStable, stable: number): number {
  return factor * stable + plus
}

function holds(value: number, operator: Operator, limit: number): boolean {
  switch (operator) {
    case '<':
      return value < limit
    case '<=':
      return value <= limit
    case '>':
      return value > limit
    case '>=':
      return value >= limit
  }
}

function digits(value: number): number {
  return Number(value.toPrecision(6))
}
