/**
 * Rollouts as a table, one line each: what the commands that change one print.
 */

import { percent } from './format.ts'
import { table } from './table.ts'
import type { RolloutView } from '../api/schema.ts'
import { hasEnded } from './phase.ts'

export function rolloutTable(rollouts: readonly RolloutView[]): string[] {
  return table(
    [
      { title: 'ROLLOUT' },
      { title: 'ROUTE' },
      { title: 'FROM' },
      { title: 'TO' },
      { title: 'PHASE' },
      { title: 'STEP' },
      { title: 'WEIGHT', isNumber: true },
      { title: 'REASON' },
    ],
    rollouts.map((rollout) => [
      rollout.id,
      rollout.route,
      rollout.from,
      rollout.to,
      rollout.phase,
      stepOf(rollout),
      percent(rollout.weight),
      rollout.reason ?? '-',
    ]),
  )
}

/** `2/7 pause 2m`; a dash where no step holds the rollout. */
export function stepOf(rollout: RolloutView): string {
  const { step } = rollout
  if (step === null || hasEnded(rollout)) return '-'
  return `${step.index + 1}/${step.count} ${step.description}`
}
