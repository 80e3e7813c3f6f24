/** From a flag's value to the name of a variant. */

import type { FlagDetails } from './flagd.ts'

/** What a flag is called that says yes or no, where nobody says otherwise. */
const OF_BOOLEAN = { true: 'canary', false: 'stable' } as const

/** Names of variants by the flag's own variants, or else by its values. */
export type VariantNames = ReadonlyMap<string, string>

/**
 * Returns the variant that a flag names: as the names say, else a text's own, else `canary` for true and `stable` for
 * false. Null for anything else: a number or an object names nobody.
 */
export function variantOf(
  { value, variant }: Pick<FlagDetails, 'value' | 'variant'>,
  names: VariantNames,
): string | null {
  const named = variant === null ? undefined : names.get(variant)
  if (named !== undefined) return named
  if (typeof value === 'boolean') {
    const word = value ? 'true' : 'false'
    return names.get(word) ?? OF_BOOLEAN[word]
  }
  if (typeof value !== 'string' || value === '') return null
  return names.get(value) ?? value
}
