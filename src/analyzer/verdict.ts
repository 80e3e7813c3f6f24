/**
 * The verdict on a window: the worst of its checks, and that check's sentence.
 *
 * Worst first: `fail`, `inconclusive`, `noData`, `pass`. A score over all checks was rejected: it lets a good
 * latency pay for a bad error rate, and nobody can say which check decided.
 */

import type { Criterion } from './criteria.ts'
import { type CheckOptions, type CheckResult, check } from './threshold.ts'
import type { WindowCounts } from './window.ts'

/** What the checks say together. */
export interface Judged {
  readonly verdict: CheckResult['verdict']
  /** One sentence with numbers, without a full stop. */
  readonly sentence: string
  /** In the order in which the criteria were written. */
  readonly checks: readonly CheckResult[]
}

const WORST_FIRST = ['fail', 'inconclusive', 'noData', 'pass'] as const

/**
 * Checks every criterion against a window. `requests>=N` among them is the minimum sample of the others.
 */
export function judge(
  criteria: readonly Criterion[],
  counts: WindowCounts,
  options: Omit<CheckOptions, 'minCount'> = {},
): Judged {
  const minimum = criteria.find((criterion) => criterion.type === 'requests')
  const checkOptions = minimum === undefined ? options : { ...options, minCount: minimum.minCount }
  const checks = criteria.map((criterion) => check(criterion, counts, checkOptions))
  return { ...combine(checks), checks }
}

/** Returns the worst verdict and the sentence of the check that gave it; the first written, among equals. */
export function combine(checks: readonly CheckResult[]): Omit<Judged, 'checks'> {
  for (const verdict of WORST_FIRST) {
    const weighty = checks.find((result) => result.verdict === verdict)
    if (weighty !== undefined) return { verdict, sentence: weighty.sentence }
  }
  return { verdict: 'pass', sentence: 'No guard is set' }
}
