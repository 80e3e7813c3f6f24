/**
 * How many failing judgements a rollout bears: some in a row, and some in an attempt.
 *
 * A limit is what is allowed; one more is too much (as in Argo Rollouts, whose off-by-one users know). `noData`
 * leaves the row as it is: a silent window says nothing of the canary, so a failure before it and one after
 * it are still in a row. Resetting there would let a canary that crashes under each burst of traffic live.
 * The row also runs on over a step, a pause or a restart; only a judgement that saw traffic ends it.
 */

import type { GuardPlan, RolloutEvent, Running, Verdict } from './state.ts'

type Failures = Pick<Running, 'consecutiveFailureCount' | 'failureCount'>

/** What a verdict makes of the running state: the judgement, and the failures counted on. */
export function judged(
  before: Failures,
  event: Extract<RolloutEvent, { type: 'verdict' }>,
): Failures & Pick<Running, 'judgement'> {
  const { verdict, sentence, atMs } = event
  return {
    judgement: { verdict, sentence, atMs },
    consecutiveFailureCount: inARow(before.consecutiveFailureCount, verdict),
    failureCount: before.failureCount + (verdict === 'fail' ? 1 : 0),
  }
}

function inARow(beforeCount: number, verdict: Verdict): number {
  switch (verdict) {
    case 'fail':
      return beforeCount + 1
    case 'noData':
      return beforeCount
    case 'pass':
    case 'inconclusive':
      return 0
  }
}

/** The sentence that says which limit is passed, or null while both are kept. */
export function limitPassed(
  guard: GuardPlan,
  { consecutiveFailureCount, failureCount }: Failures,
): string | null {
  if (consecutiveFailureCount > guard.consecutiveFailureLimit) {
    return `${judgements(consecutiveFailureCount)} failed in a row (limit ${guard.consecutiveFailureLimit})`
  }
  if (guard.failureLimit !== null && failureCount > guard.failureLimit) {
    return `${judgements(failureCount)} failed in this attempt (limit ${guard.failureLimit})`
  }
  return null
}

function judgements(count: number): string {
  return count === 1 ? '1 judgement' : `${count} judgements`
}
