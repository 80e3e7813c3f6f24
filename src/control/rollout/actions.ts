/**
 * What a person may do to a rollout in each phase. One list serves the API's refusals and the ways out that
 * a waiting rollout shows, so they cannot differ.
 *
 * An action whose goal is already reached is neither allowed nor refused: it answers with the rollout as it
 * is, which makes every verb but `promote` and `retry` safe to repeat.
 */

import type { Action } from './engine.ts'
import type { Rollout, RolloutEvent } from './state.ts'

/** The actions that would change this rollout. */
export function allowed(state: Rollout): readonly Action['type'][] {
  switch (state.phase) {
    case 'progressing':
    case 'baking':
      return ['promote', 'pause', 'setWeight', 'abort']
    case 'paused':
      return ['promote', 'resume', 'setWeight', 'abort']
    case 'blocked':
      return ['resume', 'abort']
    case 'aborted':
    case 'rolledBack':
      return ['retry']
    case 'promoted':
    case 'superseded':
      return []
  }
}

/** Whether the action has nothing left to do, so that repeating it is no mistake. An abort never is one. */
export function isReached(state: Rollout, action: Action): boolean {
  switch (action.type) {
    case 'abort':
      return isEnded(state)
    case 'pause':
      return state.phase === 'paused'
    case 'resume':
      return state.phase === 'progressing' || state.phase === 'baking'
    case 'promote':
      return action.full && state.phase === 'promoted'
    case 'setWeight':
    case 'retry':
      return false
  }
}

/** Whether the rollout is over: it has no traffic of its own and holds no route. */
export function isEnded(state: Rollout): state is Exclude<Rollout, { stepAtMs: number }> {
  switch (state.phase) {
    case 'promoted':
    case 'aborted':
    case 'rolledBack':
    case 'superseded':
      return true
    case 'progressing':
    case 'paused':
    case 'baking':
    case 'blocked':
      return false
  }
}

/** The machine's event for a person's action. */
export function eventOf(action: Action, atMs: number, actor: string): RolloutEvent {
  return { ...action, atMs, actor }
}
