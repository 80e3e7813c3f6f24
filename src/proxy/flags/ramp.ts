/**
 * A flag that a rollout decides: on the rollout's own route the coin, elsewhere what that coin would say.
 *
 * On the route the rule steps aside, so that assignments stay the coin's and count as evidence. The same function
 * answers OFREP.
 */

import { BUCKET_COUNT, bucketOf, seedOf } from '../bucket.ts'
import type { FlagSubject } from './evaluator.ts'
import type { FlagRamp } from '../snapshot.ts'

export const CANARY = 'canary'
export const STABLE = 'stable'

export interface CompiledRamp {
  readonly route: string
  readonly seed: number
  readonly weightBp: number
}

export function compileRamp({ route, salt, weightBp }: Omit<FlagRamp, 'key'>): CompiledRamp {
  return { route, seed: seedOf(salt), weightBp }
}

/** Returns the variant for one of the flag's audience; null where the coin will say it. */
export function rampVariant(ramp: CompiledRamp, subject: FlagSubject): string | null {
  if (subject.attribute('route') === ramp.route) return null
  return coinVariant(ramp, subject.unit)
}

/** Returns what the coin says of a unit (UTF-8 bytes in a latin1 string); `stable` without one, unless all are `canary`. */
export function coinVariant(ramp: CompiledRamp, unit: string | null): string {
  if (ramp.weightBp === BUCKET_COUNT) return CANARY
  if (unit === null) return STABLE
  return bucketOf(unit, ramp.seed) < ramp.weightBp ? CANARY : STABLE
}
