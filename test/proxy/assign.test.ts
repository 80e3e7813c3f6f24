/** The coin: how often it falls on which side, and that it never moves a unit against the ramp. */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Choice, chooseVariant, forcedVariant } from '../../src/proxy/assign.ts'
import type { CompiledRoute } from '../../src/proxy/table.ts'
import { head, parseRequest } from './http1/heads.ts'
import { routeWith, split } from './routes.ts'

const UNIT_COUNT = 1_000_000

const UNDECIDED: Choice = { forced: null, decided: null, unit: null }

function noDraw(): number {
  throw new Error('a request with a unit, or without a canary, is not drawn')
}

/** A fixed sequence of draws: splitmix32. */
function draws(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e37_79b9) | 0
    let z = Math.imul(state ^ (state >>> 16), 0x21f0_aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97)
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32
  }
}

function isCanary(route: CompiledRoute, unit: string | null, random = noDraw): boolean {
  return chooseVariant(route, { ...UNDECIDED, unit }, random).name === 'canary'
}

function canaryCount(route: CompiledRoute, unitOfIndex: (i: number) => string | null): number {
  const random = draws(20_261_121)
  let count = 0
  for (let i = 0; i < UNIT_COUNT; i++) if (isCanary(route, unitOfIndex(i), random)) count++
  return count
}

/** How far a count lies from what the weight makes expect, in standard deviations of independent draws. */
function sigmas(count: number, weightBp: number): number {
  const share = weightBp / 10_000
  return (count - UNIT_COUNT * share) / Math.sqrt(UNIT_COUNT * share * (1 - share))
}

describe.for([
  { kind: 'users', unitOfIndex: (i: number) => `user-${i}` },
  { kind: 'draws', unitOfIndex: () => null },
])('of a million $kind', ({ unitOfIndex }) => {
  test.for([1, 100, 5_000, 9_999])('the canary takes its share at %d bp', (weightBp) => {
    const count = canaryCount(routeWith({ variants: split(weightBp) }), unitOfIndex)
    expect(Math.abs(sigmas(count, weightBp))).toBeLessThan(4)
  })

  test.for([0, 10_000])('the canary takes exactly its share at %d bp', (weightBp) => {
    const count = canaryCount(routeWith({ variants: split(weightBp) }), unitOfIndex)
    expect(count).toBe((UNIT_COUNT * weightBp) / 10_000)
  })
})

test('the whole range of a draw is used, and no more', () => {
  const route = routeWith({ variants: split(1) })
  expect(isCanary(route, null, () => 0)).toBe(true)
  expect(isCanary(route, null, () => 0.000_099_999)).toBe(true)
  expect(isCanary(route, null, () => 0.0001)).toBe(false)
  expect(isCanary(routeWith({ variants: split(9_999) }), null, () => 1 - 2 ** -53)).toBe(false)
  expect(isCanary(routeWith({ variants: split(10_000) }), null, () => 1 - 2 ** -53)).toBe(true)
})

test('a route without a canary tosses no coin', () => {
  const route = routeWith({})
  expect(chooseVariant(route, { ...UNDECIDED, forced: 'canary' }, noDraw).name).toBe('stable')
})

describe('a unit', () => {
  const salts = fc.string({ maxLength: 20 })
  const units = fc.string({ unit: 'binary-ascii', maxLength: 40 })
  const weights = fc.integer({ min: 0, max: 10_000 })

  test('on the canary stays there while the weight rises', () => {
    fc.assert(
      fc.property(salts, units, weights, weights, (salt, unit, one, other) => {
        const [lower, higher] = [Math.min(one, other), Math.max(one, other)]
        const before = isCanary(routeWith({ salt, variants: split(lower) }), unit)
        const after = isCanary(routeWith({ salt, variants: split(higher) }), unit)
        expect({ before, after }).not.toEqual({ before: true, after: false })
      }),
      { numRuns: 2_000 },
    )
  })

  test('joins the canary at one weight and stays at every higher one', () => {
    const routes = Array.from({ length: 101 }, (_, i) => routeWith({ variants: split(100 * i) }))
    for (let i = 0; i < 1_000; i++) {
      const sides = routes.map((route) => isCanary(route, `user-${i}`))
      expect(sides.lastIndexOf(false)).toBe(sides.indexOf(true) - 1)
    }
  })

  test('gets the same answer each time, on every replica', () => {
    fc.assert(
      fc.property(salts, units, weights, (salt, unit, weightBp) => {
        const sides = [1, 2].map(() =>
          isCanary(routeWith({ salt, variants: split(weightBp) }), unit),
        )
        expect(sides[0]).toBe(sides[1])
      }),
    )
  })
})

describe('different rollouts', () => {
  const CELLS = 10
  const UNITS = 100_000

  /** Into which tenth each unit falls: the first weight, in steps of 10 %, at which it is on the canary. */
  function tenths(salt: string): Uint8Array {
    const routes = Array.from({ length: CELLS }, (_, i) =>
      routeWith({ salt, variants: split(1_000 * (i + 1)) }),
    )
    return Uint8Array.from({ length: UNITS }, (_, i) =>
      routes.findIndex((route) => isCanary(route, `user-${i}`)),
    )
  }

  const salts = ['r1', 'r2', 'r10', 'shop-2026-11-21', 'shop-2026-11-22', '', 'ü']
  const tenthsBySalt = salts.map(tenths)

  /** Above this, 81 degrees of freedom come once in a million by chance. */
  const CHI_SQUARE_LIMIT = 156.8

  const pairs = salts.flatMap((a, i) =>
    salts.slice(i + 1).map((b, j) => [a, b, i, i + 1 + j] as const),
  )

  test.for(pairs)('take users apart independently: "%s" and "%s"', ([, , i, j]) => {
    const counts = new Float64Array(CELLS * CELLS)
    for (let unit = 0; unit < UNITS; unit++) {
      counts[tenthsBySalt[i]![unit]! * CELLS + tenthsBySalt[j]![unit]!]!++
    }
    const expected = UNITS / counts.length
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
    expect(chiSquare).toBeLessThan(CHI_SQUARE_LIMIT)
  })
})

/** Returns the variant of a request with that line for user `u`. */
function choose(weightBp: number, forceHeader: string | null, line: string): string {
  const route = routeWith({ variants: split(weightBp), forceHeader })
  const parsed = parseRequest(head('GET / HTTP/1.1', 'Host: a', line))
  return chooseVariant(
    route,
    { ...UNDECIDED, forced: forcedVariant(route, parsed), unit: 'u' },
    noDraw,
  ).name
}

describe('a forced variant', () => {
  test('is taken where the route lets clients choose, even at weight 0', () => {
    expect(choose(0, 'x-variant', 'X-Variant: canary')).toBe('canary')
  })

  test('may be stable while the canary has everything', () => {
    expect(choose(10_000, 'x-variant', 'X-Variant: stable')).toBe('stable')
  })

  test.for([
    { name: 'where the route does not', forceHeader: null, line: 'X-Variant: canary' },
    { name: 'under another name', forceHeader: 'x-other', line: 'X-Variant: canary' },
    { name: 'that does not exist', forceHeader: 'x-variant', line: 'X-Variant: beta' },
    { name: 'in another case', forceHeader: 'x-variant', line: 'X-Variant: Canary' },
    { name: 'that is empty', forceHeader: 'x-variant', line: 'X-Variant:' },
    { name: 'that is a list', forceHeader: 'x-variant', line: 'X-Variant: canary, stable' },
    {
      name: 'that is a property of objects',
      forceHeader: 'x-variant',
      line: 'X-Variant: __proto__',
    },
  ])('is ignored $name, and the coin decides', ({ forceHeader, line }) => {
    expect(choose(0, forceHeader, line)).toBe('stable')
    expect(choose(10_000, forceHeader, line)).toBe('canary')
  })
})

/** Returns the variant of user `u` with that choice. */
function chosen(weightBp: number, choice: Partial<Choice>): string {
  const route = routeWith({ variants: split(weightBp) })
  return chooseVariant(route, { ...UNDECIDED, unit: 'u', ...choice }, noDraw).name
}

describe('what a rule has decided', () => {
  test('goes before the coin', () => {
    expect(chosen(0, { decided: 'canary' })).toBe('canary')
    expect(chosen(10_000, { decided: 'stable' })).toBe('stable')
  })

  test('is stable where the route has no such variant', () => {
    expect(chosen(10_000, { decided: 'beta' })).toBe('stable')
  })

  test('comes after what the client was allowed to choose', () => {
    expect(chosen(0, { forced: 'canary', decided: 'stable' })).toBe('canary')
    expect(chosen(10_000, { forced: 'beta', decided: 'stable' })).toBe('stable')
  })
})

describe('with several variants', () => {
  const variants = [
    { name: 'stable', upstream: 0, weightBp: 5_000, series: 0, cell: null },
    { name: 'b', upstream: 1, weightBp: 3_000, series: 1, cell: null },
    { name: 'c', upstream: 1, weightBp: 2_000, series: 2, cell: null },
  ]

  test('each takes its share of the draws', () => {
    const route = routeWith({ variants })
    const names = [0, 0.1999, 0.2, 0.4999, 0.5, 0.9999].map(
      (draw) => chooseVariant(route, UNDECIDED, () => draw).name,
    )
    expect(names).toEqual(['c', 'c', 'b', 'b', 'stable', 'stable'])
  })
})
