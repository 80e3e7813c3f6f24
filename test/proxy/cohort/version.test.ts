import * as fc from 'fast-check'
import { compare, Range, valid } from 'semver'
import { describe, expect, test } from 'vitest'
import { readVersionRange } from '../../../src/control/config/comparisons.ts'
import { compareVersions, compileRanges, parseVersion } from '../../../src/proxy/cohort/version.ts'

const number = fc.oneof(fc.nat({ max: 3 }), fc.nat()).map(String)
const identifier = fc.oneof(number, fc.constantFrom('alpha', 'beta', 'rc', 'x-1', '01', '0a', '-'))
const prerelease = fc
  .array(identifier, { maxLength: 3 })
  .map((parts) => (parts.length === 0 ? '' : `-${parts.join('.')}`))
const version = fc
  .tuple(fc.constantFrom('', '', 'v'), number, number, number, prerelease)
  .map(([v, major, minor, patch, pre]) => `${v}${major}.${minor}.${patch}${pre}`)
const garbled = fc.string({
  unit: fc.constantFrom('0', '1', '2', '.', '-', '+', 'v', 'a'),
  maxLength: 9,
})

describe('a version', () => {
  test('is one where the package semver takes it', () => {
    fc.assert(
      fc.property(fc.oneof(version, garbled), (text) => {
        // The package also takes spaces and "=" in front, which no version has.
        expect(parseVersion(text) !== null).toBe(valid(text) !== null)
      }),
      { numRuns: 5_000 },
    )
  })

  test('comes before others as for the package semver', () => {
    fc.assert(
      fc.property(version, version, (a, b) => {
        const [one, other] = [parseVersion(a), parseVersion(b)]
        fc.pre(one !== null && other !== null)
        expect(Math.sign(compareVersions(one, other))).toBe(compare(a, b))
      }),
      { numRuns: 5_000 },
    )
  })

  test('of any length takes no time', () => {
    expect(parseVersion(`1.0.0-${'a.'.repeat(100_000)}`)).toBe(null)
  })
})

describe('a range', () => {
  test.for([
    ['>=1.4.0 <2', '1.4.0', true],
    ['>=1.4.0 <2', '1.3.9', false],
    ['>=1.4.0 <2', '2.0.0', false],
    ['>=1.4.0', '1.5.0-beta.1', true],
    ['>=1.4.0', '1.4.0-beta.1', false],
    ['^1.2', '1.9.0', true],
    ['^1.2 || 3.x', '3.1.4', true],
    ['^1.2 || 3.x', '2.0.0', false],
    ['1.2.3', '1.2.3+build.7', true],
    ['*', '0.0.1', true],
    ['1.0 - 1.2', '1.2.9', true],
    ['>1 <1', '1.0.0', false],
  ] as const)('%s takes %s: %s', ([range, text, isIn]) => {
    expect(compileRanges(readVersionRange(range))(parseVersion(text)!)).toBe(isIn)
  })

  test('takes what the package semver takes', () => {
    const bound = fc
      .tuple(fc.constantFrom('', '>=', '<', '>', '<=', '^', '~', '='), version)
      .map(([o, v]) => o + v)
    const ranges = fc.array(
      fc.array(bound, { minLength: 1, maxLength: 2 }).map((all) => all.join(' ')),
      { minLength: 1, maxLength: 2 },
    )
    fc.assert(
      fc.property(ranges, version, (parts, text) => {
        const parsed = parseVersion(text)
        const found = new Range('*')
        let wanted = found
        try {
          wanted = new Range(parts.join(' || '), { includePrerelease: true })
        } catch {
          fc.pre(false)
        }
        fc.pre(parsed !== null)
        const isWithin = compileRanges(readVersionRange(parts.join(' || ')))
        expect(isWithin(parsed)).toBe(wanted.test(text))
      }),
      { numRuns: 5_000 },
    )
  })
})
