/**
 * Chooses the variant of a request: forced, by rule, by the coin over its unit, or by an independent draw. Hot.
 *
 * Never weighted round robin: a caller in phase with it would break the statistics. The canary takes the
 * buckets below its weight, so that raising the weight only adds units and lowering it only removes some.
 */

import { BUCKET_COUNT, bucketOf } from './bucket.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'

/** Returns the name of the variant that the client asks for, where the route lets it ask, else null. */
export function forcedVariant(route: CompiledRoute, head: RequestHead): string | null {
  return route.forceHeader === null ? null : head.find(route.forceHeader)
}

/** What the choice depends on. */
export interface Choice {
  /** By the client; a name that the route does not have counts for nothing. */
  readonly forced: string | null
  /** By a rule or its flag; a name that the route does not have is stable. */
  readonly decided: string | null
  readonly unit: string | null
}

/** Returns the variant that the coin is not asked for, or null. */
export function chosenVariant(route: CompiledRoute, choice: Choice): CompiledVariant | null {
  const { forced, decided } = choice
  if (forced !== null) {
    const variant = find(route, forced)
    if (variant !== undefined) return variant
  }
  return decided === null ? null : (find(route, decided) ?? route.variants[0]!)
}

function find({ variants }: CompiledRoute, name: string): CompiledVariant | undefined {
  return variants.find((variant) => variant.name === name)
}

/** Returns the variant. `random` gives 0 up to, not including, 1. */
export function chooseVariant(
  route: CompiledRoute,
  choice: Choice,
  random: () => number,
): CompiledVariant {
  const { variants } = route
  if (variants.length === 1) return variants[0]!
  return chosenVariant(route, choice) ?? tossCoin(route, choice.unit, random)
}

function tossCoin(
  { variants, seed }: CompiledRoute,
  unit: string | null,
  random: () => number,
): CompiledVariant {
  const bucket = unit === null ? Math.floor(random() * BUCKET_COUNT) : bucketOf(unit, seed)
  let below = 0
  for (let i = variants.length - 1; i > 0; i--) {
    below += variants[i]!.weightBp
    if (bucket < below) return variants[i]!
  }
  return variants[0]!
}
