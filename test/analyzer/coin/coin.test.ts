import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FAULT_RATIOS, faultBets, orAlone, passBets } from '../../../src/analyzer/coin/bets.ts'
import { Coin, type CoinCounts, lnSum } from '../../../src/analyzer/coin/coin.ts'
import { lnBetaMixture, nullShare } from '../../../src/analyzer/coin/closed-form.ts'
import { restartMass, stepMass } from '../../../src/analyzer/coin/restarts.ts'
import { apart, stats } from '../../vectors/stats.ts'

/** As the formula is written, on plain numbers; the coin keeps logarithms instead. */
class PlainCoin {
  readonly #wealth = FAULT_RATIOS.map(() => 0)

  tick(mass: number, odds: number, counts: CoinCounts, tolerance: { rho: number; delta: number }) {
    const { rho, delta } = tolerance
    for (const [k, ratio] of FAULT_RATIOS.entries()) {
      const theta = Math.min((ratio - 1) / (1 + ratio * rho * odds), 0.99 / delta)
      this.#wealth[k]! += mass
      this.#wealth[k]! *=
        (1 + theta * (1 - delta)) ** counts.canaryBadCount *
        (1 - theta * delta) ** counts.canaryOkCount *
        (1 - theta * rho * odds) ** counts.stableBadCount
    }
  }

  get evidence(): number {
    return this.#wealth.reduce((sum, wealth) => sum + wealth, 0) / this.#wealth.length
  }
}

function countsOf(tick: { cE: number; cO: number; sE: number }): CoinCounts {
  return { canaryBadCount: tick.cE, canaryOkCount: tick.cO, stableBadCount: tick.sE }
}

function wealthOf(coin: Coin): number[] {
  return coin.save().map((ln) => Math.exp(ln ?? -Infinity))
}

describe('the reference values are met to 1e-9', () => {
  test.for(stats.coin_e_process.cases)('$name', (one) => {
    const { schedule } = one
    const coin = new Coin(faultBets(one, one.grid))
    const plan = schedule && {
      horizonTickCount: schedule.horizonTicks,
      stepCount: schedule.steps.length,
      restartCount: schedule.restarts,
    }
    for (const [index, tick] of one.ticks.entries()) {
      const stepped = plan !== null && schedule?.steps.includes(index) ? stepMass(plan) : 0
      const mass = plan === null ? tick.gamma : restartMass(plan, index) + stepped
      expect(apart(mass, tick.gamma)).toBeLessThan(1e-12)
      coin.invest(mass)
      coin.bet(tick.w / (1 - tick.w), countsOf(tick))
      expect(apart(Math.exp(coin.lnEvidence), tick.E)).toBeLessThan(1e-9)
    }
    for (const [k, wealth] of wealthOf(coin).entries()) {
      expect(apart(wealth, one.finalM[k]!)).toBeLessThan(1e-9)
    }
  })

  test.for(stats.pass_e_process.cases)('pass evidence at a weight of $w', (one) => {
    const coin = new Coin(passBets(one, one.grid))
    coin.invest(1)
    for (const step of one.path) {
      coin.bet(one.w / (1 - one.w), countsOf(step))
      expect(apart(Math.exp(coin.lnEvidence), step.E)).toBeLessThan(1e-9)
    }
  })

  test.for(stats.coin_beta_mixture.cases)('closed form, $x of $n at $q0', (one) => {
    const counts = { canaryCount: one.x, badCount: one.n }
    expect(apart(Math.exp(lnBetaMixture(counts, one.q0, one)), one.E)).toBeLessThan(1e-9)
  })
})

const counts = fc.record({
  canaryBadCount: fc.nat(12),
  canaryOkCount: fc.nat(400),
  stableBadCount: fc.nat(12),
})
const tolerances = fc.constantFrom(
  { rho: 1, delta: 0 },
  { rho: 1.5, delta: 0.001 },
  { rho: 2, delta: 0.01 },
  { rho: 0, delta: 0.05 },
)
const weights = fc.constantFrom(0.01, 0.05, 0.25, 0.5, 0.75)

function oddsOf(weight: number): number {
  return weight / (1 - weight)
}

test('logarithms say what plain numbers say', () => {
  const ticks = fc.array(fc.tuple(counts, weights, fc.constantFrom(0, 0, 0.01)), { maxLength: 8 })
  fc.assert(
    fc.property(ticks, tolerances, (story, tolerance) => {
      const coin = new Coin(faultBets(tolerance))
      const plain = new PlainCoin()
      for (const [tick, weight, mass] of story) {
        coin.invest(mass)
        coin.bet(oddsOf(weight), tick)
        plain.tick(mass, oddsOf(weight), tick, tolerance)
      }
      expect(apart(Math.exp(coin.lnEvidence), plain.evidence)).toBeLessThan(1e-9)
    }),
  )
})

test('a request is expected to win nothing at the edge of the tolerance', () => {
  fc.assert(
    fc.property(tolerances, weights, fc.double({ min: 0, max: 0.3, noNaN: true }), (t, w, p) => {
      const canaryRatio = t.rho * p + t.delta
      const { canaryBad, canaryOk, stableBad } = faultBets(t).factors(oddsOf(w))!
      for (let k = 0; k < FAULT_RATIOS.length; k++) {
        const onCanary =
          canaryRatio * Math.exp(canaryBad[k]!) + (1 - canaryRatio) * Math.exp(canaryOk[k]!)
        const onStable = p * Math.exp(stableBad[k]!) + 1 - p
        expect(w * onCanary + (1 - w) * onStable).toBeCloseTo(1, 9)
      }
    }),
  )
})

test('nor does a bet on a pass', () => {
  const t = { rho: 1.5, delta: 0.005 }
  fc.assert(
    fc.property(weights, fc.double({ min: 0, max: 0.3, noNaN: true }), (w, p) => {
      const canaryRatio = t.rho * p + t.delta
      const { count, factors } = passBets(t)
      const { canaryBad, canaryOk, stableBad } = factors(oddsOf(w))!
      for (let k = 0; k < count; k++) {
        const onCanary =
          canaryRatio * Math.exp(canaryBad[k]!) + (1 - canaryRatio) * Math.exp(canaryOk[k]!)
        const onStable = p * Math.exp(stableBad[k]!) + 1 - p
        expect(w * onCanary + (1 - w) * onStable).toBeCloseTo(1, 9)
      }
    }),
  )
})

test('counts may come in any order and in any portions between two restarts', () => {
  const story = fc.array(fc.tuple(counts, weights), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(story, tolerances, (ticks, tolerance) => {
      const [forwards, backwards] = [ticks, ticks.toReversed()].map((all) => {
        const coin = new Coin(faultBets(tolerance))
        coin.invest(1)
        for (const [tick, weight] of all) coin.bet(oddsOf(weight), tick)
        return coin.lnEvidence
      })
      expect(Math.abs(forwards! - backwards!)).toBeLessThan(1e-9 * Math.max(1, Math.abs(forwards!)))
    }),
  )
})

test('saved as JSON at any tick it goes on to the last bit', () => {
  const ticks = fc.array(fc.tuple(counts, weights, fc.boolean()), { maxLength: 20 })
  fc.assert(
    fc.property(ticks, tolerances, (story, tolerance) => {
      const bets = faultBets(tolerance)
      const whole = new Coin(bets)
      let resumed = new Coin(bets)
      for (const [tick, weight, isRestarted] of story) {
        if (isRestarted) resumed = new Coin(bets, JSON.parse(JSON.stringify(resumed.save())))
        for (const coin of [whole, resumed]) {
          coin.invest(0.01)
          coin.bet(oddsOf(weight), tick)
        }
      }
      expect(resumed.lnEvidence).toBe(whole.lnEvidence)
      expect(resumed.save()).toEqual(whole.save())
    }),
  )
})

test('a million bad outcomes neither overflow nor bury a later fault', () => {
  const coin = new Coin(faultBets({ rho: 1, delta: 0 }))
  coin.invest(0.5)
  coin.bet(oddsOf(0.05), { canaryBadCount: 0, canaryOkCount: 0, stableBadCount: 1_000_000 })
  expect(coin.lnEvidence).toBeLessThan(-10_000)
  coin.invest(0.25)
  coin.bet(oddsOf(0.05), { canaryBadCount: 1_000_000, canaryOkCount: 0, stableBadCount: 0 })
  expect(coin.lnEvidence).toBeGreaterThan(1_000_000)
  expect(Number.isFinite(coin.lnEvidence)).toBe(true)
})

describe('where the coin has one side', () => {
  const bad = { canaryBadCount: 9, canaryOkCount: 9, stableBadCount: 9 }

  test.for([
    ['no canary', 0, 1],
    ['no stable', 1, 1],
  ] as const)('with %s nothing is learnt about both', ([, weight, rho]) => {
    const coin = new Coin(faultBets({ rho, delta: 0 }))
    coin.invest(1)
    coin.bet(oddsOf(weight), bad)
    expect(coin.lnEvidence).toBe(0)
  })

  test('a limit needs no stable, and another bet can stand in for it', () => {
    const limit = faultBets({ rho: 0, delta: 0.05 })
    const [alone, stoodIn, atHalf] = [
      new Coin(limit),
      new Coin(orAlone(faultBets({ rho: 1, delta: 0 }), limit)),
      new Coin(limit),
    ]
    for (const coin of [alone, stoodIn, atHalf]) coin.invest(1)
    alone.bet(Infinity, bad)
    stoodIn.bet(Infinity, bad)
    atHalf.bet(1, bad)
    expect(alone.lnEvidence).toBeGreaterThan(5)
    expect(stoodIn.lnEvidence).toBe(alone.lnEvidence)
    expect(atHalf.lnEvidence).toBe(alone.lnEvidence)
  })
})

test('the closed form and the mixture of bets agree about a fault', () => {
  const coin = new Coin(faultBets({ rho: 1, delta: 0 }))
  coin.invest(1)
  coin.bet(oddsOf(0.05), { canaryBadCount: 20, canaryOkCount: 0, stableBadCount: 40 })
  const share = nullShare(0.05, 1)
  const closed = lnBetaMixture({ canaryCount: 20, badCount: 60 }, share)
  expect(Math.abs(coin.lnEvidence - closed)).toBeLessThan(1.5)
  expect(share).toBeCloseTo(0.05, 12)
})

test.for([[[1, 2]], [Array.from({ length: 11 }, () => Number.NaN)]])(
  'evidence that is not of these bets is refused: %j',
  ([saved]) => {
    expect(() => new Coin(faultBets({ rho: 1, delta: 0 }), saved)).toThrow(RangeError)
  },
)

test('no capital is no evidence', () => {
  expect(new Coin(faultBets({ rho: 1, delta: 0 })).lnEvidence).toBe(-Infinity)
  expect(lnSum(-Infinity, -Infinity)).toBe(-Infinity)
})
