/** Chooses an endpoint: of two drawn at random the one with fewer requests on it. */

import type { Endpoint } from './endpoint.ts'

/** Returns null when there is none. `random` gives 0 up to, not including, 1. */
export function chooseEndpoint(
  endpoints: readonly Endpoint[],
  random: () => number,
): Endpoint | null {
  const { length } = endpoints
  if (length === 0) return null
  if (length === 1) return endpoints[0]!
  const first = Math.floor(random() * length)
  const step = 1 + Math.floor(random() * (length - 1))
  const a = endpoints[first]!
  const b = endpoints[(first + step) % length]!
  return b.outstandingCount < a.outstandingCount ? b : a
}
