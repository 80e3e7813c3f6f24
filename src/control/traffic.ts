/**
 * How many requests a second a route gets: what its windows of the last minute hold, by the time that they could.
 *
 * A window that was emptied, since another version took its place, or a process that has just begun, has not seen a
 * minute yet; taking it for one would warn of traffic that is missing nowhere.
 */

import type { Tallies } from './tallies.ts'
import type { SeriesRegistry } from './threads/routing.ts'

/** Shorter looks say nothing, in milliseconds. */
const SHORTEST_MS = 10_000
const MINUTE_MS = 60_000

export type Variant = 'stable' | 'canary'

export interface TrafficOptions {
  readonly series: Pick<SeriesRegistry, 'find'>
  readonly tallies: Pick<Tallies, 'lastMinute'>
  readonly clock: { nowMs(): number }
}

export class Traffic {
  readonly #options: TrafficOptions
  readonly #startedAtMs: number
  readonly #emptiedAtMs = new Map<string, number>()

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#startedAtMs = options.clock.nowMs()
  }

  /** The windows of a variant begin anew. */
  emptied(route: string, variant: Variant): void {
    this.#emptiedAtMs.set(`${route}/${variant}`, this.#options.clock.nowMs())
  }

  /** Of both variants together; null where nobody has looked for long enough. */
  requestsPerSecond(route: string): number | null {
    const stable = this.#rate(route, 'stable')
    return stable === null ? null : stable + (this.#rate(route, 'canary') ?? 0)
  }

  #rate(route: string, variant: Variant): number | null {
    const { series, tallies, clock } = this.#options
    const emptiedAtMs = this.#emptiedAtMs.get(`${route}/${variant}`) ?? this.#startedAtMs
    const seenMs = Math.min(MINUTE_MS, clock.nowMs() - emptiedAtMs)
    if (seenMs < SHORTEST_MS) return null
    const place = series.find(route, variant)
    return place === undefined ? 0 : (tallies.lastMinute(place).requestCount * 1_000) / seenMs
  }
}
