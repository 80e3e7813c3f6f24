/**
 * When tunnels have to end: those to an upstream that its route sends nobody to any more.
 *
 * A WebSocket lives for hours, so a promotion or an abort would leave users on the old version for as long. And
 * a reload that does not touch the route must not cut anybody.
 */

import type { RoutingTable } from './table.ts'
import type { Endpoint } from './upstream/endpoint.ts'

/** Whether new requests of that route go to the endpoint no more. By id: an endpoint that comes back is another object. */
export function isLeaving(table: RoutingTable, routeName: string, endpoint: Endpoint): boolean {
  const route = table.byName.get(routeName)
  if (route === undefined) return true
  return !route.variants.some(
    ({ weightBp, upstream }) =>
      weightBp > 0 && upstream.endpoints.some(({ id }) => id === endpoint.id),
  )
}

/** Returns a time in the second half of `withinMs`; at random, so that not all clients come back at once. */
export function drainDeadlineMs(nowMs: number, withinMs: number, random: () => number): number {
  return nowMs + withinMs * (0.5 + random() / 2)
}
