/**
 * Where a metric stands, in a word and a sentence, and what several metrics come to.
 *
 * A provider that fails has a word of its own beside the four verdicts: it says nothing of the canary, and has its
 * own policy.
 */

import { type MeasureState, type Measurement, isProviderFailing } from './measure.ts'
import { type MeasurePlan, STARVED_COUNT } from './plan.ts'

export interface Standing {
  readonly name: string
  /** `running`: no verdict yet, and nothing wrong. `providerError`: the provider fails; no verdict. */
  readonly state:
    | 'pass'
    | 'fail'
    | 'inconclusive'
    | 'noData'
    | 'running'
    | 'providerError'
    | 'cancelled'
  /** Whether no answer has had data for long: somebody should look at the query. */
  readonly isStarved: boolean
  readonly isDryRun: boolean
  /** One sentence without a full stop. */
  readonly sentence: string
  /** The newest measurement; null before the first. */
  readonly last: Measurement | null
}

/** What is worst comes first; a run is only as good as this. */
const WORST_FIRST = [
  'fail',
  'providerError',
  'inconclusive',
  'noData',
  'running',
  'cancelled',
  'pass',
] as const satisfies readonly Standing['state'][]

export function standingOf(plan: MeasurePlan, state: MeasureState): Standing {
  const isStarved = state.consecutiveNoDataCount >= STARVED_COUNT
  const { name, isDryRun } = plan
  const word = wordOf(plan, state)
  const sentence = sentenceOf(plan, state, word)
  return {
    name,
    state: word,
    isStarved,
    isDryRun,
    sentence,
    last: state.measurements.at(-1) ?? null,
  }
}

/**
 * Returns the worst of several metrics, dry runs aside; the first, among equals. Null where none counts, which is
 * not a pass.
 */
export function worstOf(standings: readonly Standing[]): Standing | null {
  const counted = standings.filter(({ isDryRun }) => !isDryRun)
  for (const word of WORST_FIRST) {
    const found = counted.find(({ state }) => state === word)
    if (found !== undefined) return found
  }
  return null
}

function wordOf(plan: MeasurePlan, state: MeasureState): Standing['state'] {
  switch (state.phase) {
    case 'passed':
      return 'pass'
    case 'failed':
      return 'fail'
    case 'inconclusive':
      return 'inconclusive'
    case 'cancelled':
      return 'cancelled'
    case 'waiting':
    case 'measuring':
      if (isProviderFailing(plan, state)) return 'providerError'
      return state.consecutiveNoDataCount > 0 ? 'noData' : 'running'
  }
}

function sentenceOf(plan: MeasurePlan, state: MeasureState, word: Standing['state']): string {
  const { name, failureLimit, inconclusiveLimit, consecutiveErrorLimit } = plan
  const { failureCount, inconclusiveCount, consecutiveErrorCount, consecutiveNoDataCount } = state
  const counted = state.successCount + failureCount + inconclusiveCount
  const of = `of ${counted} measurement${counted === 1 ? '' : 's'}`
  const last = state.measurements.at(-1)
  switch (word) {
    case 'pass':
      return `${name} passes: ${state.successCount} ${of} succeeded${lastly(last)}`
    case 'fail':
      return `${name} fails: ${failureCount} ${of} failed, ${allowed(failureLimit)}${lastly(last)}`
    case 'inconclusive':
      if (inconclusiveCount === 0)
        return `${name} is undecided: none ${of} succeeded${lastly(last)}`
      return `${name} is undecided: ${inconclusiveCount} ${of} met neither condition, ${allowed(inconclusiveLimit)}${lastly(last)}`
    case 'noData':
      return `${name} has no data: ${times(consecutiveNoDataCount)} in a row there was none${lastly(last)}`
    case 'providerError':
      return `${name} cannot be measured: ${times(consecutiveErrorCount)} in a row there was an error, ${allowed(consecutiveErrorLimit)}${lastly(last)}`
    case 'cancelled':
      return `${name} was stopped before its end: ${state.successCount} ${of} succeeded`
    case 'running':
      return `${name} is being measured: ${state.successCount}${plan.count === null ? '' : ` of ${plan.count}`} succeeded, ${failureCount} failed${lastly(last)}`
  }
}

function lastly(last: Measurement | undefined): string {
  return last === undefined ? '' : `; the last: ${last.reason}`
}

function allowed(limit: number | null): string {
  return limit === null ? 'any number allowed' : `${limit} allowed`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
