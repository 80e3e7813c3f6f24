/**
 * How the requests of each attempt at a rollout become evidence: at which age, counted where, units told apart or not.
 *
 * Made when an attempt is first published, and the same until it is over: the age must not change within the evidence.
 */

import { SETTLE_AFTER } from '../config/defaults.ts'
import type { Settlement } from '../../proxy/snapshot.ts'
import { createUnitBuffer, UnitSet } from '../../proxy/settlement/units.ts'
import { type CellPair, CellRegistry, REST_MS } from './cells.ts'

/** Milliseconds. */
export const AGE_MS = { ...SETTLE_AFTER, default: 1_000 } as const

/** Of stable's p99. */
const AGE_FACTOR = 4

export interface KeptSettlement {
  readonly ageMs: number
  /** The units and what is known of them, see `UnitSet.keep`; empty where units are not told apart. */
  readonly units: string
}

/** An attempt, as far as routing knows it. */
export interface Attempt {
  readonly route: string
  readonly rollout: string
  readonly attempt: number
  readonly isSticky: boolean
  /** Where the configuration says so; null: of stable's latency. */
  readonly ageMs: number | null
}

interface KnownSettlement {
  readonly settlement: Settlement
  readonly units: UnitSet | null
  readonly id: AttemptId
  /** When it was published last. */
  publishedAtMs: number
}

export interface SettlementsOptions {
  readonly nowMs: () => number
  /** What 99 % of the stable requests of a route are faster than, in microseconds; null where nobody knows. */
  readonly stableP99Us: (route: string) => number | null
  /** What an earlier process knew of an attempt. */
  readonly kept: (attempt: AttemptId) => KeptSettlement | null
}

export class Settlements {
  readonly #options: SettlementsOptions
  readonly #cells: CellRegistry
  readonly #settlements = new Map<string, KnownSettlement>()

  constructor(options: SettlementsOptions) {
    this.#options = options
    this.#cells = new CellRegistry(options.nowMs)
  }

  /** Returns null where requests cannot become evidence: there is no weight, or no room. */
  obtain(
    attempt: Attempt,
    weightBp: number,
  ): { readonly settlement: Settlement; readonly pair: CellPair } | null {
    const name = attemptName(attempt)
    const pair = weightBp === 0 ? null : this.#cells.obtain(name, weightBp)
    if (pair === null) return null
    const known = this.#settlements.get(name) ?? this.#settle(name, attempt)
    known.publishedAtMs = this.#options.nowMs()
    return { settlement: known.settlement, pair }
  }

  /** The cells of an attempt by weight in basis points. */
  cells(attempt: AttemptId): ReadonlyMap<number, CellPair> {
    return this.#cells.of(attemptName(attempt))
  }

  /** What a later process has to know; null while the attempt has not been published with a weight. */
  keep(attempt: AttemptId): KeptSettlement | null {
    const known = this.#settlements.get(attemptName(attempt))
    if (known === undefined) return null
    const { units, settlement } = known
    const { ageMs } = settlement
    return { ageMs, units: units?.keep() ?? '' }
  }

  /** Tells the threads which units are slow from now on; see `UnitSet.setLimits`. */
  setUnitLimits(attempt: AttemptId, limitsUs: readonly number[]): void {
    this.#settlements.get(attemptName(attempt))?.units?.setLimits(limitsUs)
  }

  /** The attempt is over. */
  release(attempt: AttemptId): void {
    const name = attemptName(attempt)
    this.#cells.release(name)
    this.#settlements.delete(name)
  }

  /** Releases all attempts but these and what has just been published: an attempt may be over before anybody judged it. */
  keepOnly(attempts: readonly AttemptId[]): void {
    const names = new Set(attempts.map(attemptName))
    const beforeMs = this.#options.nowMs() - REST_MS
    for (const [name, { id, publishedAtMs }] of this.#settlements) {
      if (!names.has(name) && publishedAtMs <= beforeMs) this.release(id)
    }
  }

  #settle(name: string, attempt: Attempt): KnownSettlement {
    const { kept: keptOf, stableP99Us } = this.#options
    const kept = keptOf(attempt)
    const ageMs = kept?.ageMs ?? attempt.ageMs ?? ageOf(stableP99Us(attempt.route))
    const buffer = attempt.isSticky ? createUnitBuffer() : null
    const units = buffer === null ? null : new UnitSet(buffer)
    // What is not a string was kept by a version that knew less; its evidence does not fit either.
    if (typeof kept?.units === 'string') units?.restore(kept.units)
    const made = {
      settlement: { name, ageMs, units: buffer },
      units,
      id: attempt,
      publishedAtMs: 0,
    }
    this.#settlements.set(name, made)
    return made
  }
}

export type AttemptId = Pick<Attempt, 'rollout' | 'attempt' | 'isSticky'>

/** A route that becomes sticky has other evidence from then on: its requests are no tosses of their own any more. */
function attemptName({ rollout, attempt, isSticky }: AttemptId): string {
  return `${rollout}/${attempt}${isSticky ? '/units' : ''}`
}

/** Returns the age at which requests are settled, in whole milliseconds. */
export function ageOf(stableP99Us: number | null): number {
  if (stableP99Us === null) return AGE_MS.default
  return Math.round(Math.min(AGE_MS.max, Math.max(AGE_MS.min, (AGE_FACTOR * stableP99Us) / 1000)))
}
