/**
 * The simulations of bench/analysis in small: the same code, fewer runs, one seed. SEED=7 runs them with another one, and
 * a failure names it.
 */

import { beforeEach, describe, expect, test } from 'vitest'
import { falseAbortBar } from '../../bench/analysis/bars.ts'
import { measureComparison } from '../../bench/analysis/comparison.ts'
import { measureDetection } from '../../bench/analysis/detection.ts'
import { measureFalseAborts } from '../../bench/analysis/false-aborts.ts'
import { measureInstance } from '../../bench/analysis/modes/instance.ts'
import { measureRotation, measureWrongCoin } from '../../bench/analysis/modes/splitter.ts'
import { measureSticky } from '../../bench/analysis/modes/sticky.ts'
import { measureTiming } from '../../bench/analysis/modes/timing.ts'
import { PlugIn } from '../../bench/analysis/plug-in.ts'
import { measurePromotion } from '../../bench/analysis/promotion.ts'
import { Random } from '../../bench/analysis/random.ts'
import { ALPHAS, meanOf } from '../../bench/analysis/share.ts'
import { apart, stats } from '../vectors/stats.ts'

const seed = Number(process.env['SEED'] ?? 1)

beforeEach(({ onTestFailed }) => {
  onTestFailed(() => console.error(`This was with SEED=${seed}`))
})

test('healthy rollouts are not taken back more often than alpha allows, whatever the traffic', () => {
  const results = measureFalseAborts({ seed, runCount: 40, horizonS: 1_800 })
  expect(falseAbortBar(results)).toMatchObject({ isMet: true, missed: [] })
  // With so few runs one might be; two at 0.001 would be a wonder.
  for (const { coins } of results) {
    for (const { shares } of coins) expect(shares[2]!.count).toBeLessThan(2)
  }
})

test('partial faults are found within twice what anybody needs', () => {
  const cells = measureDetection({ seed, runCount: 60, faults: ['errors 0.1 -> 5 %', 'p95 x 2'] })
  for (const { start, late } of cells) {
    expect(start.power).toBe(1)
    expect(late.power).toBe(1)
  }
  expect(meanOf(cells.map(({ start }) => start.ratio ?? Infinity))).toBeLessThan(1.8)
})

test('a canary that fails everything at 5 % of 100 requests/s is out in two seconds, models of others later', () => {
  const [cell] = measureComparison({
    seed,
    runCount: 20,
    isWanted: ({ fault, weight, requestsPerSecond }) =>
      fault === '0.1 -> 100 %' && weight === 0.05 && requestsPerSecond === 100,
  })
  const [guard, strict, peek, ...models] = cell!.judges
  expect(guard!.medianS).toBeLessThan(2.5)
  expect(guard!.meanBadCount).toBeLessThan(20)
  expect(strict!.power).toBe(1)
  expect(peek!.isModel).toBe(false)
  for (const { isModel, medianS } of models) {
    expect(isModel).toBe(true)
    expect(medianS).toBeGreaterThan(5)
  }
})

describe('where assumptions break, what is done about it helps', () => {
  const options = { seed, runCount: 40, horizonS: 3_600 }

  test.for([
    ['F1', measureSticky],
    ['F2', measureTiming],
    ['F3', (all: typeof options) => measureInstance(all, 0.2)],
    ['F4', measureRotation],
    ['F5', measureWrongCoin],
  ] as const)('%s', ([mode, measure]) => {
    const { variants } = measure({ ...options, runCount: mode === 'F1' ? 10 : 40 })
    const broken = variants
      .filter(({ isMitigated }) => isMitigated)
      .filter(({ shares }) => shares.some(({ lower }, i) => lower > ALPHAS[i]!))
    expect(broken).toEqual([])
  })

  test('in a shared outage with outcomes as they come every canary would be taken back', () => {
    const [asTheyCome] = measureTiming(options).variants
    expect(asTheyCome!.shares[2]!.ratio).toBeGreaterThan(0.9)
  })
})

test('a canary at the margin seldom passes, a healthy one soon', () => {
  const [, quarter] = measurePromotion({ seed, runCount: 60, horizonS: 1_800 })
  expect(quarter!.falsePasses.lower).toBeLessThanOrEqual(quarter!.beta)
  expect(quarter!.healthy.medianS).toBeLessThan(90)
})

function draw(from: number, label: string): readonly number[] {
  const random = new Random(from, label)
  return [random.uniform(), random.normal(), random.poisson(3), random.poisson(300)]
}

describe('chance', () => {
  test('comes from the seed and the label alone', () => {
    expect(draw(1, 'S1 0')).toEqual(draw(1, 'S1 0'))
    expect(draw(1, 'S1 1')).not.toEqual(draw(1, 'S1 0'))
    expect(draw(2, 'S1 0')).not.toEqual(draw(1, 'S1 0'))
  })

  test.for([0.005, 0.7, 5, 11.9, 12, 95, 5_000])(
    'Poisson of %d has its mean and variance',
    (mean) => {
      const random = new Random(seed, `poisson ${mean}`)
      const count = 40_000
      let [sum, squares] = [0, 0]
      for (let i = 0; i < count; i++) {
        const value = random.poisson(mean)
        sum += value
        squares += (value - mean) ** 2
      }
      // Four standard errors: of the mean, and of the variance (its own variance is 2 mean² + mean).
      expect(Math.abs(sum / count - mean)).toBeLessThan(4 * Math.sqrt(mean / count))
      const spread = Math.sqrt((2 * mean * mean + mean) / count)
      expect(Math.abs(squares / count - mean)).toBeLessThan(4 * spread)
    },
  )
})

test.for(stats.safestats_2x2.cases)('bets that learn: $name', ({ ya, yb, na, nb, e_path }) => {
  const plugIn = new PlugIn(na, nb)
  for (const [i, expected] of e_path.entries()) {
    plugIn.add(ya[i]!, yb[i]!)
    expect(apart(Math.exp(plugIn.lnEvidence), expected)).toBeLessThan(1e-9)
  }
})
