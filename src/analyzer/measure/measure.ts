/**
 * The measurement loop of one metric, with Argo Rollouts' limits.
 *
 * A pure step function: time is a field of the event, what is to be done comes out as effects. The state is plain
 * data, so it can be kept and gone on with.
 *
 * Where we part from Argo: no data is an outcome of its own, which neither counts nor passes; a provider that
 * fails is told as such and measured on, so that it heals by itself; and what is stopped before its end is
 * cancelled, where Argo calls it successful.
 *
 *     waiting --due--> measuring --reading--> waiting … --> passed | failed | inconclusive
 *          \_______________________ stop _______________--> cancelled
 */

import { KEPT_COUNT, type MeasurePlan, RETRY_MS } from './plan.ts'

/** `error`: of the provider, or a condition that does not fit; it says nothing of the canary. */
export type Outcome = 'success' | 'failure' | 'inconclusive' | 'noData' | 'error'

/** What errors there are: few, since they label a metric. */
export const ERROR_KINDS = [
  'timeout',
  'connection',
  /** Too many questions wait already. */
  'crowded',
  'status',
  /** It is not of the form that it should be, or too large. */
  'answer',
  'query',
  /** It does not fit what came. */
  'condition',
  'bug',
] as const
export type ErrorKind = (typeof ERROR_KINDS)[number]

/** What a measurement gave. */
export interface Reading {
  readonly outcome: Outcome
  /** What came, in short; left out where nothing did. */
  readonly value?: string
  /** Of an error. */
  readonly errorKind?: ErrorKind
  /** Ends a sentence, such as `[0.91] does not meet successCondition`. */
  readonly reason: string
}

export interface Measurement extends Reading {
  readonly atMs: number
}

export type Phase = 'waiting' | 'measuring' | 'passed' | 'failed' | 'inconclusive' | 'cancelled'

export interface MeasureState {
  readonly phase: Phase
  /** When the next measurement is due; null while one runs, and at the end. */
  readonly dueMs: number | null
  /** Of the newest measurement, from 1; an answer to another one is late and counts for nothing. */
  readonly sequence: number
  readonly successCount: number
  readonly failureCount: number
  readonly inconclusiveCount: number
  readonly errorCount: number
  readonly noDataCount: number
  /** In a row. */
  readonly consecutiveErrorCount: number
  /** In a row. */
  readonly consecutiveNoDataCount: number
  /** The newest `KEPT_COUNT`, oldest first. */
  readonly measurements: readonly Measurement[]
}

export type MeasureEvent =
  | { readonly type: 'tick'; readonly atMs: number }
  /** The answer to the query of that sequence. */
  | {
      readonly type: 'read'
      readonly atMs: number
      readonly sequence: number
      readonly reading: Reading
    }
  /** The process is back: what was asked is not answered any more. */
  | { readonly type: 'recover'; readonly atMs: number }
  | { readonly type: 'stop'; readonly atMs: number }

export type MeasureEffect =
  /** Ask the provider. */
  | { readonly type: 'query'; readonly sequence: number }
  /** Give up on what was asked. */
  | { readonly type: 'giveUp'; readonly sequence: number }
  /** The provider has failed once more than it may; told once until it answers again. */
  | { readonly type: 'providerFailing'; readonly reason: string }
  | { readonly type: 'providerBack' }
  | { readonly type: 'ended'; readonly phase: Phase }

export interface MeasureStep {
  readonly state: MeasureState
  /** In the order in which they are carried out. */
  readonly effects: readonly MeasureEffect[]
}

/** Begins to measure; the first measurement is due after the initial delay. */
export function begin(plan: MeasurePlan, atMs: number): MeasureState {
  return {
    phase: 'waiting',
    dueMs: atMs + plan.initialDelayMs,
    sequence: 0,
    successCount: 0,
    failureCount: 0,
    inconclusiveCount: 0,
    errorCount: 0,
    noDataCount: 0,
    consecutiveErrorCount: 0,
    consecutiveNoDataCount: 0,
    measurements: [],
  }
}

export function measure(plan: MeasurePlan, state: MeasureState, event: MeasureEvent): MeasureStep {
  if (isEnded(state)) return { state, effects: [] }
  switch (event.type) {
    case 'tick':
      return tick(state, event.atMs)
    case 'read':
      return read(plan, state, event)
    case 'recover':
      if (state.phase !== 'measuring') return { state, effects: [] }
      return { state: { ...state, phase: 'waiting', dueMs: event.atMs }, effects: [] }
    case 'stop':
      return stop(state)
  }
}

export function isEnded({ phase }: MeasureState): boolean {
  return phase !== 'waiting' && phase !== 'measuring'
}

function tick(state: MeasureState, atMs: number): MeasureStep {
  if (state.dueMs === null || atMs < state.dueMs) return { state, effects: [] }
  const sequence = state.sequence + 1
  return {
    state: { ...state, phase: 'measuring', dueMs: null, sequence },
    effects: [{ type: 'query', sequence }],
  }
}

function stop(state: MeasureState): MeasureStep {
  const ended: MeasureEffect = { type: 'ended', phase: 'cancelled' }
  const effects: readonly MeasureEffect[] =
    state.phase === 'measuring' ? [{ type: 'giveUp', sequence: state.sequence }, ended] : [ended]
  return { state: { ...state, phase: 'cancelled', dueMs: null }, effects }
}

function read(
  plan: MeasurePlan,
  state: MeasureState,
  { atMs, sequence, reading }: Extract<MeasureEvent, { type: 'read' }>,
): MeasureStep {
  if (state.phase !== 'measuring' || sequence !== state.sequence) return { state, effects: [] }
  const counted = count(state, { ...reading, atMs })
  const effects = providerEffects(plan, state, counted, reading.reason)
  const end = endOf(plan, counted)
  if (end !== null) {
    const ended = { ...counted, phase: end, dueMs: null }
    return { state: ended, effects: [...effects, { type: 'ended', phase: end }] }
  }
  const waitMs = reading.outcome === 'error' ? RETRY_MS : (plan.intervalMs ?? RETRY_MS)
  return { state: { ...counted, phase: 'waiting', dueMs: atMs + waitMs }, effects }
}

function count(state: MeasureState, measurement: Measurement): MeasureState {
  const { outcome } = measurement
  const one = (which: Outcome) => (outcome === which ? 1 : 0)
  return {
    ...state,
    successCount: state.successCount + one('success'),
    failureCount: state.failureCount + one('failure'),
    inconclusiveCount: state.inconclusiveCount + one('inconclusive'),
    errorCount: state.errorCount + one('error'),
    noDataCount: state.noDataCount + one('noData'),
    // An answer without data is an answer: the provider works.
    consecutiveErrorCount: outcome === 'error' ? state.consecutiveErrorCount + 1 : 0,
    consecutiveNoDataCount: outcome === 'noData' ? state.consecutiveNoDataCount + 1 : 0,
    measurements: [...state.measurements, measurement].slice(-KEPT_COUNT),
  }
}

/** Whether the provider has failed more often in a row than it may. */
export function isProviderFailing(plan: MeasurePlan, state: MeasureState): boolean {
  return state.consecutiveErrorCount > plan.consecutiveErrorLimit
}

function providerEffects(
  plan: MeasurePlan,
  before: MeasureState,
  after: MeasureState,
  reason: string,
): readonly MeasureEffect[] {
  const was = isProviderFailing(plan, before)
  const is = isProviderFailing(plan, after)
  if (is && !was) return [{ type: 'providerFailing', reason }]
  return was && !is ? [{ type: 'providerBack' }] : []
}

/** As in Argo, a limit is broken by one more than it says, and failures go before what else there is. */
function endOf(plan: MeasurePlan, state: MeasureState): Phase | null {
  const { successCount, failureCount, inconclusiveCount } = state
  if (plan.failureLimit !== null && failureCount > plan.failureLimit) return 'failed'
  if (plan.inconclusiveLimit !== null && inconclusiveCount > plan.inconclusiveLimit) {
    return 'inconclusive'
  }
  const wanted = plan.intervalMs === null ? 1 : plan.count
  const counted = successCount + failureCount + inconclusiveCount
  if (wanted === null || counted < wanted) return null
  // Where any number of failures is borne, there may be nothing else: that is not a pass.
  return successCount > 0 ? 'passed' : 'inconclusive'
}
