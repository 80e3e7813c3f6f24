/**
 * What versions and numbers are compared with: `>=1.4.0 <2`, `^1.2 || 3.x`, `>= 10`.
 *
 * Read here into plain bounds, by the package `semver`, so that a proxy thread compares and reads no grammar. Pre-releases
 * stand in ranges by their precedence alone: npm's rule, by which `>=1.4.0` leaves out 1.5.0-beta, is for installing packages, and
 * would leave testers out of a rule for everything new.
 */

import { Comparator, Range } from 'semver'
import type { Comparison, NumberBound, VersionBound } from '../../proxy/cohort/rule.ts'
import { quote, refused } from './wording.ts'

const LENGTH_LIMIT = 256
const NUMBER_BOUND = /^(?<comparison><=|>=|<|>|=)?(?<value>-?\d{1,15}(?:\.\d{1,15})?)$/

/** Throws `CodedError` (`invalidConfig`). */
export function readVersionRange(text: string): readonly (readonly VersionBound[])[] {
  const range = text.trim() === '' || text.length > LENGTH_LIMIT ? null : parseRange(text)
  if (range === null) {
    throw refused(`${quote(text)} is not a range of versions, such as ">=1.4.0 <2" or "^1.2"`)
  }
  return range.set.map((comparators) => comparators.filter(isBound).map(boundOf))
}

function parseRange(text: string): Range | null {
  try {
    return new Range(text, { includePrerelease: true })
  } catch {
    return null
  }
}

/** `*` compares with nothing. */
function isBound(comparator: Comparator): boolean {
  return comparator.semver !== ANY
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its types leave the member out
const { ANY } = Comparator as unknown as { readonly ANY: Comparator['semver'] }

function boundOf({ operator, semver }: Comparator): VersionBound {
  const comparison = operator === '' || operator === undefined ? '=' : operator
  return { comparison, version: semver.version }
}

/** All must hold. Throws `CodedError` (`invalidConfig`). */
export function readNumberRange(text: string): readonly NumberBound[] {
  const words = text
    .trim()
    .replaceAll(/([<>=])\s+/g, '$1')
    .split(/\s+/)
  return words.map((word) => {
    const found = NUMBER_BOUND.exec(word)?.groups
    if (found === undefined) {
      throw refused(`${quote(text)} is not a range of numbers, such as ">=10 <20"`)
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the expression has these alone
    const comparison = (found['comparison'] ?? '=') as Comparison
    return { comparison, value: Number(found['value']) }
  })
}
