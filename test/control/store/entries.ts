/** Entries and replies to write. */

import { begin, transition } from '../../../src/control/rollout/transition.ts'
import type { Rollout, RolloutEvent, Transition } from '../../../src/control/rollout/state.ts'
import type { KeptReply, NewEntry } from '../../../src/control/store/contract.ts'
import { PLAN, seedOf } from '../rollout/fixtures.ts'

export const NOW_MS = Date.UTC(2026, 10, 21)

export function entryFor(
  event: RolloutEvent,
  before: Rollout | null,
  { state }: Transition,
): NewEntry {
  return {
    atMs: event.atMs,
    route: state.route,
    rollout: state.id,
    body: {
      kind: 'rollout',
      event,
      fromPhase: before?.phase ?? null,
      trigger: 'person',
      actor: 'alice',
      reason: 'because',
      state,
    },
  }
}

/** The entries of a rollout that goes through these events, the start first. */
export function entriesOf(events: readonly RolloutEvent[] = []): readonly NewEntry[] {
  const start = { type: 'start', atMs: NOW_MS, actor: 'alice' } as const
  let last = begin(seedOf(PLAN), start)
  const entries = [entryFor(start, null, last)]
  for (const event of events) {
    const before = last.state
    last = transition(before, event)
    entries.push(entryFor(event, before, last))
  }
  return entries
}

export function stableEntry(upstream: string, fileStable: string): NewEntry {
  return {
    atMs: NOW_MS,
    route: 'shop',
    rollout: null,
    body: {
      kind: 'stable',
      route: 'shop',
      upstream,
      fileStable,
      actor: 'sluice',
      reason: 'because',
    },
  }
}

export function replyFor(key: string, atMs = NOW_MS): KeptReply {
  return {
    key,
    fingerprint: 'f'.repeat(64),
    status: 201,
    body: '{"id":"shop-1"}',
    headers: { location: '/v1/rollouts/shop-1', etag: '"1"' },
    atMs,
  }
}
