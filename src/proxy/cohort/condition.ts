/**
 * Conditions of rules, compiled to functions when a snapshot is. Hot.
 *
 * Functions that hold what they compare rather than objects with a `switch`: the same speed, and each form of a
 * condition stands in one place.
 */

import { AddressSet } from './address-set.ts'
import type { Condition, NamedCondition, ValueTest } from './rule.ts'
import { encoded } from './text.ts'
import { negation, NO, type Truth, truthOf, UNKNOWN, YES } from './truth.ts'
import { type CompiledTest, compileTest, type FaultSink } from './value-test.ts'

/** What conditions ask of a request. Texts are UTF-8 bytes in latin1 strings, null where there is none. */
export interface ConditionFacts extends FaultSink {
  readonly method: string
  /** The target without its query. */
  readonly path: string
  /** The client's. */
  readonly address: string
  header(name: string): string | null
  cookie(name: string): string | null
  query(name: string): string | null
  /** Each text, number and truth value of the claim; undefined where there is a token that is not to be believed. */
  claim(name: string): readonly string[] | null | undefined
}

export type CompiledCondition = (facts: ConditionFacts) => Truth

/** Throws what `compileTest` throws. */
export function compileCondition(condition: Condition): CompiledCondition {
  switch (condition.kind) {
    case 'all':
      return compileAll(condition.conditions.map(compileCondition))
    case 'any':
      return compileAny(condition.conditions.map(compileCondition))
    case 'not': {
      const inner = compileCondition(condition.condition)
      return (facts) => negation(inner(facts))
    }
    case 'method': {
      const methods = new Set(condition.methods)
      return ({ method }) => truthOf(methods.has(method))
    }
    case 'address': {
      const ranges = new AddressSet(condition.ranges)
      return ({ address }) => truthOf(ranges.has(address))
    }
    case 'path': {
      const test = compileTests(condition.tests)
      return (facts) => test(facts.path, facts)
    }
    case 'claim':
      return compileClaim(condition)
    case 'header':
    case 'cookie':
    case 'query':
      return compileNamed(condition.kind, condition)
  }
}

/** No before unknown before yes. */
function compileAll(conditions: readonly CompiledCondition[]): CompiledCondition {
  if (conditions.length === 1) return conditions[0]!
  return (facts) => {
    let truth: Truth = YES
    for (const condition of conditions) {
      const found = condition(facts)
      if (found === NO) return NO
      if (found === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}

/** Yes before unknown before no. */
function compileAny(conditions: readonly CompiledCondition[]): CompiledCondition {
  if (conditions.length === 1) return conditions[0]!
  return (facts) => {
    let truth: Truth = NO
    for (const condition of conditions) {
      const found = condition(facts)
      if (found === YES) return YES
      if (found === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}

function compileTests(tests: readonly ValueTest[]): CompiledTest {
  const compiled = tests.map(compileTest)
  const [first, ...others] = compiled
  if (first === undefined) return () => YES
  if (others.length === 0) return first
  return (value, faults) => {
    let truth: Truth = YES
    for (const test of compiled) {
      const found = test(value, faults)
      if (found === NO) return NO
      if (found === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}

function compileNamed(
  kind: 'header' | 'cookie' | 'query',
  condition: NamedCondition,
): CompiledCondition {
  const { isPresent, tests } = condition
  const name = encoded(condition.name)
  if (!isPresent) return (facts) => truthOf(facts[kind](name) === null)
  const test = compileTests(tests)
  return (facts) => {
    const value = facts[kind](name)
    return value === null ? NO : test(value, facts)
  }
}

/** A list has what any of its members has. */
function compileClaim({ name, isPresent, tests }: NamedCondition): CompiledCondition {
  const test = compileTests(tests)
  return (facts) => {
    const values = facts.claim(name)
    if (values === undefined) return UNKNOWN
    if (!isPresent) return truthOf(values === null)
    if (tests.length === 0) return truthOf(values !== null)
    let truth: Truth = NO
    for (const value of values ?? []) {
      const found = test(value, facts)
      if (found === YES) return YES
      if (found === UNKNOWN) truth = UNKNOWN
    }
    return truth
  }
}
