/**
 * The rules of a route: who goes where, before the coin. Hot: where no rule matches, nothing is allocated.
 *
 * A rule decides by what the request says and never by how the coin fell, so that what is left to the coin is split by the
 * weight that was asked for, and its evidence stays exact. What a rule has decided is no evidence.
 */

import { type FlagEvaluator, type FlagSubject, PENDING } from '../flags/evaluator.ts'
import { type CompiledCondition, compileCondition, type ConditionFacts } from './condition.ts'
import type { Decision, Rule } from './rule.ts'
import { YES } from './truth.ts'

export interface CompiledRule {
  /** Null: every request. */
  readonly when: CompiledCondition | null
  readonly decision: Decision
}

/** A flag that has not answered yet. */
export type PendingFlag = Extract<Decision, { readonly kind: 'flag' }>

export interface Asked {
  readonly flags: FlagEvaluator
  readonly pending: PendingFlag[]
  decidedBy?: PendingFlag | null
}

export function compileRules(rules: readonly Rule[]): readonly CompiledRule[] {
  return rules.map(({ when, decision }) => ({
    when: when === null ? null : compileCondition(when),
    decision,
  }))
}

/**
 * Returns the name of the variant that the first matching rule decides on, null where none does. Flags whose answers have to
 * be waited for are added to `pending`, in order; each of them goes before what is returned. `decidedBy` becomes the flag
 * that decided, where one did.
 */
export function decide(
  rules: readonly CompiledRule[],
  facts: ConditionFacts & FlagSubject,
  asked: Asked,
): string | null {
  for (const { when, decision } of rules) {
    if (when !== null && when(facts) !== YES) continue
    if (decision.kind === 'to') return decision.variant
    const found = asked.flags.evaluate(decision.provider, decision.key, facts)
    if (found === PENDING) asked.pending.push(decision)
    else if (found !== null) {
      asked.decidedBy = decision
      return found
    }
  }
  return null
}
