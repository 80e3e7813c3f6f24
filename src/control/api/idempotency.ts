/**
 * Idempotency-Key: a POST that is sent again, because its answer was lost, gets the first answer
 * and does nothing.
 *
 * The answer is written in the journal's own transaction (`keep`), so that neither exists without
 * the other: kept by a table beside it, a crash in between would start a rollout twice. A failed
 * request changed nothing and is not kept. There is no standard to name; this is the common
 * behaviour (the IETF's draft has expired).
 */

import { createHash } from 'node:crypto'
import { CodedError } from '../coded-error.ts'
import type { Caller } from '../rollout/engine.ts'
import type { Rollout } from '../rollout/state.ts'
import type { KeptReply, Store } from '../store/contract.ts'

/** An answer as it goes out, and as it is kept. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

/** A request, as far as it tells whether another one is the same. */
export interface Keyed {
  /** Undefined: the request may be done again. */
  readonly key: string | undefined
  readonly method: string
  /** Without query. */
  readonly path: string
  readonly actor: string
  /** As checked. */
  readonly body: unknown
}

/**
 * Does a piece of work, once for each key, and makes the answer from the rollout that comes out; a
 * repetition gets the kept answer.
 *
 * Throws `CodedError`: `keyReused` where the key stands for another request, `requestInFlight`
 * while the first one is still at work; and what the work throws.
 */
export type Once = (
  request: Keyed,
  answerOf: (rollout: Rollout) => Answer,
  work: (caller: Caller) => Promise<Rollout>,
) => Promise<Answer>

export function createOnce(findReply: Store['findReply'], clock: { nowMs(): number }): Once {
  const inFlight = new Map<string, string>()

  return async ({ key, ...request }, answerOf, work) => {
    const { actor } = request
    if (key === undefined) return answerOf(await work({ actor }))

    const fingerprint = fingerprintOf(request)
    const before = inFlight.get(key)
    if (before !== undefined) throw before === fingerprint ? stillAtWork(key) : keyReused(key)

    inFlight.set(key, fingerprint)
    try {
      const kept = await findReply(key)
      if (kept === undefined) {
        const keep = (rollout: Rollout): KeptReply => {
          return { key, fingerprint, ...answerOf(rollout), atMs: Math.floor(clock.nowMs()) }
        }
        return answerOf(await work({ actor, keep }))
      }
      if (kept.fingerprint !== fingerprint) throw keyReused(key)
      const headers = { ...kept.headers, 'idempotency-replayed': 'true' }
      return { status: kept.status, headers, body: kept.body }
    } finally {
      inFlight.delete(key)
    }
  }
}

function fingerprintOf({ method, path, actor, body }: Omit<Keyed, 'key'>): string {
  return createHash('sha256')
    .update(JSON.stringify([method, path, actor, body ?? null]))
    .digest('hex')
}

function stillAtWork(key: string): CodedError {
  return new CodedError(
    'requestInFlight',
    `The request with Idempotency-Key "${key}" has not been answered yet; ask again in a moment`,
  )
}

function keyReused(key: string): CodedError {
  return new CodedError(
    'keyReused',
    `Idempotency-Key "${key}" was sent with another request; use a new key for a new request`,
  )
}
