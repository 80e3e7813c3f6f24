import { describe, expect, test } from 'vitest'
import type { Balance } from '../../../src/proxy/upstream/settings.ts'
import { Fleet } from './fleet.ts'

const BALANCES: readonly Balance[] = ['leastRequest', 'roundRobin', 'random', 'consistentHash']

describe.for(BALANCES)('%s', (balance) => {
  test('sends even parts', () => {
    const fleet = new Fleet(5, { settings: { balance } })
    for (let i = 0; i < 20_000; i++) fleet.choose()
    // A ring's arcs are not all as long as each other.
    const tolerance = balance === 'consistentHash' ? 0.25 : 0.05
    for (const part of fleet.parts) expect(Math.abs(part - 1)).toBeLessThan(tolerance)
  })

  test('sends parts by weight', () => {
    const fleet = new Fleet(3, { settings: { balance }, weights: [1, 2, 7] })
    for (let i = 0; i < 50_000; i++) fleet.choose()
    const [one, two, seven] = fleet.counts.map((count) => count / 50_000)
    expect(one).toBeCloseTo(0.1, 1)
    expect(two).toBeCloseTo(0.2, 1)
    expect(seven).toBeCloseTo(0.7, 1)
  })

  test('does not send where it is asked not to, unless there is nobody else', () => {
    const fleet = new Fleet(3, { settings: { balance } })
    for (let i = 0; i < 1_000; i++) fleet.choose(undefined, fleet.endpoint(1))
    expect(fleet.counts[1]).toBe(0)
    expect(fleet.counts[0]).toBeGreaterThan(0)
    expect(fleet.counts[2]).toBeGreaterThan(0)
    const alone = new Fleet(1, { settings: { balance } })
    expect(alone.choose(0, alone.endpoint(0))).toBe(0)
  })

  test('of none there is none to choose', () => {
    expect(new Fleet(0, { settings: { balance } }).choose()).toBe(-1)
  })
})

describe.for(['leastRequest', 'roundRobin', 'random'] as const)('%s under traffic', (balance) => {
  test.for([
    [[3, 1], 100],
    [[3, 1], 2_000],
    [[100, 1, 1], 500],
    [[1, 0.1], 500],
  ] as const)('sends parts by weight: %j at %i requests a second', ([weights, perSecond]) => {
    const fleet = new Fleet(weights.length, { settings: { balance }, weights })
    fleet.run(100_000, perSecond)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (const [i, part] of fleet.parts.entries()) {
      const wanted = weights[i]! / total
      expect(Math.abs(part / weights.length - wanted)).toBeLessThan(0.02 + 0.1 * wanted)
    }
  })
})

test('round robin goes on where it was when anything about endpoints changes', () => {
  const fleet = new Fleet(2, { settings: { balance: 'roundRobin' }, weights: [3, 1] })
  for (let i = 0; i < 400; i++) {
    fleet.set.changeCount++
    fleet.choose()
  }
  expect(fleet.counts).toEqual([300, 100])
})

describe('leastRequest', () => {
  test('of two takes the less busy one, for its weight', () => {
    const fleet = new Fleet(2, { weights: [3, 1] })
    fleet.endpoint(0).connectionCount = 5
    fleet.endpoint(1).connectionCount = 2
    for (let i = 0; i < 100; i++) fleet.choose()
    expect(fleet.counts).toEqual([100, 0])
  })

  test('a slow endpoint gets fewer', () => {
    const fleet = new Fleet(4)
    fleet.behaviours[2] = { latencyMs: 100, result: 'ok' }
    fleet.run(10_000, 500)
    expect(fleet.parts[2]).toBeLessThan(0.5)
  })

  test.for([1, 20, 500])(
    'failing at once attracts nothing where answers take %s ms',
    (latencyMs) => {
      const fleet = new Fleet(4)
      fleet.behave({ latencyMs, result: 'ok' })
      fleet.behaviours[2] = { latencyMs: 1, result: 'serverError' }
      fleet.run(5_000, 500)
      fleet.clear()
      fleet.run(20_000, 500)
      expect(fleet.parts[2]).toBeLessThan(1.05)
    },
  )

  test('a failure now and then costs an endpoint little', () => {
    const fleet = new Fleet(4)
    fleet.run(1_000, 500)
    fleet.clear()
    for (let i = 0; i < 40; i++) {
      fleet.run(1_000, 500)
      fleet.endpoint(1).note('serverError', 5_000)
    }
    expect(fleet.parts[1]).toBeGreaterThan(0.85)
  })
})

describe('consistentHash', () => {
  const hashes = Array.from({ length: 2_000 }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 0)
  const settings = { balance: 'consistentHash' } as const

  function placesOf(fleet: Fleet): readonly number[] {
    return hashes.map((hash) => fleet.choose(hash))
  }

  test('keeps a unit on one endpoint, in every thread', () => {
    const fleet = new Fleet(5, { settings, seed: 1 })
    const places = placesOf(fleet)
    expect(placesOf(fleet)).toEqual(places)
    expect(placesOf(new Fleet(5, { settings, seed: 2 }))).toEqual(places)
  })

  test('an endpoint that is out loses its units, all others keep theirs, and it gets them back', () => {
    const fleet = new Fleet(5, { settings })
    const before = placesOf(fleet)
    fleet.set.setUnhealthy(new Set([fleet.endpoint(2).id]))
    const without = placesOf(fleet)
    expect(without).not.toContain(2)
    expect(without.filter((place, i) => before[i] !== 2 && place !== before[i])).toEqual([])
    fleet.set.setUnhealthy(new Set())
    expect(placesOf(fleet)).toEqual(before)
  })

  test('an endpoint that is new takes its part from the others, and nothing else moves', () => {
    const fleet = new Fleet(5, { settings })
    const before = placesOf(fleet)
    fleet.use(settings, 6)
    const after = placesOf(fleet)
    expect(after.filter((place, i) => place !== 5 && place !== before[i])).toEqual([])
    expect(after.filter((place) => place === 5).length).toBeGreaterThan(hashes.length / 12)
  })

  test('the same holds where weights differ, as far as it can', () => {
    const fleet = new Fleet(7, { settings, weights: [5, 3, 1, 1, 2, 4, 1] })
    fleet.use(settings, 6)
    const before = placesOf(fleet)
    fleet.use(settings, 7)
    const after = placesOf(fleet)
    const moved = after.filter((place, i) => place !== 6 && place !== before[i])
    expect(moved).toHaveLength(0)
    expect(after.filter((place) => place === 6).length).toBeGreaterThan(hashes.length / 40)
  })

  test('what one endpoint has too much of goes to the next one, the same for the same unit', () => {
    const fleet = new Fleet(4, { settings })
    const [hash] = hashes
    const home = fleet.choose(hash)
    fleet.endpoint(home).connectionCount = 10
    const next = fleet.choose(hash)
    expect(next).not.toBe(home)
    expect(fleet.choose(hash)).toBe(next)
    fleet.endpoint(home).connectionCount = 0
    expect(fleet.choose(hash)).toBe(home)
  })
})

test('round robin begins anywhere, so that threads do not go in step', () => {
  const firsts = Array.from({ length: 40 }, (_, seed) =>
    new Fleet(4, { settings: { balance: 'roundRobin' }, seed }).choose(),
  )
  expect(new Set(firsts).size).toBe(4)
})

describe('a preferred zone', () => {
  const zones = ['a', 'a', 'a', 'b']
  const settings = { preferZone: 'a' }

  test('is used alone as long as half of it can be', () => {
    const fleet = new Fleet(4, { zones, settings })
    fleet.set.setUnhealthy(new Set([fleet.endpoint(0).id]))
    for (let i = 0; i < 300; i++) fleet.choose()
    expect(fleet.counts[3]).toBe(0)
    fleet.set.setUnhealthy(new Set([fleet.endpoint(0).id, fleet.endpoint(1).id]))
    for (let i = 0; i < 300; i++) fleet.choose()
    expect(fleet.counts[3]).toBeGreaterThan(0)
  })

  test('that nobody stands in is no reason to serve nobody', () => {
    expect(new Fleet(2, { settings }).choose()).toBeGreaterThanOrEqual(0)
  })
})
