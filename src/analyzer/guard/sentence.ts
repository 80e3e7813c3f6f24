/**
 * Why: one sentence with numbers for whatever the guard knows, without a full stop.
 *
 * What decided or weighs most comes first, then how sure that is, then what would happen next and how soon anybody could
 * decide. Evidence is told as a power of ten beside the power that is needed.
 */

import type { Action, CheckName } from './config.ts'
import type {
  CheckEvidence,
  Decision,
  Earliest,
  GuardEvidence,
  PartEvidence,
  RatioEvidence,
} from './evidence.ts'
import type { SideCounts } from './onset.ts'
import type { StepEvidence } from './step-promotion.ts'
import { duration, percent, plural, power, thousands } from './words.ts'

const VERBS: Record<Action, string> = { abort: 'aborts', pause: 'pauses', warn: 'warns' }

const BAD: Record<Exclude<CheckName, 'latency'>, string> = {
  failed: 'failed',
  slo: 'failed',
  clientErrors: 'were answered 4xx',
}

/** Evidence from which on a difference is worth a word before it is decided: three to one. */
const WORTH_A_WORD = 0.5

/** Bad outcomes of the canary from which on the recent past is told instead of the whole. */
const RECENT_COUNT = 3

/** Where more than that fails of both, something is wrong, though not with the canary alone. */
const CONCERN_RATIO = 0.05

/** Returns the sentence for a verdict or, when there is none yet, for the undecided state. */
export function explain(evidence: GuardEvidence): string {
  const { decision } = evidence
  if (decision !== null) return explainDecision(evidence, decision)
  if (isEmpty(evidence)) return 'Undecided: no request of the canary has settled yet'
  const lead = checkOf(evidence, evidence.weighsMost)
  return evidence.log10 >= WORTH_A_WORD
    ? explainSuspicion(evidence, lead)
    : explainSilence(evidence)
}

/** Whatever the guard knows, in a word. */
export const EVIDENCE_WORDS = [
  /** Nothing of the canary has settled. */
  'none',
  /** No sign of a fault, and not enough to say that there is none. */
  'quiet',
  /** There is evidence that the canary is good. */
  'good',
  /** There are signs of a fault. */
  'doubtful',
  /** It is decided: abort, pause or warn. */
  'bad',
  /** The splitter does not split as the weights say. */
  'broken',
] as const
export type EvidenceWord = (typeof EVIDENCE_WORDS)[number]

/** Returns the word for what `explain` tells in a sentence. */
export function evidenceWord(evidence: GuardEvidence): EvidenceWord {
  const { decision, promotion, log10 } = evidence
  if (evidence.ratio?.isBroken === true) return 'broken'
  if (decision !== null) return 'bad'
  if (isEmpty(evidence)) return 'none'
  if (log10 >= WORTH_A_WORD) return 'doubtful'
  const isDown = areBothDown(checkOf(evidence, 'failed').parts[0]!.totals)
  return promotion?.isReached === true && !isDown ? 'good' : 'quiet'
}

/** Then a canary is as good as stable, and nobody would call it good. */
function areBothDown({ canaryBadCount, canaryCount, stableBadCount, stableCount }: SideCounts) {
  return (
    canaryBadCount > CONCERN_RATIO * canaryCount && stableBadCount > CONCERN_RATIO * stableCount
  )
}

/** Returns what a step that waits for evidence has of it, and how soon it could have the rest. */
export function explainStep(evidence: StepEvidence): string {
  const { log10, limitLog10, againstLog10, againstLimitLog10, isReached, leastMs } = evidence
  const { breach } = evidence
  const so = `evidence that the canary is good ${power(log10)} to one of ${power(limitLog10)}`
  if (isReached && breach !== undefined) {
    const { failedRatio, limitRatio } = breach
    return `${so}, but ${percent(failedRatio)} of it failed since the step began, and ${percent(limitRatio)} may`
  }
  if (isReached && !evidence.isEnough) {
    return `${so}, but ${power(againstLog10)} that it is not, and that must be below ${power(againstLimitLog10)}`
  }
  if (isReached) return so
  return leastMs === null
    ? `${so}; at the present traffic it cannot be told when there is enough`
    : `${so}; if it fails no more, enough of it takes ${duration(leastMs)} at the present traffic`
}

function isEmpty({ checks }: GuardEvidence): boolean {
  return checks.every(({ parts }) => parts[0]!.totals.canaryCount === 0)
}

function explainDecision(evidence: GuardEvidence, decision: Decision): string {
  const { action, by, log10, limitLog10, tickIndex } = decision
  const after = duration(tickMs(evidence) * (tickIndex + 1))
  const reached = `evidence ${power(log10)} to one after ${after}, the limit is ${power(limitLog10)}`
  if (by === 'ratio') {
    return `The guard ${VERBS[action]}: ${explainRatio(evidence.ratio!)}; ${reached}`
  }
  const why = describe(evidence, checkOf(evidence, by))
  return `The guard ${VERBS[action]}: ${why}; ${reached}; "${by}" weighs most`
}

function explainSuspicion(evidence: GuardEvidence, lead: CheckEvidence): string {
  const next = lead.isReady
    ? `at ${power(evidence.limitLog10)} the guard ${VERBS[lead.action]}`
    : 'it is too little to act on'
  const sure = `evidence ${power(evidence.log10)} to one, ${next}; "${lead.name}" weighs most`
  return `Undecided: ${describe(evidence, lead)}; ${sure}; ${explainEarliest(evidence)}`
}

function explainSilence(evidence: GuardEvidence): string {
  const { log10, limitLog10, promotion, elapsedMs, traffic } = evidence
  const { name, parts } = checkOf(evidence, traffic.weightBp === 10_000 ? 'slo' : 'failed')
  const rates = compare({ name, isSticky: evidence.isSticky }, parts[0]!, parts[0]!.totals)
  const isDown = areBothDown(parts[0]!.totals)
  const passed =
    promotion?.isReached === true && !isDown
      ? `, that it is good ${power(promotion.limitLog10)}`
      : ''
  const sure = `evidence against the canary ${power(log10)} to one of ${power(limitLog10)}${passed}`
  const so = isDown ? 'No sign that it is the canary' : 'No sign of a fault'
  return `${so} after ${duration(elapsedMs)}: ${rates}; ${sure}; ${explainEarliest(evidence)}`
}

function explainRatio({ canaryCount, stableCount, expectedCanaryCount }: RatioEvidence): string {
  const total = plural(canaryCount + stableCount, 'assignment')
  const expected = thousands(Math.round(expectedCanaryCount))
  return `the splitter is broken: ${thousands(canaryCount)} of ${total} went to the canary, ${expected} by the weights, so no comparison with stable can be trusted`
}

/** The difference in the recent past if that is what makes it, else in all. */
function describe(evidence: GuardEvidence, { name, parts, leadIndex }: CheckEvidence): string {
  const part = parts[leadIndex]!
  const about = { name, isSticky: evidence.isSticky }
  const { tickIndex, ...recent } = part.onset
  if (tickIndex === 0 || recent.canaryBadCount < RECENT_COUNT) {
    return compare(about, part, part.totals)
  }
  const sinceMs = (evidence.tickCount - tickIndex) * tickMs(evidence)
  return `in the last ${duration(sinceMs)} ${compare(about, part, recent)}`
}

/** Whether a comparison counts units and not requests. The limit of `slo` is one of requests. */
export function countsUnits({ tolerance }: PartEvidence, isSticky: boolean): boolean {
  return isSticky && tolerance.rho > 0
}

interface Subject {
  readonly name: CheckName
  readonly isSticky: boolean
}

function compare(subject: Subject, part: PartEvidence, counts: SideCounts): string {
  const { name } = subject
  if (name === 'latency') return compareLatency(subject, part, counts)
  const { tolerance } = part
  const word = countsUnits(part, subject.isSticky) ? 'units' : 'requests'
  const of = sharesOf(counts, word === 'units')
  const sides = `${of.canary(`canary ${word} ${BAD[name]}`)}, ${of.stable('of stable')}`
  return tolerance.rho === 0
    ? `${sides}; the limit is ${percent(tolerance.delta)}`
    : `${sides}; ${allowance(part)} is tolerated`
}

function compareLatency(
  { isSticky }: Subject,
  { threshold, quantile }: PartEvidence,
  counts: SideCounts,
): string {
  const name = `p${Number(((quantile ?? 0) * 100).toFixed(2))}`
  const canaryLimit =
    threshold === null ? `stable's ${name} with some slack` : duration(threshold.canaryUs / 1e3)
  const stableLimit =
    threshold === null ? `its ${name}` : `its ${name} of ${duration(threshold.stableUs / 1e3)}`
  const of = sharesOf(counts, isSticky)
  return isSticky
    ? `${of.canary(`canary units took longer than ${canaryLimit}`)}, ${of.stable('of stable')}`
    : `${of.canary(`canary requests took longer than ${canaryLimit}`)}, ${of.stable(`of stable longer than ${stableLimit}`)}`
}

/**
 * How many of each side were bad, for the words that go with them. Units are counted when they are seen first, and may turn
 * bad long after: of those that turn bad within a while, few are new.
 */
function sharesOf(counts: SideCounts, areUnits: boolean) {
  const { canaryBadCount, canaryCount, stableBadCount, stableCount } = counts
  const share = (badCount: number, count: number, words: string) =>
    areUnits && (badCount > count || count === 0)
      ? `${thousands(badCount)} ${words}`
      : `${thousands(badCount)} of ${thousands(count)} ${words}${ratio(badCount, count)}`
  return {
    canary: (words: string) => share(canaryBadCount, canaryCount, words),
    stable: (words: string) => share(stableBadCount, stableCount, words),
  }
}

function allowance({ tolerance: { rho, delta } }: PartEvidence): string {
  const times = rho === 1 ? 'as much as stable' : `${rho} times stable`
  if (delta === 0) return times
  const points = Number((delta * 100).toPrecision(3))
  return `${times} + ${points} point${points === 1 ? '' : 's'}`
}

function explainEarliest({ earliest, traffic }: GuardEvidence): string {
  const { requestCount, seconds } = earliest
  const fault = faultOf(earliest)
  if (seconds === null || requestCount === null) {
    return `nobody could ever tell ${fault} at the present traffic`
  }
  const rate = `${Number(traffic.requestsPerSecond.toPrecision(3))} requests/s with ${traffic.weightBp / 100} % on the canary`
  return `nobody could tell ${fault} before ${plural(requestCount, 'request')}, ${duration(seconds * 1_000)} at ${rate}`
}

function faultOf({ check, canaryRatio, stableRatio, isSeen }: Earliest): string {
  if (!isSeen) return `a canary that fails ${percent(canaryRatio)}`
  return check === 'slo'
    ? `such a breach (${percent(canaryRatio)})`
    : `such a difference (${percent(canaryRatio)} to ${percent(stableRatio)})`
}

function checkOf({ checks }: GuardEvidence, name: CheckName): CheckEvidence {
  return checks.find((check) => check.name === name) ?? checks[0]!
}

function ratio(badCount: number, count: number): string {
  return count > 0 ? ` (${percent(badCount / count)})` : ''
}

function tickMs({ elapsedMs, tickCount }: GuardEvidence): number {
  return tickCount > 0 ? elapsedMs / tickCount : 0
}
