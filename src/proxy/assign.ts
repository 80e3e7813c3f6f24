/**
 * Chooses the variant of a request: forced, by the coin over its unit, or by an independent draw. Hot.
 *
 * Never weighted round robin: a caller in phase with it would break the statistics. The canary takes the
 * buckets below its weight, so that raising the weight only adds units and lowering it only removes some.
 */

import { BUCKET_COUNT, bucketOf } from './bucket.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'

/** Returns what sticks together: the value of the route's header or cookie, or null where the request has none. */
export function unitOf(route: CompiledRoute, head: RequestHead): string | null {
  const { sticky } = route
  if (sticky === null) return null
  const unit = sticky.kind === 'cookie' ? head.findCookie(sticky.name) : head.find(sticky.name)
  return unit === '' ? null : unit
}

/** Returns the name of the variant that the client asks for, where the route lets it ask, else null. */
export function forcedVariant(route: CompiledRoute, head: RequestHead): string | null {
  return route.forceHeader === null ? null : head.find(route.forceHeader)
}

/** What the choice depends on. */
export interface Choice {
  readonly forced: string | null
  readonly unit: string | null
}

/** Returns the variant. A forced name that the route does not have is ignored. `random` gives 0 up to, not including, 1. */
export function chooseVariant(
  route: CompiledRoute,
  choice: Choice,
  random: () => number,
): CompiledVariant {
  const { variants } = route
  if (variants.length === 1) return variants[0]!
  if (choice.forced !== null) {
    const forced = variants.find((variant) => variant.name === choice.forced)
    if (forced !== undefined) return forced
  }
  const bucket =
    choice.unit === null ? Math.floor(random() * BUCKET_COUNT) : bucketOf(choice.unit, route.seed)
  let below = 0
  for (let i = variants.length - 1; i > 0; i--) {
    below += variants[i]!.weightBp
    if (bucket < below) return variants[i]!
  }
  return variants[0]!
}
