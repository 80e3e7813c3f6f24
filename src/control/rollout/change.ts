/**
 * A transition as work for the shell: what to write, whether to route, what to say.
 */

import type { NewEntry } from '../store/contract.ts'
import type { Rollout, RolloutEvent, Transition } from './state.ts'
import { transition } from './transition.ts'

/** One change, carried out as record, route, tell. */
export interface Change {
  readonly entries: readonly NewEntry[]
  readonly messages: readonly string[]
  /** Whether the threads need new routing. */
  readonly routes: boolean
  /** The rollout after it; null when it is about a route alone. */
  readonly state: Rollout | null
  /**
   * Whether it takes effect even while it cannot be recorded: an abort, or a judgement that gives the canary no
   * more traffic. A guard that needs the disk to protect users would be none.
   */
  readonly isProtective: boolean
}

/** Makes the change of a transition that changed something; `fileStable` is the route's stable in the file. */
export function changeOf(
  before: Rollout | null,
  event: RolloutEvent,
  { state, effects }: Transition,
  fileStable: string,
): Change {
  const entries: NewEntry[] = []
  const messages: string[] = []
  let routes = false
  let gives = false
  const { route } = state
  for (const effect of effects) {
    switch (effect.type) {
      case 'record': {
        const { trigger, actor, reason } = effect
        const fromPhase = before?.phase ?? null
        entries.push({
          atMs: event.atMs,
          route,
          rollout: state.id,
          body: { kind: 'rollout', event, fromPhase, trigger, actor, reason, state },
        })
        break
      }
      case 'route':
        routes = true
        gives ||= effect.weightBp > 0
        break
      case 'promoteUpstream':
        routes = true
        gives = true
        entries.push(
          stableEntry({
            atMs: event.atMs,
            route,
            rollout: state.id,
            upstream: state.to,
            fileStable,
            actor: 'actor' in event ? event.actor : 'sluice',
            reason: `${state.id} was promoted`,
          }),
        )
        break
      case 'tell':
        messages.push(effect.message)
    }
  }
  const isProtective =
    !gives && (event.type === 'abort' || event.type === 'verdict' || event.type === 'alarm')
  return { entries, messages, routes, state, isProtective }
}

/** The changes that events make of a rollout, one after the other; those that change nothing are left out. */
export function changesOf(
  rollout: Rollout,
  events: readonly RolloutEvent[],
  fileStable: string,
): readonly Change[] {
  const changes: Change[] = []
  let state = rollout
  for (const event of events) {
    const next = transition(state, event)
    if (next.state === state) continue
    changes.push(changeOf(state, event, next, fileStable))
    state = next.state
  }
  return changes
}

/** The change of a route's stable upstream that no rollout made. */
export function stableChange(entry: NewEntry): Change {
  const message = `${entry.route}: ${entry.body.reason}`
  return { entries: [entry], messages: [message], routes: true, state: null, isProtective: false }
}

/** The entry that makes an upstream stable on a route; `fileStable` is what the file says of it at that time. */
export function stableEntry({
  atMs,
  route,
  rollout,
  ...body
}: Pick<NewEntry, 'atMs' | 'route' | 'rollout'> & {
  readonly upstream: string
  readonly fileStable: string
  readonly actor: string
  readonly reason: string
}): NewEntry {
  return { atMs, route, rollout, body: { kind: 'stable', route, ...body } }
}
