/**
 * A steady crowd: requests at a fixed rate, each from one of many users.
 *
 * The rate is kept whatever the answers take (an open loop): a crowd that waited for slow answers would ask less
 * of a slow canary and flatter it. Requests go out in small groups, every few milliseconds as many as are due.
 */

import { Pool } from 'undici'

/** What one user saw of one request. */
export interface Answer {
  /** 0 to `userCount - 1`. */
  readonly user: number
  /** As the shop told it; null where no shop answered. */
  readonly version: string | null
  /** 0 where there was no answer at all. */
  readonly status: number
  /** Milliseconds, as `performance.now()` counts them. */
  readonly startedAtMs: number
  readonly endedAtMs: number
}

export interface LoadOptions {
  /** Scheme, host and port. */
  readonly origin: string
  readonly ratePerSecond: number
  /** Each user has a `session` cookie of its own. */
  readonly userCount: number
  readonly onAnswer: (answer: Answer) => void
}

export interface Load {
  /** Requests sent so far. */
  readonly sentCount: number
  /** Sends nothing more and waits for the answers under way. */
  stop(): Promise<void>
}

const GROUP_EVERY_MS = 5
/** Requests under way; beyond it none is sent, so that a dead proxy does not fill the memory. */
const MAX_IN_FLIGHT = 500
const ANSWER_LIMIT_MS = 10_000

export function startLoad(options: LoadOptions): Load {
  const { origin, ratePerSecond, userCount, onAnswer } = options
  const pool = new Pool(origin, {
    connections: 64,
    headersTimeout: ANSWER_LIMIT_MS,
    bodyTimeout: ANSWER_LIMIT_MS,
  })
  const inFlight = new Set<Promise<void>>()
  const startMs = performance.now()
  let sentCount = 0
  /** Requests that were due and were not sent. */
  let skippedCount = 0

  const sendOne = async (): Promise<void> => {
    const user = Math.floor(Math.random() * userCount)
    const startedAtMs = performance.now()
    const seen = await ask(pool, user)
    onAnswer({ user, ...seen, startedAtMs, endedAtMs: performance.now() })
  }
  const sendDue = (): void => {
    const dueCount = Math.floor(((performance.now() - startMs) * ratePerSecond) / 1_000)
    while (sentCount + skippedCount < dueCount) {
      if (inFlight.size >= MAX_IN_FLIGHT) {
        skippedCount++
        continue
      }
      sentCount++
      const sending: Promise<void> = sendOne().finally(() => inFlight.delete(sending))
      inFlight.add(sending)
    }
  }
  const timer = setInterval(sendDue, GROUP_EVERY_MS)

  return {
    get sentCount() {
      return sentCount
    },
    stop: async () => {
      clearInterval(timer)
      await Promise.all(inFlight)
      await pool.close()
    },
  }
}

async function ask(pool: Pool, user: number): Promise<Pick<Answer, 'version' | 'status'>> {
  try {
    const response = await pool.request({
      path: user % 4 === 0 ? '/checkout' : '/',
      method: 'GET',
      headers: { cookie: `session=user-${user}` },
    })
    await response.body.dump()
    const version = response.headers['x-shop-version']
    return { version: typeof version === 'string' ? version : null, status: response.statusCode }
  } catch {
    return { version: null, status: 0 }
  }
}
