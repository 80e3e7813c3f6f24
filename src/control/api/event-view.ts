/**
 * A journal entry as the API shows it: flat, without the whole state that the journal carries for
 * the replay.
 */

import type { JournalEntry } from '../store/contract.ts'
import { viewDecision } from './evidence-view.ts'
import type { EventDetail, EventView } from './schema.ts'
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
    ...(event.type === 'alarm' &&
      event.evidence !== null &&
      event.evidence.decision !== null && {
        decision: viewDecision(event.evidence.decision, event.sentence),
      }),
  }
}

/** The same with all that an alarm's decision was reached by, some kilobytes. */
export function viewEventDetail(entry: JournalEntry): EventDetail {
  const { body } = entry
  const view = viewEvent(entry)
  if (body.kind === 'rollout' && body.event.type === 'verdict') {
    const record = body.event.promotion?.record ?? null
    return record === null ? view : { ...view, replay: { kind: 'step', ...record } }
  }
  if (body.kind !== 'rollout' || body.event.type !== 'alarm') return view
  return { ...view, replay: body.event.replay === null ? null : { ...body.event.replay } }
}
