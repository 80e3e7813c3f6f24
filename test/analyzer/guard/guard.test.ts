import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type GuardConfig, STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { TickCounts } from '../../../src/analyzer/guard/counts.ts'
import { createGuard, replay } from '../../../src/analyzer/guard/guard.ts'
import { PLAN, standardGuard, tick, ticksToDecide } from './ticks.ts'

function only(type: string, changes: object = {}): Pick<GuardConfig, 'checks'> {
  const check = STANDARD_GUARD.checks.find((one) => one.type === type)!
  return { checks: [{ ...check, ...changes }] }
}

describe('the guard as it stands', () => {
  test('takes a canary back that fails everything at 5 % of 100 requests/s after its fourth failure', () => {
    const guard = standardGuard()
    const second = tick(5, { count: 5, failed: 5 }, { count: 95 })
    expect(ticksToDecide(guard, second)).toBe(1)
    expect(guard.evidence().decision).toMatchObject({ action: 'abort', by: 'slo', tickIndex: 0 })

    const single = standardGuard()
    const one = tick(5, { count: 1, failed: 1 }, { count: 19 })
    expect(ticksToDecide(single, one)).toBe(4)
  })

  test('finds a fault of 5 % at a quarter of 100 requests/s in some ten seconds', () => {
    const guard = standardGuard()
    const seconds = ticksToDecide(guard, tick(25, { count: 25, failed: 1 }, { count: 75 }))
    expect(seconds).toBeGreaterThan(4)
    expect(seconds).toBeLessThan(16)
    expect(guard.evidence().decision?.by).toBe('failed')
  })

  test('finds a slower canary', () => {
    const guard = standardGuard()
    const slow = tick(25, { count: 25, slow: [18, 9, 6, 2] }, { count: 75, slow: [37, 7, 4, 1] })
    expect(ticksToDecide(guard, slow)).toBe(STANDARD_GUARD.minimum.slowTickCount)
    expect(guard.evidence().decision?.by).toBe('latency')
  })

  test('finds a broken contract', () => {
    const guard = standardGuard()
    const broken = tick(25, { count: 25, clientErrors: 10 }, { count: 75, clientErrors: 4 })
    expect(ticksToDecide(guard, broken)).toBeLessThan(15)
    expect(guard.evidence().decision?.by).toBe('clientErrors')
  })

  test.for([
    ['a healthy canary', { count: 25 }, { count: 75 }],
    ['as many failures as stable', { count: 25, failed: 1 }, { count: 75, failed: 3 }],
    ['an outage that both share', { count: 25, failed: 25 }, { count: 75, failed: 75 }],
    ['a better canary', { count: 25 }, { count: 75, failed: 40 }],
  ] as const)('lets %s be', ([, canary, stable]) => {
    const guard = standardGuard()
    expect(ticksToDecide(guard, tick(25, canary, stable))).toBeNull()
  })

  test('judges by the limit alone when the canary has everything', () => {
    const sick = tick(100, { count: 100, failed: 9 }, { count: 0 })
    expect(ticksToDecide(standardGuard(), sick)).toBeLessThan(25)
    const fair = tick(100, { count: 100, failed: 4 }, { count: 0 })
    expect(ticksToDecide(standardGuard(), fair)).toBeNull()
  })

  test('learns nothing while the canary has no weight', () => {
    const guard = standardGuard()
    guard.add(tick(0, { count: 3, failed: 3 }, { count: 97 }))
    const { checks, traffic } = guard.evidence()
    expect(checks.flatMap(({ parts }) => parts.map(({ totals }) => totals.canaryCount))).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0,
    ])
    expect(traffic).toEqual({ requestsPerSecond: 100, weightBp: 0 })
  })

  test('compares on no fewer than three failures and twenty requests', () => {
    const guard = standardGuard(only('failed'))
    guard.add(tick(1, { count: 19, failed: 19 }, { count: 1_881 }))
    expect(guard.evidence()).toMatchObject({ decision: null, checks: [{ isReady: false }] })
    expect(guard.evidence().log10).toBeGreaterThan(10)
    expect(guard.add(tick(1, { count: 1 }, { count: 99 }))?.action).toBe('abort')
  })

  test('keeps what it has decided', () => {
    const guard = standardGuard()
    const bad = tick(50, { count: 50, failed: 50 }, { count: 50 })
    const decision = guard.add(bad)
    expect(decision?.action).toBe('abort')
    for (let i = 0; i < 50; i++) guard.add(tick(50, { count: 50 }, { count: 50, failed: 50 }))
    expect(guard.evidence().log10).toBeLessThan(0)
    expect(guard.evidence().decision).toEqual(decision)
  })
})

describe('each check has an action', () => {
  const fault = tick(25, { count: 25, clientErrors: 20 }, { count: 75 })
  const worse = tick(25, { count: 25, clientErrors: 20, failed: 15 }, { count: 75 })

  test('a warning stays one however much speaks for it', () => {
    const checks = STANDARD_GUARD.checks.map((check) =>
      check.type === 'clientErrors' ? { ...check, action: 'warn' as const } : check,
    )
    const guard = standardGuard({ checks })
    for (let i = 0; i < 100; i++) guard.add(fault)
    expect(guard.evidence().decision).toMatchObject({ action: 'warn', by: 'clientErrors' })
    // It does not stand in the way of what is stronger.
    for (let i = 0; i < 10; i++) guard.add(worse)
    expect(guard.evidence().decision?.action).toBe('abort')
  })

  test('a pause comes before an abort', () => {
    const checks = STANDARD_GUARD.checks.map((check) =>
      check.type === 'slo' ? check : { ...check, action: 'pause' as const },
    )
    const guard = standardGuard({ checks })
    expect(ticksToDecide(guard, fault)).not.toBeNull()
    expect(guard.evidence().decision?.action).toBe('pause')
  })
})

describe('a splitter that is off', () => {
  const off = tick(5, { count: 12 }, { count: 88 })

  test('pauses and is named', () => {
    const guard = standardGuard()
    expect(ticksToDecide(guard, off)).toBeLessThan(30)
    const { decision, ratio } = guard.evidence()
    expect(decision).toMatchObject({ action: 'pause', by: 'ratio' })
    expect(ratio).toMatchObject({ isBroken: true })
    expect(ratio!.expectedCanaryCount).toBeCloseTo((ratio!.canaryCount * 5) / 12, 6)
  })

  test('makes comparisons worthless, but not the limit', () => {
    const guard = standardGuard()
    ticksToDecide(guard, off)
    for (let i = 0; i < 200; i++) guard.add(tick(5, { count: 12, slow: [12] }, { count: 88 }))
    expect(guard.evidence().decision?.action).toBe('pause')
    for (let i = 0; i < 9; i++) {
      guard.add(tick(5, { count: 12, failed: 12 }, { count: 88, failed: 88 }))
    }
    expect(guard.evidence().decision).toMatchObject({ action: 'abort', by: 'slo' })
  })

  test('is not asked about where it is told so', () => {
    const guard = standardGuard({ ratio: null })
    expect(ticksToDecide(guard, off, 200)).toBeNull()
    expect(guard.evidence().ratio).toBeNull()
  })
})

describe('evidence that the canary is good', () => {
  test('comes with enough healthy traffic', () => {
    const guard = standardGuard()
    let ticks = 0
    while (guard.evidence().promotion?.isReached === false && ticks < 600) {
      guard.add(tick(25, { count: 25 }, { count: 75 }))
      ticks++
    }
    expect(ticks).toBeGreaterThan(10)
    expect(ticks).toBeLessThan(90)
  })

  test('does not come from a canary at the margin', () => {
    const guard = standardGuard()
    for (let i = 0; i < 100; i++) {
      guard.add(tick(25, { count: 250, failed: 2 }, { count: 750, failed: 1 }))
    }
    expect(guard.evidence().promotion?.isReached).toBe(false)
  })

  test('is left out where nobody asks', () => {
    expect(standardGuard({ promotion: null }).evidence().promotion).toBeNull()
  })
})

const side = (most: number) =>
  fc.nat(most).chain((count) =>
    fc.record({
      count: fc.constant(count),
      failed: fc.nat(Math.min(count, 4)),
      clientErrors: fc.nat(Math.min(count, 3)),
      slow: fc.tuple(fc.nat(count), fc.nat(count), fc.nat(count), fc.nat(count)),
    }),
  )
const story = fc.array(
  fc.tuple(fc.constantFrom(0, 1, 5, 25, 50, 100), side(30), side(90), fc.boolean()),
  { maxLength: 25 },
)

function ticksOf(events: readonly [number, never, never, boolean][]): TickCounts[] {
  return events.map(([weight, canary, stable, isStep]) => ({
    ...tick(weight, canary, stable),
    isStep,
  }))
}

describe('what is saved', () => {
  const plan = { ...PLAN, stepCount: 3 }

  test('goes on through JSON at any tick as if nothing had been', () => {
    const cuts = fc.array(fc.nat(25), { maxLength: 4 })
    fc.assert(
      fc.property(story, cuts, (events, places) => {
        const whole = createGuard(STANDARD_GUARD, plan)
        let resumed = createGuard(STANDARD_GUARD, plan)
        for (const [index, counts] of ticksOf(events as never).entries()) {
          if (places.includes(index)) {
            const saved = JSON.parse(JSON.stringify(resumed.save()))
            resumed = createGuard(STANDARD_GUARD, plan, saved)
          }
          expect(resumed.tick(counts)).toEqual(whole.tick(counts))
        }
        expect(resumed.save()).toEqual(whole.save())
      }),
      { numRuns: 60 },
    )
  })

  test('replays a verdict', () => {
    fc.assert(
      fc.property(story, fc.nat(25), (events, cut) => {
        const ticks = ticksOf(events as never)
        const guard = createGuard(STANDARD_GUARD, plan)
        for (const counts of ticks.slice(0, cut)) guard.add(counts)
        const from = JSON.parse(JSON.stringify(guard.save()))
        for (const counts of ticks.slice(cut)) guard.add(counts)
        const said = replay(STANDARD_GUARD, plan, { from, ticks: ticks.slice(cut) })
        expect(said).toEqual(guard.evidence())
      }),
      { numRuns: 40 },
    )
  })

  test('is all of it', () => {
    fc.assert(
      fc.property(story, (events) => {
        const guard = createGuard(STANDARD_GUARD, plan)
        for (const counts of ticksOf(events as never)) guard.add(counts)
        const evidence = guard.evidence()
        expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence)
      }),
      { numRuns: 40 },
    )
  })

  test('of other checks is refused', () => {
    const saved = createGuard(STANDARD_GUARD, plan).save()
    const two = { ...STANDARD_GUARD, checks: STANDARD_GUARD.checks.slice(0, 2) }
    const turned = { ...STANDARD_GUARD, checks: STANDARD_GUARD.checks.toReversed() }
    const looser = { ...STANDARD_GUARD, ...only('failed', { delta: 0.002 }) }
    const strict = { ...STANDARD_GUARD, ...only('failed') }
    for (const config of [two, turned]) {
      expect(() => createGuard(config, plan, saved)).toThrow(RangeError)
    }
    const savedStrict = createGuard(strict, plan).save()
    expect(() => createGuard(looser, plan, savedStrict)).toThrow('0.002')
    const other = JSON.parse(JSON.stringify({ ...saved, version: 2 }))
    expect(() => createGuard(STANDARD_GUARD, plan, other)).toThrow('version 2')
  })
})

test('an epoch may settle in parts and in any order within a tick', () => {
  const whole = tick(5, { count: 50, failed: 3 }, { count: 950, failed: 2 })
  const parts = [
    ...tick(5, { count: 30, failed: 1 }, { count: 0 }).epochs,
    ...tick(25, { count: 1 }, { count: 3 }).epochs,
    ...tick(5, { count: 20, failed: 2 }, { count: 950, failed: 2 }).epochs,
  ]
  const [one, other] = [standardGuard(), standardGuard()]
  one.add({ epochs: [...whole.epochs, ...tick(25, { count: 1 }, { count: 3 }).epochs] })
  other.add({ epochs: parts })
  expect(other.evidence().log10).toBeCloseTo(one.evidence().log10, 9)
  expect(other.evidence().ratio).toEqual(one.evidence().ratio)
})

test('a plan step puts capital in once for each that was planned', () => {
  const guard = createGuard(STANDARD_GUARD, { ...PLAN, stepCount: 2 })
  const before = guard.tick({ epochs: [] }).log10
  expect(10 ** before).toBeCloseTo(0.5, 9)
  const masses = [1, 2, 3].map(() => 10 ** guard.tick({ epochs: [], isStep: true }).log10)
  expect(masses[0]).toBeCloseTo(0.5 + 1 / 16, 9)
  expect(masses[1]).toBeCloseTo(0.5 + 2 / 16, 9)
  expect(masses[2]).toBeCloseTo(0.5 + 2 / 16, 9)
})

test('more weights than are kept apart lose none of the evidence against the splitter', () => {
  const guard = standardGuard()
  for (let weight = 1; weight <= 90; weight++) {
    guard.add(tick(weight, { count: 2 * weight }, { count: 100 }))
  }
  expect(guard.evidence().ratio!.log10).toBeGreaterThan(20)
  expect(guard.save().weights.weights).toHaveLength(64)
})

describe('what cannot be right is refused', () => {
  test.for([
    ['a count of NaN', { count: Number.NaN }],
    ['less than nothing', { count: -1 }],
    ['half a request', { count: 0.5 }],
    ['endless failures', { count: 1, failed: Infinity }],
    ['slow ones that are none', { count: 1, slow: [Number.NaN] }],
  ] as const)('%s', ([, canary]) => {
    expect(() => standardGuard().add(tick(5, canary, { count: 1 }))).toThrow(RangeError)
  })

  test.for([-1, 100.5, 10_001, Number.NaN])('a weight of %d basis points', (weightBp) => {
    const [epoch] = tick(5, { count: 1 }, { count: 1 }).epochs
    const counts = { epochs: [{ ...epoch!, weightBp }] }
    expect(() => standardGuard().add(counts)).toThrow(RangeError)
  })

  test.for([
    ['alpha', { alpha: 0 }],
    ['alpha', { alpha: 0.5 }],
    ['alpha', { alpha: Number.NaN }],
    ['without a check', { checks: [] }],
    ['same check twice', { checks: [...STANDARD_GUARD.checks, STANDARD_GUARD.checks[0]!] }],
    ['failed.weight', only('failed', { weight: 0 })],
    ['failed.rho', only('failed', { rho: -1 })],
    ['failed.delta', only('failed', { delta: 1 })],
    ['slo.limitRatio', only('slo', { limitRatio: 1 })],
    ['ratio.alpha', { ratio: { alpha: 1, action: 'pause' as const } }],
    ['promotion.beta', { promotion: { rho: 1, delta: 0, beta: 0 } }],
    ['promotion.delta', { promotion: { rho: 1, delta: -0.1, beta: 0.05 } }],
  ] as const)('%s', ([what, changes]) => {
    expect(() => standardGuard(changes as Partial<GuardConfig>)).toThrow(what)
  })
})
