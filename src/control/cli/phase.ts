/** What the phases of a rollout mean to a command. */

import type { RolloutView } from '../api/schema.ts'

const ENDED: ReadonlySet<RolloutView['phase']> = new Set([
  'promoted',
  'aborted',
  'rolledBack',
  'superseded',
])

/** True when nothing but a retry can happen to the rollout any more. */
export function hasEnded(rollout: RolloutView): boolean {
  return ENDED.has(rollout.phase)
}

/** True when the canary was taken back, by whomever. */
export function wasTakenBack(rollout: RolloutView): boolean {
  return rollout.phase === 'aborted' || rollout.phase === 'rolledBack'
}
