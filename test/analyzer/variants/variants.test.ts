import { describe, expect, test } from 'vitest'
import { FAULT_RATIOS, GAIN_RATIOS } from '../../../src/analyzer/coin/bets.ts'
import { Duel } from '../../../src/analyzer/variants/duel.ts'
import {
  eitherWay,
  falseDiscoveryRate,
  familyWise,
  winner,
} from '../../../src/analyzer/variants/select.ts'

describe('a duel', () => {
  const equal = { weight: 0.3, rivalWeight: 0.3 }

  test('is won by more conversions at equal weights', () => {
    const duel = new Duel()
    duel.add({ ...equal, conversionCount: 400, rivalConversionCount: 250 })
    expect(duel.lnEvidence).toBeGreaterThan(Math.log(1_000))
  })

  test('is not won by a larger weight', () => {
    const duel = new Duel()
    duel.add({ weight: 0.6, rivalWeight: 0.2, conversionCount: 300, rivalConversionCount: 100 })
    expect(duel.lnEvidence).toBeLessThan(0)
  })

  test('adds up over changing weights and goes on from what was saved', () => {
    const [whole, first] = [new Duel(), new Duel()]
    const early = { ...equal, conversionCount: 40, rivalConversionCount: 30 }
    const late = { weight: 0.5, rivalWeight: 0.1, conversionCount: 90, rivalConversionCount: 10 }
    for (const counts of [early, late]) whole.add(counts)
    first.add(early)
    const second = new Duel(JSON.parse(JSON.stringify(first.save())))
    second.add(late)
    expect(second.lnEvidence).toBe(whole.lnEvidence)
  })

  test('has bets of its own', () => {
    expect(new Duel().save()).toHaveLength(GAIN_RATIOS.length)
    expect(() => new Duel(FAULT_RATIOS.map(() => 0))).toThrow(RangeError)
  })
})

describe('of several claims', () => {
  const ln = [1_000, 90, 30, 21, 3].map((evidence) => Math.log(evidence))

  test('those hold together that reach K / alpha', () => {
    expect(familyWise(ln, 0.05)).toEqual([0])
    expect(familyWise(ln.toReversed(), 0.05)).toEqual([4])
    expect(familyWise(ln, 0.06)).toEqual([0, 1])
    expect(familyWise([], 0.05)).toEqual([])
  })

  test('a share of alpha may be false of those whose k-th reaches K / (k alpha)', () => {
    // The limits at 5 % are 100, 50, 33.3, 25 and 20.
    expect(falseDiscoveryRate(ln, 0.05)).toEqual([0, 1])
    expect(falseDiscoveryRate(ln.toReversed(), 0.05)).toEqual([3, 4])
    // A late one that reaches its limit takes along all above it.
    expect(falseDiscoveryRate([26, 26, 26, 26].map(Math.log), 0.05)).toEqual([0, 1, 2, 3])
    expect(falseDiscoveryRate([19, 3].map(Math.log), 0.05)).toEqual([])
    expect(falseDiscoveryRate([], 0.05)).toEqual([])
  })

  test('a winner beats every other one', () => {
    const sure = Math.log(61)
    expect(
      winner(
        [
          [0, sure, sure],
          [0, 0, sure],
          [0, 0, 0],
        ],
        0.05,
      ),
    ).toBe(0)
    expect(
      winner(
        [
          [0, 0, sure],
          [sure, 0, sure],
          [0, 0, 0],
        ],
        0.05,
      ),
    ).toBe(1)
    expect(
      winner(
        [
          [0, sure, 0],
          [0, 0, sure],
          [sure, 0, 0],
        ],
        0.05,
      ),
    ).toBeNull()
    expect(
      winner(
        [
          [0, Math.log(59)],
          [0, 0],
        ],
        0.05,
      ),
    ).toBe(0)
    expect(
      winner(
        [
          [0, Math.log(39)],
          [0, 0],
        ],
        0.05,
      ),
    ).toBeNull()
  })

  test('a difference in either direction costs a factor of two', () => {
    expect(eitherWay(Math.log(80), -Infinity)).toBeCloseTo(Math.log(40), 12)
    expect(eitherWay(-2_000, -2_000)).toBeCloseTo(-2_000, 9)
    expect(eitherWay(-Infinity, -Infinity)).toBe(-Infinity)
  })
})
