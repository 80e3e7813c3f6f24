/**
 * Semantic versions, compared by precedence (semver.org 2.0.0, section 11). Hot.
 *
 * Ranges were read by control (`control/config/version-range.ts`); here is only what a request costs. The package was
 * rejected here: it makes an object, three regular expressions and an exception for what this does with none.
 */

import type { Comparison, VersionBound } from './rule.ts'

/** Longer text is no version, as for the package `semver`. */
const LENGTH_LIMIT = 256
const DASH = 0x2d
const ZERO = 0x30

const IDENTIFIERS = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/
const LEADING_ZERO = /(?:^|\.)0\d+(?:\.|$)/
const DIGITS = /^\d+$/

export interface Version {
  readonly major: number
  readonly minor: number
  readonly patch: number
  /** Identifiers; none is a release. */
  readonly prerelease: readonly string[]
}

const NONE: readonly string[] = []

/** Returns null where the text is no version; a `v` in front is left out, the build is not looked at. */
export function parseVersion(text: string): Version | null {
  if (text.length > LENGTH_LIMIT) return null
  const start = text.charCodeAt(0) === 0x76 ? 1 : 0
  const plus = text.indexOf('+', start)
  const end = plus < 0 ? text.length : plus
  if (plus >= 0 && !IDENTIFIERS.test(text.slice(plus + 1))) return null
  const firstDot = text.indexOf('.', start)
  const secondDot = firstDot < 0 ? -1 : text.indexOf('.', firstDot + 1)
  if (secondDot < 0) return null
  let patchEnd = secondDot + 1
  while (patchEnd < end && isDigit(text.charCodeAt(patchEnd))) patchEnd++
  const major = numberIn(text, start, firstDot)
  const minor = numberIn(text, firstDot + 1, secondDot)
  const patch = numberIn(text, secondDot + 1, patchEnd)
  if (major < 0 || minor < 0 || patch < 0) return null
  if (patchEnd === end) return { major, minor, patch, prerelease: NONE }
  if (text.charCodeAt(patchEnd) !== DASH) return null
  const identifiers = text.slice(patchEnd + 1, end)
  if (!IDENTIFIERS.test(identifiers) || LEADING_ZERO.test(identifiers)) return null
  return { major, minor, patch, prerelease: identifiers.split('.') }
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9
}

/** Returns -1 for what is no number, or begins with a needless 0, or is beyond exact numbers. */
function numberIn(text: string, start: number, end: number): number {
  if (start >= end || end - start > 15) return -1
  if (end - start > 1 && text.charCodeAt(start) === ZERO) return -1
  let number = 0
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    if (!isDigit(code)) return -1
    number = number * 10 + code - ZERO
  }
  return number
}

/** Returns below 0, 0 or above 0, as `a` comes before `b`, is the same, or comes after it. */
export function compareVersions(a: Version, b: Version): number {
  return (
    a.major - b.major ||
    a.minor - b.minor ||
    a.patch - b.patch ||
    comparePrereleases(a.prerelease, b.prerelease)
  )
}

/** A release comes after all that led to it. */
function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Number(a.length === 0) - Number(b.length === 0)
  for (let i = 0; i < a.length && i < b.length; i++) {
    const order = compareIdentifiers(a[i]!, b[i]!)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  const isNumber = DIGITS.test(a)
  if (isNumber !== DIGITS.test(b)) return isNumber ? -1 : 1
  if (isNumber && a.length !== b.length) return a.length - b.length
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Whether a number that says how two things are ordered is what the comparison asks for. */
export function holds(comparison: Comparison, order: number): boolean {
  switch (comparison) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '=':
      return order === 0
    case '>=':
      return order >= 0
    case '>':
      return order > 0
  }
}

interface CompiledBound {
  readonly comparison: Comparison
  readonly version: Version
}

/** Returns whether a version lies within all bounds of any of the ranges. Bounds are versions. */
export function compileRanges(
  ranges: readonly (readonly VersionBound[])[],
): (version: Version) => boolean {
  const compiled = ranges.map((bounds) =>
    bounds.map(({ comparison, version }): CompiledBound => ({
      comparison,
      version: parseVersion(version)!,
    })),
  )
  return (version) => compiled.some((bounds) => bounds.every((bound) => isWithin(version, bound)))
}

function isWithin(version: Version, bound: CompiledBound): boolean {
  return holds(bound.comparison, compareVersions(version, bound.version))
}
