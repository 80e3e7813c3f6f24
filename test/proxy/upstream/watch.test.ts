/** Faults of one endpoint under traffic, in time that the test makes go by. */

import { describe, expect, test } from 'vitest'
import { type Behaviour, Fleet, HUNG, RULES, WELL } from './fleet.ts'

const RATE = 500

const FAULTS: readonly (readonly [string, Behaviour])[] = [
  ['killed', { latencyMs: 0.2, result: 'connectFailure' }],
  ['hung', HUNG],
  ['ten times slower', { latencyMs: 50, result: 'ok' }],
  ['answering 500 at once', { latencyMs: 0.5, result: 'serverError' }],
  ['resetting', { latencyMs: 2, result: 'reset' }],
]

function fleetOf(size: number, seed = 1): Fleet {
  return new Fleet(size, { settings: { outlier: RULES }, seed })
}

/** Of whom there is something new. */
function idsOf(fleet: Fleet): readonly string[] {
  return fleet.set.takeReports(0).map(({ id }) => id)
}

describe.for([1, 2, 3])('with seed %i', (seed) => {
  describe.for(FAULTS)('of four endpoints at 500 requests/s one that is %s', ([, fault]) => {
    test('is out within two seconds, and back after it has recovered; the others have even parts', () => {
      const fleet = fleetOf(4, seed)
      fleet.run(5_000, RATE)
      fleet.behaviours[1] = fault
      expect(fleet.until(() => fleet.reason(1) !== null, 10_000, RATE)).toBeLessThan(2_000)
      fleet.behaviours[1] = WELL
      fleet.clear()
      fleet.run(5_000, RATE)
      expect(fleet.counts[1]).toBe(0)
      for (const index of [0, 2, 3])
        expect(Math.abs(fleet.parts[index]! * 0.75 - 1)).toBeLessThan(0.15)
      expect(fleet.until(() => fleet.reason(1) === null, 60_000, RATE)).toBeLessThan(6_000)
      fleet.run(15_000, RATE)
      expect(fleet.reason(1)).toBeNull()
      fleet.clear()
      fleet.run(10_000, RATE)
      for (const part of fleet.parts) expect(Math.abs(part - 1)).toBeLessThan(0.15)
    })
  })

  test('where all do well, nobody is ejected in an hour', () => {
    const fleet = fleetOf(4, seed)
    fleet.behave({ latencyMs: 20, result: 'ok' })
    let ejectedCount = 0
    for (let minute = 0; minute < 60; minute++) {
      fleet.run(60_000, 50)
      ejectedCount += [0, 1, 2, 3].filter((index) => fleet.reason(index) !== null).length
    }
    expect(ejectedCount).toBe(0)
  })
})

test('of two endpoints a hung one is out, at ten requests a second too', () => {
  const fleet = fleetOf(2)
  fleet.run(5_000, 10)
  fleet.behaviours[0] = HUNG
  expect(fleet.until(() => fleet.reason(0) === 'silence', 20_000, 10)).toBeLessThan(6_000)
})

test('a request that takes long by nature takes nobody out', () => {
  const fleet = fleetOf(4)
  fleet.run(5_000, RATE)
  fleet.endpoint(0).connectionCount++
  fleet.endpoint(0).vitals.beginWait(fleet.nowMs)
  fleet.run(8_000, RATE)
  expect(fleet.reason(0)).toBeNull()
})

test.for([10, 50, RATE])(
  'nor do several, at %i requests a second, where what else it is asked is answered',
  (rate) => {
    const fleet = fleetOf(2)
    fleet.run(5_000, rate)
    for (let i = 0; i < 3; i++) {
      fleet.endpoint(0).connectionCount++
      fleet.endpoint(0).vitals.beginWait(fleet.nowMs)
    }
    for (let second = 0; second < 20; second++) {
      fleet.run(1_000, rate)
      expect(fleet.reason(0)).toBeNull()
    }
  },
)

test.for([1_500, 3_000, 8_000, 30_000])(
  'where the thread stands still for %i ms nobody is ejected for that',
  (pauseMs) => {
    for (const size of [2, 3, 4]) {
      for (const latencyMs of [5, 300, 700, 2_000]) {
        for (const perSecond of [5, 20, 500]) {
          for (const seed of [1, 2]) {
            const fleet = fleetOf(size, seed)
            fleet.behave({ latencyMs, result: 'ok' })
            fleet.run(10_000, perSecond)
            fleet.nowMs += pauseMs
            // The turn is due before anything is read.
            fleet.set.endTurn(fleet.nowMs)
            fleet.run(3_000, perSecond)
            const reasons = fleet.behaviours.map((_, index) => fleet.reason(index))
            expect(reasons, `${size} of ${latencyMs} ms, ${perSecond}/s, seed ${seed}`).toEqual(
              fleet.behaviours.map(() => null),
            )
          }
        }
      }
    }
  },
)

test('nor is it remembered as how long answers take', () => {
  const fleet = fleetOf(4)
  fleet.run(5_000, RATE)
  fleet.nowMs += 5_000
  fleet.set.endTurn(fleet.nowMs)
  for (const { vitals } of fleet.upstream.endpoints) vitals.note('ok', 5_005_000)
  fleet.run(2_000, RATE)
  fleet.behaviours[1] = HUNG
  expect(fleet.until(() => fleet.reason(1) === 'silence', 10_000, RATE)).toBeLessThan(2_000)
})

test('two of four that hang are out within two seconds', () => {
  const fleet = fleetOf(4)
  fleet.run(5_000, RATE)
  fleet.behaviours[0] = HUNG
  fleet.behaviours[2] = HUNG
  const isOut = (): boolean => fleet.reason(0) === 'silence' && fleet.reason(2) === 'silence'
  expect(fleet.until(isOut, 10_000, RATE)).toBeLessThan(2_000)
})

test('no more than half are out, and that half serves', () => {
  const fleet = fleetOf(4)
  fleet.behave({ latencyMs: 1, result: 'connectFailure' })
  fleet.run(5_000, RATE)
  const outCount = [0, 1, 2, 3].filter((index) => fleet.reason(index) !== null).length
  expect(outCount).toBe(2)
  fleet.clear()
  fleet.run(1_000, RATE)
  expect(fleet.counts.filter((count) => count > 0).length).toBe(2)
})

test('those that checks have found unhealthy are out too', () => {
  const fleet = fleetOf(4)
  fleet.set.setUnhealthy(new Set([fleet.endpoint(0).id, fleet.endpoint(1).id]))
  for (let i = 0; i < 3; i++) fleet.endpoint(2).note('connectFailure', 100)
  expect(fleet.reason(2)).toBeNull()
  fleet.set.setUnhealthy(new Set())
  fleet.endpoint(2).note('connectFailure', 100)
  expect(fleet.reason(2)).toBe('consecutiveConnectFailures')
})

test('what fails again and again stays out longer each time', () => {
  const fleet = fleetOf(4)
  fleet.behaviours[0] = { latencyMs: 1, result: 'reset' }
  const lengthsMs: number[] = []
  for (let i = 0; i < 4; i++) {
    fleet.until(() => fleet.reason(0) !== null, 60_000, RATE)
    const sinceMs = fleet.nowMs
    fleet.until(() => fleet.reason(0) === null, 120_000, RATE)
    lengthsMs.push(Math.round((fleet.nowMs - sinceMs) / 10_000))
  }
  expect(lengthsMs).toEqual([1, 2, 3, 4])
})

// What hung may still fail after it is back: those are late answers to what it is now.
test.for(FAULTS.filter(([, fault]) => fault !== HUNG))(
  'what an endpoint did while it was %s is not held against it when it is back',
  ([, fault]) => {
    const fleet = new Fleet(4, { settings: { outlier: { ...RULES, baseEjectionMs: 2_000 } } })
    fleet.run(5_000, RATE)
    fleet.behaviours[0] = fault
    fleet.until(() => fleet.reason(0) !== null, 10_000, RATE)
    fleet.behaviours[0] = WELL
    fleet.until(() => fleet.reason(0) === null, 10_000, RATE)
    expect(fleet.until(() => fleet.reason(0) !== null, 20_000, RATE)).toBe(Infinity)
  },
)

test('an endpoint that comes back gets more and more', () => {
  const fleet = fleetOf(4)
  for (let i = 0; i < 5; i++) fleet.endpoint(3).note('serverError', 1_000)
  expect(fleet.reason(3)).toBe('consecutiveErrors')
  fleet.until(() => fleet.reason(3) === null, 60_000, RATE)
  const parts = Array.from({ length: 5 }, () => {
    fleet.clear()
    fleet.run(2_500, RATE)
    return fleet.parts[3]!
  })
  expect(parts[0]).toBeLessThan(0.5)
  expect(parts[1]).toBeLessThan(0.85)
  expect(parts[4]).toBeGreaterThan(0.85)
})

describe('an only endpoint', () => {
  test('that cannot be reached is out, and serves all the same unless that is refused', () => {
    for (const panic of ['serveAll', 'refuse'] as const) {
      const fleet = new Fleet(1, { settings: { outlier: RULES, panic } })
      expect(fleet.upstream.isDown).toBe(false)
      for (let i = 0; i < 3; i++) fleet.endpoint(0).note('connectFailure', 100)
      expect(fleet.upstream.isDown).toBe(true)
      expect(fleet.choose()).toBe(panic === 'serveAll' ? 0 : -1)
    }
  })
})

describe('health', () => {
  test('an unhealthy endpoint gets nothing, and is told of by its id', () => {
    const fleet = fleetOf(3)
    fleet.set.setUnhealthy(new Set([fleet.endpoint(1).id, 'http1://elsewhere:1']))
    fleet.run(1_000, RATE)
    expect(fleet.counts[1]).toBe(0)
    expect(fleet.upstream.isDown).toBe(false)
    fleet.set.setUnhealthy(new Set())
    fleet.run(1_000, RATE)
    expect(fleet.counts[1]).toBeGreaterThan(0)
  })

  test('an endpoint that is new begins as it was found before', () => {
    const fleet = fleetOf(2)
    fleet.set.setUnhealthy(new Set(['http1://127.0.0.1:9003']))
    fleet.use({}, 3)
    expect(fleet.endpoint(2).isUnhealthy).toBe(true)
  })

  test('where all are unhealthy all serve, or none', () => {
    for (const panic of ['serveAll', 'refuse'] as const) {
      const fleet = new Fleet(3, { settings: { panic } })
      fleet.set.setUnhealthy(new Set(fleet.upstream.endpoints.map(({ id }) => id)))
      fleet.run(1_000, RATE)
      expect(fleet.upstream.isDown).toBe(true)
      expect(fleet.counts.filter((count) => count > 0).length).toBe(panic === 'serveAll' ? 3 : 0)
    }
  })
})

describe('slow start', () => {
  const settings = { slowStartMs: 30_000 }

  test('of an endpoint that is new: its part rises in a line', () => {
    const fleet = new Fleet(3, { settings })
    fleet.run(1_000, RATE)
    fleet.use(settings, 4)
    fleet.behaviours.push(WELL)
    const parts = Array.from({ length: 4 }, () => {
      fleet.clear()
      fleet.run(10_000, RATE)
      return fleet.parts[3]!
    })
    expect(parts[0]).toBeLessThan(0.35)
    expect(parts[1]).toBeGreaterThan(parts[0]! + 0.1)
    expect(parts[2]).toBeGreaterThan(parts[1]! + 0.1)
    expect(Math.abs(parts[3]! - 1)).toBeLessThan(0.15)
  })

  test('is not of those that the process begins with', () => {
    const fleet = new Fleet(2, { settings })
    expect(fleet.endpoint(0).isWarm(0)).toBe(true)
  })

  test('is told until it is over', () => {
    const fleet = new Fleet(1, { settings })
    fleet.use(settings, 2)
    expect([fleet.endpoint(0).isWarm(0), fleet.endpoint(1).isWarm(0)]).toEqual([true, false])
    expect(fleet.endpoint(1).isWarm(29_999)).toBe(false)
    expect(fleet.endpoint(1).isWarm(30_000)).toBe(true)
  })

  test('begins anew when an endpoint is healthy again', () => {
    const fleet = new Fleet(2, { settings })
    const { id } = fleet.endpoint(1)
    fleet.set.setUnhealthy(new Set([id]))
    fleet.set.setUnhealthy(new Set())
    expect(fleet.endpoint(1).isWarm(fleet.nowMs)).toBe(false)
  })
})

describe('what endpoints have done', () => {
  test('outlives the configuration', () => {
    const fleet = fleetOf(2)
    for (let i = 0; i < 5; i++) fleet.endpoint(1).note('serverError', 1_000)
    const [, before] = fleet.upstream.endpoints
    fleet.use({ outlier: RULES, balance: 'random' }, 2)
    expect(fleet.endpoint(1)).toBe(before)
    expect(fleet.reason(1)).toBe('consecutiveErrors')
    expect(fleet.choose()).toBe(0)
  })

  test('does not hold where nothing is ejected any more', () => {
    const fleet = fleetOf(2)
    for (let i = 0; i < 5; i++) fleet.endpoint(1).note('serverError', 1_000)
    fleet.use({ outlier: null })
    fleet.run(1_000, RATE)
    expect(fleet.reason(1)).toBeNull()
    expect(fleet.counts[1]).toBeGreaterThan(0)
  })
})

describe('an endpoint that no upstream names any more', () => {
  test('is told of until it has nothing more to do', () => {
    const fleet = fleetOf(2)
    const leaving = fleet.endpoint(1)
    leaving.connectionCount = 1
    idsOf(fleet)
    fleet.use({}, 1)
    expect(idsOf(fleet)).toEqual([])
    leaving.connectionCount = 0
    expect(fleet.set.takeReports(0)).toMatchObject([
      { id: leaving.id, outstandingCount: 0, connectionCount: 0 },
    ])
    leaving.connectionCount = 1
    expect(idsOf(fleet)).toEqual([])
  })

  test('is the same when it is named again before', () => {
    const fleet = fleetOf(2)
    const leaving = fleet.endpoint(1)
    leaving.connectionCount = 1
    fleet.use({}, 1)
    expect(leaving.isFit).toBe(false)
    fleet.use({}, 2)
    expect(fleet.endpoint(1)).toBe(leaving)
    expect(leaving.isFit).toBe(true)
  })
})
