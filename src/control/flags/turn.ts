/**
 * What becomes of a flag by itself: a share comes due, or the rollout that decides it is taken back or tried again. Pure.
 *
 * The second is kept with the flag rather than looked up: another rollout may bring the same upstream, and the flag is not to
 * come on with it, also when nobody remembers the first any more.
 */

import type { Rollout } from '../rollout/state.ts'
import { type FlagState, type OwnFlag, shareAt } from './own.ts'

export interface Turn {
  readonly state: FlagState
  /** In words, for the history. */
  readonly what: string
}

/** Returns null where nothing has come. */
export function turnOf(
  { state }: OwnFlag,
  nowMs: number,
  find: (rollout: string) => Rollout | undefined,
): Turn | null {
  if (state.kind === 'share') {
    const next = shareAt(state, nowMs)
    return next === state ? null : { state: next, what: `comes to ${next.weightBp / 100} %` }
  }
  if (state.kind !== 'rollout') return null
  const isTakenBack = isOver(state, find(state.rollout))
  if (isTakenBack === (state.isTakenBack === true)) return null
  const what = `rollout ${state.rollout} is ${isTakenBack ? 'taken back' : 'tried again'}`
  return { state: { ...state, isTakenBack }, what }
}

/** Whether the rollout has ended otherwise than by promotion; of one that nobody knows any more, as it was. */
function isOver(
  state: Extract<FlagState, { kind: 'rollout' }>,
  rollout: Rollout | undefined,
): boolean {
  if (rollout === undefined) return state.isTakenBack === true
  return 'endedAtMs' in rollout && rollout.phase !== 'promoted'
}
