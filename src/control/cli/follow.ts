/**
 * Follows one rollout until it ends.
 *
 * What is known always comes from `GET /v1/rollouts/{id}`; the event stream only says when to look again, and while
 * there is none, the rollout is asked for every second. So a lost stream costs time and never the truth, and nothing
 * is built up from events here that the server has built up already.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './client.ts'
import { CommandError, EXIT } from './exit.ts'
import { messagesOf } from './stream.ts'
import type { RolloutView } from '../api/schema.ts'
import { hasEnded } from './phase.ts'

const POLL_MS = 1_000
/** While the stream is there. */
const POLL_BESIDE_STREAM_MS = 5_000
const RECONNECT_MS = 1_000
/** A server that is away for longer is given up; a restart takes less. */
const MAX_AWAY_MS = 60_000

export interface FollowOptions {
  /** Ends the following, without an error. */
  readonly signal: AbortSignal
  /** Called once each time the server is away. */
  readonly onAway?: (error: CommandError) => void
}

/**
 * Yields the rollout now, after each change, and every few seconds; returns after its last state or the signal.
 * Throws what the first look throws, and `unreachable` when the server stays away for a minute later on.
 */
export async function* follow(
  client: AdminClient,
  id: string,
  options: FollowOptions,
): AsyncGenerator<RolloutView> {
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  const bell = createBell()
  const listening = listen(client, id, { bell, signal })
  let awaySinceMs: number | null = null
  let hasSeen = false
  try {
    while (!signal.aborted) {
      try {
        const rollout = await client.rollout(id, signal)
        awaySinceMs = null
        hasSeen = true
        yield rollout
        if (hasEnded(rollout)) return
      } catch (error) {
        if (signal.aborted) return
        const isAway = error instanceof CommandError && error.exitCode === EXIT.unreachable
        if (!isAway || !hasSeen) throw error
        if (awaySinceMs === null) options.onAway?.(error)
        awaySinceMs ??= performance.now()
        if (performance.now() - awaySinceMs > MAX_AWAY_MS) throw error
      }
      await bell.wait(signal)
    }
  } finally {
    ending.abort()
    await listening
  }
}

interface Bell {
  isConnected: boolean
  ring(): void
  /** Until somebody rings, or it is time to look anyway. */
  wait(signal: AbortSignal): Promise<void>
}

function createBell(): Bell {
  let hasRung = false
  let wake = new AbortController()
  return {
    isConnected: false,
    ring: () => {
      hasRung = true
      wake.abort()
    },
    async wait(signal) {
      if (!hasRung) {
        wake = new AbortController()
        const ms = this.isConnected ? POLL_BESIDE_STREAM_MS : POLL_MS
        const either = AbortSignal.any([signal, wake.signal])
        await sleep(ms, undefined, { signal: either }).catch(() => {})
      }
      hasRung = false
    },
  }
}

async function listen(
  client: AdminClient,
  rollout: string,
  { bell, signal }: { readonly bell: Bell; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await client.stream({ rollout }, signal)
      bell.isConnected = true
      bell.ring()
      for await (const _ of messagesOf(response.body)) bell.ring()
    } catch {
      // Polling goes on, and it is polling that reports what is wrong.
    }
    bell.isConnected = false
    await sleep(RECONNECT_MS, undefined, { signal }).catch(() => {})
  }
}
