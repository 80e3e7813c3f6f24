/** From what stands in a path to a rollout, and from a rollout to an answer. */

import { CodedError } from '../coded-error.ts'
import type { Rollout } from '../rollout/state.ts'
import type { ApiDeps } from './deps.ts'
import { etagOf } from './etag.ts'
import type { Answer } from './idempotency.ts'
import { viewRollout } from './view.ts'

/**
 * Returns the rollout with this id; else, for a route's name, its running rollout or its newest
 * one.
 *
 * Throws `CodedError` (`notFound`).
 */
export function findRollout(engine: ApiDeps['engine'], idOrRoute: string): Rollout {
  const rollout =
    engine.find(idOrRoute) ??
    engine.runningOn(idOrRoute) ??
    engine.list().find(({ route }) => route === idOrRoute)
  if (rollout !== undefined) return rollout
  throw new CodedError('notFound', `There is no rollout "${idOrRoute}", and none on such a route`)
}

export function answerWith(rollout: Rollout, nowMs: number): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', etag: etagOf(rollout.generation) },
    body: JSON.stringify(viewRollout(rollout, nowMs)),
  }
}

/** The answer to a rollout that was started just now; `warnings` are what its plan may not get by on. */
export function answerCreated(
  rollout: Rollout,
  nowMs: number,
  warnings: readonly string[] = [],
): Answer {
  const { headers } = answerWith(rollout, nowMs)
  return {
    status: 201,
    headers: { ...headers, location: `/v1/rollouts/${rollout.id}` },
    body: JSON.stringify({ ...viewRollout(rollout, nowMs), warnings }),
  }
}
