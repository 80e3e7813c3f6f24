import { describe, expect, test } from 'vitest'
import {
  ejected,
  noted,
  passed,
  roomToEject,
  type Standing,
  STEADY,
  trip,
} from '../../../src/proxy/upstream/ejection.ts'
import type { AttemptResult } from '../../../src/proxy/upstream/endpoint.ts'
import { RULES } from './fleet.ts'

function ejectedAt(nowMs: number, standing = STEADY): Standing {
  return ejected(standing, 'latency', { rules: RULES, nowMs })
}

function after(...results: readonly AttemptResult[]): Standing {
  return results.reduce((standing, result) => noted(standing, result, 0), STEADY)
}

function times(count: number, result: AttemptResult): readonly AttemptResult[] {
  return Array.from({ length: count }, () => result)
}

describe('what happens in a row', () => {
  const cases: readonly (readonly [string, readonly AttemptResult[], string | null])[] = [
    ['nothing', [], null],
    ['good answers', times(100, 'ok'), null],
    ['four errors', times(4, 'serverError'), null],
    ['five errors', times(5, 'serverError'), 'consecutiveErrors'],
    [
      'five errors, with a good answer between',
      [...times(4, 'serverError'), 'ok', 'serverError'],
      null,
    ],
    [
      'five errors, with one given up between',
      [...times(4, 'serverError'), 'cancelled', 'serverError'],
      'consecutiveErrors',
    ],
    ['broken answers', times(5, 'badAnswer'), 'consecutiveErrors'],
    ['two refused', times(2, 'connectFailure'), null],
    ['three refused', times(3, 'connectFailure'), 'consecutiveConnectFailures'],
    [
      'refused, reset and timed out',
      ['connectFailure', 'reset', 'timeout'],
      'consecutiveConnectFailures',
    ],
    [
      'an answer 5xx between two and two refused',
      [...times(2, 'reset'), 'serverError', 'reset'],
      null,
    ],
    [
      'five of all kinds',
      ['reset', 'reset', 'serverError', 'reset', 'badAnswer'],
      'consecutiveErrors',
    ],
  ]
  test.for(cases)('%s', ([, results, reason]) => {
    expect(trip(after(...results), RULES, false)).toBe(reason)
  })

  test('errors of an only endpoint do not take it out, no answer does', () => {
    expect(trip(after(...times(50, 'serverError')), RULES, true)).toBeNull()
    expect(trip(after(...times(3, 'reset')), RULES, true)).toBe('consecutiveConnectFailures')
  })

  test('what is set to 0 is off', () => {
    const rules = { ...RULES, consecutiveErrors: 0, consecutiveConnectFailures: 0 }
    expect(trip(after(...times(50, 'reset')), rules, false)).toBeNull()
  })
})

describe('an ejection', () => {
  test('lasts ten seconds the first time, and each time ten longer, up to a bound', () => {
    let standing = STEADY
    const lengthsMs = Array.from({ length: 40 }, () => {
      standing = ejectedAt(1_000, standing)
      return standing.ejection!.untilMs - 1_000
    })
    expect(lengthsMs.slice(0, 4)).toEqual([10_000, 20_000, 30_000, 40_000])
    expect(lengthsMs.at(-1)).toBe(RULES.maxEjectionMs)
  })

  test('ends when its time is over, not before, with nothing held against the endpoint but its number', () => {
    const out = ejectedAt(1_000, after(...times(4, 'serverError')))
    expect(passed(out, RULES, 10_999)).toBe(out)
    const back = passed(out, RULES, 11_000)
    expect(back).toEqual({ ...STEADY, ejectionCount: 1, quietSinceMs: 11_000 })
  })

  test('is forgotten after a quiet interval each', () => {
    let standing = passed(ejectedAt(0, ejectedAt(0)), RULES, 20_000)
    expect(standing.ejectionCount).toBe(2)
    standing = passed(standing, RULES, 29_999)
    expect(standing.ejectionCount).toBe(2)
    standing = passed(standing, RULES, 30_000)
    expect(standing.ejectionCount).toBe(1)
    standing = passed(standing, RULES, 40_000)
    expect(standing.ejectionCount).toBe(0)
    expect(passed(standing, RULES, 90_000)).toBe(standing)
  })

  test('what is noted while it lasts is not held against it', () => {
    const out = ejectedAt(0)
    expect(noted(out, 'reset', 0)).toBe(out)
    expect(trip(out, RULES, false)).toBeNull()
  })

  test('nor what began before it was over, however late it fails', () => {
    const back = passed(ejectedAt(0), RULES, 10_000)
    expect(noted(back, 'timeout', 9_999)).toBe(back)
    expect(noted(back, 'timeout', 10_000).connectFailureCount).toBe(1)
  })
})

test.for([
  [1, 0, 1],
  [2, 0, 1],
  [2, 1, 0],
  [3, 0, 1],
  [4, 1, 1],
  [4, 2, 0],
  [10, 2, 3],
])('of %i of which %i are out %i more may be', ([count, ejectedCount, room]) => {
  expect(roomToEject(count!, ejectedCount!, 0.5)).toBe(room)
})

test('of none more may be than are out already', () => {
  expect(roomToEject(4, 3, 0.5)).toBeLessThanOrEqual(0)
})
