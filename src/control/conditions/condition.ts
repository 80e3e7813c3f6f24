/**
 * What a provider's result means: success, failure, neither, no data, or a condition that does not fit it.
 *
 * As in Argo Rollouts, failure wins where both hold, and a condition that stands alone has its negation as the
 * other. Unlike there, a result without a single finite number, text or switch is no data whatever the conditions
 * say (`isNaN(result[0]) || …` cannot turn silence into a pass), and no condition at all is not read.
 */

import { ConditionError, type Expression, NoDataError, type Value, show } from './expression.ts'
import { evaluate } from './evaluate.ts'
import { holds } from './functions.ts'
import { parseCondition } from './parse.ts'

/** Both read; at least one is there. */
export interface Conditions {
  readonly success: Expression | null
  readonly failure: Expression | null
}

/** What one result meant, with the reason in words that end a sentence. */
export interface Reading {
  readonly outcome: 'success' | 'failure' | 'inconclusive' | 'noData' | 'error'
  readonly reason: string
  /** Of an error: the condition does not fit the result. */
  readonly errorKind?: 'condition'
}

/** Deeper results are not looked into for something that is data. */
const SEARCH_DEPTH = 8

/** Throws a `ConditionSyntaxError`, or a `RangeError` where both are missing. */
export function readConditions(texts: {
  readonly successCondition?: string | undefined
  readonly failureCondition?: string | undefined
}): Conditions {
  const { successCondition, failureCondition } = texts
  if (successCondition === undefined && failureCondition === undefined) {
    throw new RangeError('Cannot judge a metric without successCondition and failureCondition')
  }
  return { success: readOne(successCondition), failure: readOne(failureCondition) }
}

/** Judges a result, and tells it in short. Never throws for what is in it. */
export function judgeResult(
  conditions: Conditions,
  result: Value,
): Reading & { readonly value: string } {
  return { ...judge(conditions, result), value: show(result) }
}

function judge({ success, failure }: Conditions, result: Value): Reading {
  if (!hasData(result, SEARCH_DEPTH)) {
    return { outcome: 'noData', reason: `the result is ${show(result)}` }
  }
  const isFailure = failure === null ? null : ask(failure, result)
  const isSuccess = success === null ? null : ask(success, result)
  const found = show(result)
  if (isFailure === true) return { outcome: 'failure', reason: `${found} meets failureCondition` }
  for (const answer of [isFailure, isSuccess]) {
    if (typeof answer === 'object' && answer !== null) return answer
  }
  if (isSuccess === true) return { outcome: 'success', reason: `${found} meets successCondition` }
  if (isSuccess === null)
    return { outcome: 'success', reason: `${found} does not meet failureCondition` }
  return isFailure === null
    ? { outcome: 'failure', reason: `${found} does not meet successCondition` }
    : { outcome: 'inconclusive', reason: `${found} meets neither condition` }
}

function readOne(text: string | undefined): Expression | null {
  return text === undefined ? null : parseCondition(text)
}

function ask(condition: Expression, result: Value): boolean | Reading {
  try {
    return holds(evaluate(condition, result))
  } catch (error) {
    if (error instanceof NoDataError) return { outcome: 'noData', reason: error.message }
    if (error instanceof ConditionError) {
      return { outcome: 'error', reason: error.message, errorKind: 'condition' }
    }
    throw error
  }
}

/** Whether there is anything in a result that could decide something. */
function hasData(result: Value, depth: number): boolean {
  if (result === null) return false
  if (typeof result === 'number') return Number.isFinite(result)
  if (typeof result !== 'object') return true
  if (depth === 0) return true
  return Object.values(result).some((each) => hasData(each, depth - 1))
}
