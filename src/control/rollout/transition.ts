/**
 * The rollout machine: what each event does to a rollout, and what work it leaves.
 *
 * Pure: time arrives on the event, and work leaves as effects, in the order in which `controller.ts` must
 * carry them out. An event that means nothing in a phase changes nothing and returns the very same state,
 * so a late verdict never revives what has ended; `actions.ts` says which ones a person is told about.
 * A class with timers inside was rejected: a restart could not replay what it had decided.
 */

import { ALL_BP, enter, FROM_THE_TOP } from './enter.ts'
import { hasGuard } from './guard.ts'
import { judged, limitPassed } from './failures.ts'
import { end, finish, recorded, stay } from './record.ts'
import { describePosition, formatWeight, numberStep } from './sentence.ts'
import type { Rollout, RolloutBase, RolloutEvent, Transition } from './state.ts'
import { dwellMsOf, holdAt, isForPerson, plannedWeightBp } from './walk.ts'

/** A rollout whose canary may have traffic. */
type Live = Extract<Rollout, { phase: 'progressing' | 'paused' | 'baking' }>
type Blocked = Extract<Rollout, { phase: 'blocked' }>
type Event<Type extends RolloutEvent['type']> = Extract<RolloutEvent, { type: Type }>

/** What is fixed before a rollout has a state. */
export type RolloutSeed = Pick<RolloutBase, 'id' | 'route' | 'from' | 'to' | 'plan' | 'salt'>

/** Makes the first state of a rollout: attempt 1, generation 1, on the first step that holds. */
export function begin(seed: RolloutSeed, event: Event<'start'>): Transition {
  const times = { startedAtMs: event.atMs, attemptAtMs: event.atMs }
  const base: RolloutBase = { ...seed, attempt: 1, generation: 0, ...times }
  const why = `${event.actor} started it from ${seed.from} to ${seed.to}`
  return enter(base, event, FROM_THE_TOP, why)
}

/** Applies one event to a rollout. Returns the very same state, and no effects, when it changes nothing. */
export function transition(state: Rollout, event: RolloutEvent): Transition {
  switch (state.phase) {
    case 'progressing':
    case 'paused':
    case 'baking':
      return onLive(state, event)
    case 'blocked':
      return onBlocked(state, event)
    case 'aborted':
    case 'rolledBack':
      return event.type === 'retry' ? retry(state, event) : stay(state)
    case 'promoted':
    case 'superseded':
      return stay(state)
  }
}

function onLive(state: Live, event: RolloutEvent): Transition {
  switch (event.type) {
    case 'verdict':
      return onVerdict(state, event)
    case 'alarm':
      return onAlarm(state, event)
    case 'deadline':
      return onDeadline(state, event)
    case 'setWeight':
      return setWeight(state, event)
    case 'promote':
      return promote(state, event)
    case 'pause':
      return state.phase === 'paused' ? stay(state) : pause(state, event)
    case 'resume':
      return state.phase === 'paused' ? resume(state, event) : stay(state)
    case 'abort':
      return abort(state, event)
    case 'supersede':
      return supersede(state, event)
    case 'block':
      return block(state, event)
    case 'restart':
      return restart(state, event)
    case 'start':
    case 'retry':
      return stay(state)
  }
}

function onBlocked(state: Blocked, event: RolloutEvent): Transition {
  switch (event.type) {
    case 'resume': {
      const weightBp = plannedWeightBp(state.plan, state.stepIndex)
      return enter(
        state,
        event,
        { ...state, weightBp, isRouted: false },
        `${event.actor} resumed it`,
      )
    }
    case 'abort':
      return abort(state, event)
    case 'supersede':
      return supersede(state, event)
    case 'restart':
      return restart(state, event)
    case 'start':
    case 'verdict':
    case 'alarm':
    case 'deadline':
    case 'setWeight':
    case 'promote':
    case 'pause':
    case 'retry':
    case 'block':
      return stay(state)
  }
}

/** A verdict on another attempt or step is evidence of something else; one without traffic is none at all. */
function onVerdict(state: Live, event: Event<'verdict'>): Transition {
  if (event.attempt !== state.attempt || event.stepIndex !== state.stepIndex) return stay(state)
  if (!isGuarded(state)) return stay(state)

  const next = judged(state, event)
  const limit = limitPassed(state.plan.guard, next)
  if (limit !== null) return takeBack(state, event, `${limit}: ${event.sentence}`)
  if (event.verdict === 'pass' && isOver(state, event.atMs)) {
    const step = numberStep(state.plan, state.stepIndex)
    return advance({ ...state, ...next }, event, `${step} is over and passes: ${event.sentence}`)
  }
  if (event.verdict === 'pass' && isProven(state, event)) {
    const step = numberStep(state.plan, state.stepIndex)
    return advance({ ...state, ...next }, event, `${step} passes on ${event.promotion?.sentence}`)
  }
  if (
    event.verdict === state.judgement?.verdict &&
    next.failureCount === state.failureCount &&
    next.consecutiveFailureCount === state.consecutiveFailureCount
  )
    return stay(state)
  return recorded({ ...state, ...next }, event, `judged ${event.verdict}: ${event.sentence}`, [])
}

/** Whatever the step is, and also while it is paused: the guard watches whenever the canary has traffic. */
function onAlarm(state: Live, event: Event<'alarm'>): Transition {
  if (event.attempt !== state.attempt || state.weightBp === 0) return stay(state)
  if (event.action === 'abort') return takeBack(state, event, event.sentence)
  return state.phase === 'paused' ? stay(state) : pauseFor(state, event, event.sentence)
}

/** Without a pass the step holds, however long its time is over: no data is not a success. */
function onDeadline(state: Live, event: Event<'deadline'>): Transition {
  if (!isOver(state, event.atMs)) return stay(state)
  if (isGuarded(state) && state.judgement?.verdict !== 'pass') return stay(state)
  return advance(state, event, `${numberStep(state.plan, state.stepIndex)} is over`)
}

function promote(state: Live, event: Event<'promote'>): Transition {
  if (event.full) {
    const reason = `${event.actor} promoted it in full`
    return finish(state, event, reason, state.weightBp === ALL_BP ? [] : [ALL_BP])
  }
  return advance(state, event, `${event.actor} promoted ${numberStep(state.plan, state.stepIndex)}`)
}

function pause(state: Exclude<Live, { phase: 'paused' }>, event: Event<'pause'>): Transition {
  return pauseFor(state, event, because(`${event.actor} paused it`, event.reason))
}

function pauseFor(
  state: Exclude<Live, { phase: 'paused' }>,
  event: RolloutEvent,
  reason: string,
): Transition {
  const next: Rollout = {
    ...state,
    phase: 'paused',
    reason,
    resumesTo: state.phase,
    deadlineMs: null,
  }
  return recorded(next, event, reason, [])
}

/** A resumed hold begins again, and so does its evidence; a pause that only a person ends is left by it. */
function resume(state: Extract<Live, { phase: 'paused' }>, event: Event<'resume'>): Transition {
  const why = `${event.actor} resumed it`
  if (isForPerson(holdAt(state.plan, state.stepIndex))) return advance(state, event, why)
  const weightBp = plannedWeightBp(state.plan, state.stepIndex)
  return enter(state, event, { ...state, weightBp, isRouted: weightBp === state.weightBp }, why)
}

/** A person's weight holds until a person resumes, which brings back the step's own, or promotes to the next. */
function setWeight(state: Live, event: Event<'setWeight'>): Transition {
  const reason = `${event.actor} set the weight to ${formatWeight(event.weightBp)}`
  const next: Rollout = {
    ...state,
    phase: 'paused',
    reason,
    resumesTo: resumesTo(state),
    weightBp: event.weightBp,
    stepAtMs: event.atMs,
    deadlineMs: null,
    judgement: null,
  }
  return recorded(next, event, reason, [event.weightBp])
}

function abort(state: Live | Blocked, event: Event<'abort'>): Transition {
  return takeBack(state, event, because(`${event.actor} aborted it`, event.reason))
}

function supersede(state: Live | Blocked, event: Event<'supersede'>): Transition {
  return end(state, event, 'superseded', `${event.by} took its place`)
}

function block(state: Live, event: Event<'block'>): Transition {
  const next: Rollout = {
    ...state,
    phase: 'blocked',
    reason: event.reason,
    resumesTo: resumesTo(state),
    weightBp: 0,
    deadlineMs: null,
    judgement: null,
  }
  return recorded(next, event, `blocked: ${event.reason}`, [0])
}

/** Same step, same weight, same deadline; what was seen before the stop is gone, so nothing is decided on it. */
function restart(state: Live | Blocked, event: Event<'restart'>): Transition {
  const where = describePosition(state.plan, state.stepIndex, state.weightBp)
  const reason = `the process is back: ${where}`
  return recorded({ ...state, judgement: null }, event, reason, [state.weightBp])
}

function retry(state: Rollout, event: Event<'retry'>): Transition {
  const base = { ...state, attempt: state.attempt + 1, attemptAtMs: event.atMs }
  return enter(base, event, FROM_THE_TOP, `${event.actor} retried it, attempt ${base.attempt}`)
}

function advance(state: Live, event: RolloutEvent, why: string): Transition {
  return enter(state, event, { ...state, stepIndex: state.stepIndex + 1, isRouted: true }, why)
}

/** Takes the canary out: `rolledBack` when it had all the traffic, else `aborted`. */
function takeBack(state: Live | Blocked, event: RolloutEvent, reason: string): Transition {
  const reachedBp =
    state.phase === 'blocked' ? plannedWeightBp(state.plan, state.stepIndex) : state.weightBp
  return end(state, event, reachedBp === ALL_BP ? 'rolledBack' : 'aborted', reason)
}

function isGuarded(state: Live): boolean {
  return hasGuard(state.plan) && state.weightBp > 0
}

/** Evidence is looked at after the dwell, in a step that asks for it, and not while a person holds the rollout. */
function isProven(state: Live, { atMs, promotion }: Event<'verdict'>): boolean {
  const dwellMs = dwellMsOf(state)
  if (state.phase === 'paused' || dwellMs === null || promotion === undefined) return false
  return promotion.isEnough && atMs >= state.stepAtMs + dwellMs
}

function isOver(state: Live, atMs: number): boolean {
  return state.deadlineMs !== null && atMs >= state.deadlineMs
}

function resumesTo(state: Live): 'progressing' | 'baking' {
  return state.phase === 'paused' ? state.resumesTo : state.phase
}

function because(what: string, reason: string): string {
  return reason === '' ? what : `${what}: ${reason}`
}
