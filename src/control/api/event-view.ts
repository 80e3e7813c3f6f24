/**
 * A journal entry as the API shows it: flat, without the whole state that the journal carries for
 * the replay.
 */

import type { JournalEntry } from '../store/contract.ts'
import type { EventView } from './schema.ts'
import { isoOf, stepIndexOf, weightOf } from './view.ts'

export function viewEvent(entry: JournalEntry): EventView {
  const { body } = entry
  const base = {
    seq: entry.seq,
    at: isoOf(entry.atMs),
    route: entry.route,
    rollout: entry.rollout,
    actor: body.actor,
    reason: body.reason,
  }
  if (body.kind === 'stable') {
    return {
      ...base,
      type: 'stable',
      fromPhase: null,
      phase: null,
      step: null,
      weight: null,
      trigger: null,
    }
  }
  const { event, state } = body
  return {
    ...base,
    type: event.type,
    fromPhase: body.fromPhase,
    phase: state.phase,
    step: stepIndexOf(state),
    weight: weightOf(state),
    trigger: body.trigger,
    ...(event.type === 'verdict' && {
      evidence: { verdict: event.verdict, sentence: event.sentence },
    }),
  }
}
