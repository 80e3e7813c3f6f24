/**
 * Sluice's own flags as flagd's definitions, so that one evaluator serves them and everybody else's.
 *
 * A flag is on or off. `fractional` hashes key and unit, and takes `on` first: a share that rises only adds units.
 */

import type { FlagProvider, FlagRamp } from '../../proxy/snapshot.ts'
import { OWN_PROVIDER } from '../config/schema-flags.ts'
import type { RouteTarget } from '../rollout/engine.ts'
import { type OwnFlag, type Standing, standingOf } from './own.ts'

const ALL_BP = 10_000

/** The provider that the threads get. */
export function compileOwn(
  flags: readonly OwnFlag[],
  targets: readonly RouteTarget[],
): FlagProvider & { readonly source: { readonly kind: 'flagd' } } {
  const ramps: FlagRamp[] = []
  const off: string[] = []
  const definitions = flags.map((flag) => {
    const standing = standingOf(flag, targets)
    if (standing.kind === 'coin') {
      const { route, salt, weightBp } = standing
      ramps.push({ key: flag.key, route, salt, weightBp })
    }
    if (standing.weightBp === 0) off.push(flag.key)
    return [flag.key, definitionOf(flag.audience, standing)] as const
  })
  return {
    name: OWN_PROVIDER,
    variants: {},
    source: {
      kind: 'flagd',
      definitions: JSON.stringify({ flags: Object.fromEntries(definitions) }),
      ramps,
      off,
    },
  }
}

/** The definition of one flag; where a coin decides, it says only who is asked. */
export function definitionOf(audience: unknown, standing: Standing): object {
  const share = standing.kind === 'coin' ? 'on' : shareOf(standing.weightBp)
  return {
    state: 'ENABLED',
    variants: { on: true, off: false },
    defaultVariant: 'off',
    targeting: { if: [audience ?? true, share, 'off'] },
  }
}

function shareOf(weightBp: number): unknown {
  if (weightBp === 0) return 'off'
  if (weightBp === ALL_BP) return 'on'
  return {
    fractional: [
      ['on', weightBp],
      ['off', ALL_BP - weightBp],
    ],
  }
}
