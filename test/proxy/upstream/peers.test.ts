import { describe, expect, test } from 'vitest'
import { judge } from '../../../src/proxy/upstream/peers.ts'
import { TURN_MS, Vitals } from '../../../src/proxy/upstream/vitals.ts'
import { RULES } from './fleet.ts'

interface Deed {
  /** Of each turn. */
  readonly okCount?: number
  readonly failureCount?: number
  readonly latencyMs?: number
  /** Requests that came in the first turn and have had no answer since. */
  readonly hangingCount?: number
  /** The turn in which one more came that has had none. */
  readonly askedTurn?: number
}

const TURNS = 8

/** An endpoint that has done the same in each of eight turns, that is for two seconds. */
function vitalsOf({
  okCount = 0,
  failureCount = 0,
  latencyMs = 5,
  hangingCount = 0,
  askedTurn = -1,
}: Deed): Vitals {
  const vitals = new Vitals()
  vitals.endTurn()
  for (let i = 0; i < hangingCount; i++) vitals.beginWait(0)
  for (let turn = 0; turn < TURNS; turn++) {
    if (turn === askedTurn) vitals.beginWait(turn * TURN_MS)
    for (let i = 0; i < okCount; i++) vitals.note('ok', latencyMs * (900 + ((i * 37) % 200)))
    for (let i = 0; i < failureCount; i++) vitals.note('serverError', 1_000)
    vitals.endTurn()
  }
  return vitals
}

function found(deeds: readonly Deed[], rules = RULES): readonly string[] {
  const { findings, suspect } = judge(deeds.map(vitalsOf), rules, TURNS * TURN_MS)
  const words = findings.map(({ index, reason }) => `${index} ${reason}`)
  return suspect === null ? words : [...words, `${suspect}?`]
}

const WELL: Deed = { okCount: 30 }
const THREE = [WELL, WELL, WELL]

describe('of endpoints that all do well', () => {
  test('none is an outlier', () => {
    expect(found([WELL, ...THREE])).toEqual([])
    expect(found([WELL])).toEqual([])
    expect(found([])).toEqual([])
  })
})

describe('success', () => {
  test.for([
    ['a fifth fails of one', { okCount: 24, failureCount: 6 }, []],
    ['a third fails of one', { okCount: 20, failureCount: 10 }, ['0 successRate']],
    ['all fail', { failureCount: 30 }, ['0 successRate']],
    ['all fail of eight', { failureCount: 1 }, []],
  ] as const)('%s', ([, deed, words]) => {
    const gap = { ...RULES, successRateGap: 0.25 }
    expect(found([deed, ...THREE], gap)).toEqual(words)
  })

  test('where all fail alike nobody is worse', () => {
    const bad = { okCount: 15, failureCount: 15 }
    expect(found([bad, bad, bad, bad])).toEqual([])
  })

  test('of two nobody can tell who is worse', () => {
    expect(found([{ failureCount: 30 }, WELL])).toEqual([])
  })

  test('may be left out of account', () => {
    expect(found([{ failureCount: 30 }, ...THREE], { ...RULES, successRateGap: 0 })).toEqual([])
  })
})

describe('latency', () => {
  test.for([
    ['three times as slow', { okCount: 30, latencyMs: 15 }, []],
    ['ten times as slow', { okCount: 30, latencyMs: 50 }, ['0 latency']],
    ['ten times as slow, and few requests', { okCount: 2, latencyMs: 50 }, ['0 latency']],
    ['ten times as slow, and hardly a request', { okCount: 1, latencyMs: 50 }, []],
    ['ten times as fast', { okCount: 30, latencyMs: 0.5 }, []],
  ] as const)('%s', ([, deed, words]) => {
    expect(found([deed, ...THREE])).toEqual(words)
  })

  test('between a tenth of a millisecond and one nobody cares', () => {
    const fast = { okCount: 30, latencyMs: 0.1 }
    expect(found([{ okCount: 30, latencyMs: 1 }, fast, fast, fast])).toEqual([])
  })

  test('what it was before it became slow does not hide that', () => {
    const own = new Vitals()
    for (let turn = 0; turn < 30; turn++) {
      for (let i = 0; i < 30; i++) own.note('ok', 5_000)
      own.endTurn()
    }
    for (let turn = 0; turn < 5; turn++) {
      for (let i = 0; i < 3; i++) own.note('ok', 50_000)
      own.endTurn()
    }
    const others = THREE.map(vitalsOf)
    expect(judge([own, ...others], RULES, 0).findings).toEqual([{ index: 0, reason: 'latency' }])
  })

  test('one pause is no slowness, however many requests had to sit it out', () => {
    const own = new Vitals()
    for (let turn = 0; turn < 12; turn++) {
      const isPaused = turn === 10
      for (let i = 0; i < 30; i++) own.note('ok', isPaused ? 250_000 : 5_000)
      own.endTurn()
    }
    expect(
      judge([own, ...THREE.map(vitalsOf)], { ...RULES, latencyFactor: 2 }, 0).findings,
    ).toEqual([])
  })

  test('may be left out of account', () => {
    const slow = { okCount: 30, latencyMs: 500 }
    expect(found([slow, ...THREE], { ...RULES, latencyFactor: 0 })).toEqual([])
  })
})

describe('silence', () => {
  test.for([
    [
      'two wait, and one that came later',
      [{ hangingCount: 2, askedTurn: 4 }, ...THREE],
      ['0 silence'],
    ],
    ['of two endpoints one is silent', [{ hangingCount: 2, askedTurn: 4 }, WELL], ['0 silence']],
    ['two wait: another one would tell', [{ hangingCount: 2 }, ...THREE], ['0?']],
    ['two wait since the beginning', [{ hangingCount: 2, askedTurn: 1 }, ...THREE], ['0?']],
    ['two wait, and one came just now', [{ hangingCount: 2, askedTurn: 7 }, ...THREE], []],
    ['one waits: another one would tell', [{ hangingCount: 1 }, ...THREE], ['0?']],
    [
      'others take a second for an answer too',
      [{ hangingCount: 9 }, ...THREE.map((each) => ({ ...each, latencyMs: 1_000 }))],
      [],
    ],
    ['others have little to do', [{ hangingCount: 2 }, { okCount: 1 }], []],
    ['all wait', [{ hangingCount: 2 }, { hangingCount: 2 }], []],
  ] as const)('%s', ([, deeds, words]) => {
    expect(found(deeds)).toEqual(words)
  })

  test('is over with any answer', () => {
    const own = vitalsOf({ hangingCount: 5 })
    own.endWait(true, (TURNS - 1) * TURN_MS)
    const { findings } = judge([own, ...THREE.map(vitalsOf)], RULES, TURNS * TURN_MS)
    expect(findings).toEqual([])
  })

  test('begins when there is somebody to be answered', () => {
    const own = vitalsOf({})
    for (let i = 0; i < 5; i++) own.beginWait(TURNS * TURN_MS - 100)
    const { findings } = judge([own, ...THREE.map(vitalsOf)], RULES, TURNS * TURN_MS)
    expect(findings).toEqual([])
  })

  test('may be left out of account', () => {
    expect(found([{ hangingCount: 9 }, ...THREE], { ...RULES, silenceMs: 0 })).toEqual([])
  })
})
