/**
 * The ends of a transition: the effects that every recorded change leaves, and the two ways a rollout ends.
 *
 * The order of effects is their contract: record, route, tell. What is not durable is not routed, and nobody
 * hears of what is not in force.
 */

import { describePosition } from './sentence.ts'
import type {
  Effect,
  Rollout,
  RolloutBase,
  RolloutEvent,
  Running,
  Transition,
  Trigger,
  WeightBp,
} from './state.ts'

const TRIGGERS: Readonly<Record<RolloutEvent['type'], Trigger>> = {
  start: 'person',
  verdict: 'analyzer',
  alarm: 'analyzer',
  deadline: 'deadline',
  setWeight: 'person',
  promote: 'person',
  pause: 'person',
  resume: 'person',
  abort: 'person',
  retry: 'person',
  supersede: 'person',
  block: 'config',
  restart: 'process',
}

/** Every change goes through here: one generation more, and `weights` routed in their order. */
export function recorded(
  next: Rollout,
  event: RolloutEvent,
  reason: string,
  weights: readonly WeightBp[],
): Transition {
  const actor = 'actor' in event ? event.actor : 'sluice'
  const effects: Effect[] = [
    { type: 'record', trigger: TRIGGERS[event.type], actor, reason },
    ...weights.map((weightBp) => ({ type: 'route', weightBp }) as const),
  ]
  if (next.phase === 'promoted') effects.push({ type: 'promoteUpstream' })
  effects.push({ type: 'tell', message: `${next.id}: ${reason}` })
  return { state: { ...next, generation: next.generation + 1 }, effects }
}

/** The answer to an event that changes nothing. */
export function stay(state: Rollout): Transition {
  return { state, effects: [] }
}

/** The one way to be promoted: `weights` are still routed before the upstream becomes stable. */
export function finish(
  base: RolloutBase,
  event: RolloutEvent,
  reason: string,
  weights: readonly WeightBp[],
): Transition {
  const next: Rollout = { ...baseOf(base), phase: 'promoted', endedAtMs: event.atMs, reason }
  return recorded(next, event, `${reason}; ${base.to} is stable now`, weights)
}

/** The one way to end without being promoted: the canary has no traffic from here on. */
export function end(
  state: RolloutBase & Running,
  event: RolloutEvent,
  phase: 'aborted' | 'rolledBack' | 'superseded',
  reason: string,
): Transition {
  const { stepIndex, weightBp } = state
  const ended = { phase, endedAtMs: event.atMs, reason, stepIndex, weightBp }
  const where = describePosition(state.plan, stepIndex, weightBp)
  return recorded({ ...baseOf(state), ...ended }, event, `${reason} (was at ${where})`, [0])
}

/** The fields that outlive a phase, and no others. */
export function baseOf(state: RolloutBase): RolloutBase {
  const { id, route, from, to, plan, salt, attempt, generation, startedAtMs, attemptAtMs } = state
  return { id, route, from, to, plan, salt, attempt, generation, startedAtMs, attemptAtMs }
}
