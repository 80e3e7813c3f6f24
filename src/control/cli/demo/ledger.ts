/**
 * What the users saw, counted from their side of the proxy: the demo takes no number of Sluice's own for it.
 */

import type { Answer } from './load.ts'

export interface Share {
  readonly requestCount: number
  readonly errorCount: number
}

const NOBODY: Share = { requestCount: 0, errorCount: 0 }

/** Counts answers, all of them and by version. */
export class Ledger {
  readonly #canaryVersion: string
  readonly #byVersion = new Map<string | null, Share>()
  #all = NOBODY
  #firstCanaryAtMs: number | null = null
  /** By user, when the first answer of the canary came. */
  readonly #canarySinceMs = new Map<number, number>()
  readonly #flapped = new Set<number>()

  constructor(canaryVersion: string) {
    this.#canaryVersion = canaryVersion
  }

  add(answer: Answer): void {
    const { user, version, startedAtMs, endedAtMs } = answer
    this.#all = plus(this.#all, answer)
    this.#byVersion.set(version, plus(this.#byVersion.get(version) ?? NOBODY, answer))
    const sinceMs = this.#canarySinceMs.get(user) ?? Infinity
    if (version === this.#canaryVersion) {
      this.#canarySinceMs.set(user, Math.min(sinceMs, endedAtMs))
      this.#firstCanaryAtMs = Math.min(this.#firstCanaryAtMs ?? Infinity, startedAtMs)
    } else if (version !== null && startedAtMs > sinceMs) {
      this.#flapped.add(user)
    }
  }

  get all(): Share {
    return this.#all
  }

  get canary(): Share {
    return this.of(this.#canaryVersion)
  }

  of(version: string): Share {
    return this.#byVersion.get(version) ?? NOBODY
  }

  /** When the first request that the canary answered was sent, as `performance.now()` counts; null: there was none. */
  get firstCanaryAtMs(): number | null {
    return this.#firstCanaryAtMs
  }

  /** Users who were answered by stable to a request that they sent after the canary had answered them. */
  get flapCount(): number {
    return this.#flapped.size
  }
}

function plus({ requestCount, errorCount }: Share, { status }: Answer): Share {
  const isError = status === 0 || status >= 500
  return { requestCount: requestCount + 1, errorCount: errorCount + (isError ? 1 : 0) }
}
