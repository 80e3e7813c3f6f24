import { describe, expect, test } from 'vitest'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import { SETTLED, SLOW_KINDS } from '../../../src/analyzer/settled.ts'
import { cellOffset, SEGMENT_WORDS } from '../../../src/analyzer/tally.ts'
import {
  ABANDONED,
  CLIENT_ERROR,
  ERROR,
  NO_TICKET,
  OK,
  type Result,
  SettlementRing,
  VOID,
} from '../../../src/proxy/settlement/ring.ts'
import { SettlementRings } from '../../../src/proxy/settlement/rings.ts'
import { createUnitBuffer, UnitSet } from '../../../src/proxy/settlement/units.ts'

const AGE_MS = 1_000

function startRing(units: UnitSet | null = null, ageMs = AGE_MS) {
  const words = new Uint32Array(SEGMENT_WORDS)
  const count = (name: keyof typeof SETTLED, cell = 0): number =>
    words[cellOffset(cell) + SETTLED[name]]!
  return { ring: new SettlementRing(words, ageMs, units), words, count }
}

describe('a request', () => {
  test('is settled when it is of age, and not before', () => {
    const { ring, count } = startRing()
    ring.note(ring.open(0, 5_000, 0), OK, 2_000)
    ring.sweep(5_999)
    expect(count('ok')).toBe(0)
    ring.sweep(6_000)
    expect(count('ok')).toBe(1)
    expect(ring.isEmpty).toBe(true)
    ring.sweep(7_000)
    expect(count('ok')).toBe(1)
  })

  test.for([
    [OK, 'ok'],
    [CLIENT_ERROR, 'clientErrors'],
    [ERROR, 'errors'],
  ] as const)('with result %i counts as %s, with its latency', ([result, name]) => {
    const { ring, words, count } = startRing()
    ring.note(ring.open(3, 0, 0), result, 70_000)
    ring.sweep(AGE_MS)
    expect(count(name, 3)).toBe(1)
    expect(words[cellOffset(3) + SETTLED.latency + binIndex(70_000)]).toBe(1)
  })

  test('without a result is unanswered, without a latency', () => {
    const { ring, words, count } = startRing()
    ring.open(0, 0, 0)
    ring.sweep(AGE_MS)
    expect(count('unanswered')).toBe(1)
    expect(words.subarray(SETTLED.latency).reduce((sum, word) => sum + word, 0)).toBe(1)
  })

  test('that was answered too late is unanswered, however late it is settled', () => {
    const { ring, count } = startRing()
    ring.note(ring.open(0, 0, 0), OK, AGE_MS * 1000 + 1)
    ring.note(ring.open(0, 0, 0), OK, AGE_MS * 1000)
    ring.note(ring.open(0, 0, 0), OK, 1e12)
    ring.sweep(100_000)
    expect([count('ok'), count('unanswered')]).toEqual([1, 2])
  })

  test('that was answered after it was settled stays as it was, and harms no other', () => {
    const { ring, count } = startRing()
    const late = ring.open(0, 0, 0)
    ring.sweep(AGE_MS)
    for (let n = 0; n < 1_024; n++) ring.open(1, 1_000, 0)
    ring.note(late, OK, 500)
    ring.sweep(2_000)
    expect([count('ok'), count('ok', 1), count('unanswered', 1)]).toEqual([0, 0, 1_024])
  })

  test('that broke off after its answer had begun counts as what it came to', () => {
    const { ring, count } = startRing()
    const ticket = ring.open(0, 0, 0)
    ring.note(ticket, OK, 500)
    ring.note(ticket, ERROR, 900)
    ring.sweep(AGE_MS)
    expect([count('ok'), count('errors')]).toEqual([0, 1])
  })

  test.for([ERROR, VOID] as const)(
    'that broke off when it was of age is as it was then, however late the sweep: %i',
    (late) => {
      const { ring, count } = startRing()
      const [answered, open] = [ring.open(0, 0, 0), ring.open(0, 0, 0)]
      ring.note(answered, OK, 500)
      for (const ticket of [answered, open]) ring.note(ticket, late, AGE_MS * 1000 + 1)
      ring.sweep(AGE_MS + 40)
      expect([count('ok'), count('errors'), count('unanswered')]).toEqual([1, 0, 1])
    },
  )

  test('that says nothing about its variant is not counted', () => {
    const { ring, words } = startRing()
    ring.note(ring.open(0, 0, 0), VOID, 500)
    ring.sweep(AGE_MS)
    expect(words.every((word) => word === 0)).toBe(true)
  })

  test('that the client gave up counts as that, without a latency', () => {
    const { ring, words, count } = startRing()
    ring.note(ring.open(0, 0, 0), ABANDONED, 500)
    ring.sweep(AGE_MS)
    expect(count('abandoned')).toBe(1)
    expect(words.subarray(SETTLED.latency, SETTLED.latency + BIN_COUNT).includes(1)).toBe(false)
  })
})

test('the clock may have run for long: starts are kept modulo 17 minutes', () => {
  for (const startMs of [2 ** 20 - 1, 2 ** 31 - 500, 2 ** 32 - 500, 2 ** 40 + 0.75]) {
    const { ring, count } = startRing()
    ring.note(ring.open(0, startMs, 0), OK, 1)
    ring.sweep(startMs + AGE_MS - 1)
    expect(count('ok')).toBe(0)
    ring.sweep(startMs + AGE_MS)
    expect(count('ok')).toBe(1)
  }
})

test('what is under way is kept in order while the ring grows, and given up beyond its limit', () => {
  const { ring, count } = startRing()
  const opened = 2 ** 19
  for (let n = 0; n < 700; n++) ring.open(2, 0, 0)
  ring.sweep(AGE_MS)
  for (let n = 0; n < opened; n++) ring.note(ring.open(n % 2, 2_000 + n / 1_000, 0), OK, 10)
  expect(ring.open(1, 2_600, 0)).toBe(NO_TICKET)
  ring.note(NO_TICKET, OK, 10)
  ring.sweep(3_600)
  expect([count('ok', 0), count('ok', 1), count('dropped', 1)]).toEqual([opened / 2, opened / 2, 1])
  expect(ring.open(0, 3_600, 0)).not.toBe(NO_TICKET)
})

/** Two threads over one table of units. */
function startThreads(limitsUs?: readonly number[]) {
  const buffer = createUnitBuffer()
  if (limitsUs !== undefined) new UnitSet(buffer).setLimits(limitsUs)
  const [a, b] = [startRing(new UnitSet(buffer)), startRing(new UnitSet(buffer))]
  const settle = (thread: typeof a, unit: number, result: Result | null, ageUs = 10, cell = 0) => {
    const ticket = thread.ring.open(cell, 0, unit)
    if (result !== null) thread.ring.note(ticket, result, ageUs)
    thread.ring.sweep(AGE_MS)
  }
  const slow = (thread: typeof a, cell = 0): number[] => {
    const from = cellOffset(cell) + SETTLED.slowUnits
    return [...thread.words.subarray(from, from + SLOW_KINDS)]
  }
  return { a, b, settle, slow, limits: new UnitSet(buffer) }
}

describe('units', () => {
  test('are counted with their first bad outcome, once over all threads', () => {
    const { a, b, settle } = startThreads()
    settle(a, 7, OK)
    for (const thread of [a, b, a]) settle(thread, 7, ERROR)
    settle(b, 8, null, 0, 1)
    settle(a, 8, ABANDONED)
    expect([a.count('failedUnits'), b.count('failedUnits')]).toEqual([1, 0])
    expect([b.count('errors'), b.count('failedUnits', 1)]).toEqual([1, 1])
  })

  test('are counted once for each kind of bad outcome', () => {
    const { a, settle } = startThreads()
    for (const result of [CLIENT_ERROR, ERROR, CLIENT_ERROR, OK, ERROR] as const) {
      settle(a, 7, result)
    }
    expect([a.count('clientErrorUnits'), a.count('failedUnits')]).toEqual([1, 1])
  })

  test('are seen once, and it is told whether their first request failed', () => {
    const { a, b, settle } = startThreads()
    for (const [unit, result] of [
      [1, OK],
      [1, ERROR],
      [2, ERROR],
      [2, ERROR],
      [3, null],
    ] as const) {
      settle(a, unit, result)
      settle(b, unit, result)
    }
    expect([a.count('seenUnits'), b.count('seenUnits')]).toEqual([3, 0])
    expect([a.count('firstFailedUnits'), a.count('failedUnits')]).toEqual([2, 3])
  })

  test('that say nothing about their variant are not seen', () => {
    const { a, settle } = startThreads()
    settle(a, 7, VOID)
    expect(a.count('seenUnits')).toBe(0)
  })

  test('are slow once for each limit, without an answer for all', () => {
    const { a, b, settle, slow } = startThreads([100, 200, 300, 400])
    settle(a, 1, OK, 100)
    expect(slow(a)).toEqual([0, 0, 0, 0])
    settle(a, 1, OK, 250)
    settle(b, 1, ERROR, 350)
    expect([slow(a), slow(b)]).toEqual([
      [1, 1, 0, 0],
      [0, 0, 1, 0],
    ])
    settle(a, 1, null)
    settle(a, 2, null)
    settle(a, 3, OK, AGE_MS * 1000 + 1)
    expect(slow(a)).toEqual([3, 3, 2, 3])
    expect(a.count('timedUnits')).toBe(3)
  })

  test('are not slow, nor timed, where nobody knows what is slow or the client left', () => {
    const { a, settle, slow, limits } = startThreads()
    settle(a, 1, OK, 900_000)
    expect([slow(a), a.count('timedUnits')]).toEqual([[0, 0, 0, 0], 0])
    limits.setLimits([0, 0, 500, 0])
    settle(a, 1, ABANDONED, 900_000)
    expect([slow(a), a.count('timedUnits')]).toEqual([[0, 0, 0, 0], 0])
    settle(a, 1, OK, 900_000)
    expect([slow(a), a.count('timedUnits'), a.count('seenUnits')]).toEqual([[0, 0, 1, 0], 1, 1])
  })
})

describe('the rings of a thread', () => {
  const settlement = { name: 'shop/r-1/1', ageMs: AGE_MS, units: null }

  test('outlive their tables until all is settled', () => {
    const words = new Uint32Array(SEGMENT_WORDS)
    const rings = new SettlementRings(words)
    const ring = rings.obtain(settlement)
    ring.open(0, 0, 0)
    rings.retain(new Set())
    rings.sweep(500)
    expect(rings.obtain(settlement)).toBe(ring)
    rings.sweep(AGE_MS)
    expect(words[cellOffset(0) + SETTLED.unanswered]).toBe(1)
    expect(rings.obtain(settlement)).not.toBe(ring)
  })

  test('are kept while a table names them', () => {
    const rings = new SettlementRings(new Uint32Array(SEGMENT_WORDS))
    const ring = rings.obtain(settlement)
    rings.retain(new Set([ring]))
    rings.sweep(AGE_MS)
    expect(rings.obtain(settlement)).toBe(ring)
  })
})
