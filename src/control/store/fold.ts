/**
 * The state of the control plane as the fold of its journal.
 *
 * Entries hold the whole state after their event, so folding is taking the last one of each rollout. Replaying
 * events through the machine was rejected for starting up: a later version of the machine might decide an
 * old event otherwise. (A test does replay them, and gets the same states.)
 */

import type { Rollout } from '../rollout/state.ts'
import type { JournalBody, JournalEntry, StoredState } from './contract.ts'

/** What was decided last of a route's stable upstream. */
export type Stable = StoredState['stables'] extends ReadonlyMap<string, infer Value> ? Value : never

/** The state of an empty journal. */
export const NOTHING: StoredState = { seq: 0, rollouts: new Map(), stables: new Map() }

/** Folds entries, oldest first, onto what came before them. */
export function fold(entries: Iterable<JournalEntry>, before: StoredState = NOTHING): StoredState {
  const rollouts = new Map(before.rollouts)
  const stables = new Map(before.stables)
  let { seq } = before
  for (const entry of entries) {
    applyBody(entry.body, entry.route, rollouts, stables)
    seq = entry.seq
  }
  return { seq, rollouts, stables }
}

/** Puts what one entry says in place. Rollouts stay in the order of their start. */
export function applyBody(
  body: JournalBody,
  route: string,
  rollouts: Map<string, Rollout>,
  stables: Map<string, Stable>,
): void {
  switch (body.kind) {
    case 'rollout':
      rollouts.set(body.state.id, body.state)
      return
    case 'stable':
      stables.set(route, { upstream: body.upstream, fileStable: body.fileStable })
  }
}
