/**
 * Whether the endpoints of a rollout's upstreams are warm: an endpoint that is new, or just healthy again, may be slow for a
 * while, and that is no fault of its version.
 *
 * While one of either variant is fresh, nobody's latency is judged. To leave out the requests of the fresh endpoint alone was
 * rejected: the coin is known for all requests of a route, not for those that are left when one side loses some. Half of
 * stable's requests left out would double the canary's part in whatever befalls both.
 */

import { AGE_MS } from './settlements.ts'

/** How long an endpoint is fresh, at least: as long as a canary that has just begun. */
export const FRESH_MS = 30_000

/**
 * For so long on end an upstream may be fresh. Beyond, new endpoints are its usual state, as behind a name whose addresses
 * rotate, and latency would never be judged.
 */
export const FRESH_LIMIT_MS = 300_000

/** An upstream's endpoints as control knows them. */
export interface Endpoints {
  readonly slowStartMs: number
  readonly endpoints: readonly {
    readonly id: string
    /** Null: nobody asks. */
    readonly isHealthy: boolean | null
  }[]
}

interface Seen {
  readonly isHealthy: boolean | null
  /** -Infinity: it was there when the upstream was first looked at. */
  readonly freshSinceMs: number
}

export class Freshness {
  readonly #endpointsOf: (upstream: string) => Endpoints
  /** Endpoints by id, by upstream. */
  #seen = new Map<string, ReadonlyMap<string, Seen>>()
  /** Since when each upstream is fresh on end. */
  #fresh: ReadonlyMap<string, number> = new Map()
  #nowMs = 0

  constructor(endpointsOf: (upstream: string) => Endpoints) {
    this.#endpointsOf = endpointsOf
  }

  /** Looks at those upstreams, some times a second, and forgets all others. */
  look(upstreams: ReadonlySet<string>, nowMs: number): void {
    const seen = new Map<string, ReadonlyMap<string, Seen>>()
    const fresh = new Map<string, number>()
    this.#nowMs = nowMs
    for (const upstream of upstreams) {
      const { slowStartMs, endpoints } = this.#endpointsOf(upstream)
      const before = this.#seen.get(upstream)
      const now = new Map(
        endpoints.map(({ id, isHealthy }) => [
          id,
          { isHealthy, freshSinceMs: freshSince(before, { id, isHealthy }, nowMs) },
        ]),
      )
      seen.set(upstream, now)
      // What was sent to it while it was fresh settles later by the longest age.
      const endMs = nowMs - Math.max(FRESH_MS, slowStartMs) - AGE_MS.max
      if ([...now.values()].some(({ freshSinceMs }) => freshSinceMs > endMs)) {
        fresh.set(upstream, this.#fresh.get(upstream) ?? nowMs)
      }
    }
    this.#seen = seen
    this.#fresh = fresh
  }

  /** Whether no endpoint of the upstream is fresh, or some have been for too long. */
  isWarm(upstream: string): boolean {
    const sinceMs = this.#fresh.get(upstream)
    return sinceMs === undefined || this.#nowMs - sinceMs >= FRESH_LIMIT_MS
  }
}

/** What nobody asks about is taken for healthy. */
function freshSince(
  upstream: ReadonlyMap<string, Seen> | undefined,
  { id, isHealthy }: Endpoints['endpoints'][number],
  nowMs: number,
): number {
  if (upstream === undefined) return -Infinity
  const before = upstream.get(id)
  if (before === undefined) return nowMs
  const isBack = before.isHealthy === false && isHealthy !== false
  return isBack ? nowMs : before.freshSinceMs
}
