import { describe, expect, test } from 'vitest'
import {
  type KeptPushed,
  PUSHED_NAME_LIMIT,
  PUSHED_ROLLOUT_LIMIT,
  PUSHED_VALUE_LIMIT,
  PushedMetrics,
  type PushedValue,
  pushedSource,
} from '../../../src/control/providers/pushed.ts'

const QUERY = { rollout: 'r', name: 'conversion', variant: 'canary', sinceMs: 0 } as const

function value(over: Partial<PushedValue> = {}): PushedValue {
  return { name: 'conversion', variant: 'canary', value: 95, ...over }
}

describe('the newest value', () => {
  test('is what was pushed last, of each variant', () => {
    const pushed = new PushedMetrics()
    pushed.push('r', [value({ value: 1 }), value({ value: 2 })], 10)
    pushed.push('r', [value({ variant: 'stable', value: 9 })], 20)
    expect(pushed.newest(QUERY, 20)).toEqual({ value: 2 })
    expect(pushed.newest({ ...QUERY, variant: 'stable' }, 20)).toEqual({ value: 9 })
    expect(pushed.values(QUERY)).toEqual([1, 2])
  })

  test('is none where nothing was pushed, or it is too old', () => {
    const pushed = new PushedMetrics()
    expect(pushed.newest(QUERY, 0)).toEqual({ reason: 'nothing has been pushed for canary' })
    pushed.push('r', [value()], 1_000)
    const late = { ...QUERY, sinceMs: 1_001 }
    expect(pushed.newest(late, 91_000)).toEqual({
      reason: 'the newest value for canary is 1m30s old',
    })
    expect(pushed.values(late)).toEqual([])
    expect(pushed.newest({ ...QUERY, name: 'constructor' }, 0)).toHaveProperty('reason')
  })

  test('is forgotten with its rollout', () => {
    const pushed = new PushedMetrics()
    pushed.push('r', [value()], 0)
    pushed.keepOnly(new Set(['r']))
    expect(pushed.values({ ...QUERY, sinceMs: 0 })).not.toEqual([])
    pushed.keepOnly(new Set(['other']))
    expect(pushed.newest(QUERY, 0)).toHaveProperty('reason')
  })
})

describe('what is pushed is bounded', () => {
  test('in values: the oldest goes', () => {
    const pushed = new PushedMetrics()
    for (let i = 0; i < PUSHED_VALUE_LIMIT + 3; i++) pushed.push('r', [value({ value: i })], i)
    expect(pushed.values(QUERY)).toHaveLength(PUSHED_VALUE_LIMIT)
    expect(pushed.values(QUERY)[0]).toBe(3)
  })

  test('in names: none of a push that has too many is kept', () => {
    const pushed = new PushedMetrics()
    const names = Array.from({ length: PUSHED_NAME_LIMIT }, (_, i) => value({ name: `m${i}` }))
    expect(pushed.push('r', names, 0)).toBeNull()
    expect(pushed.push('r', [value({ name: 'm0', value: 7 }), value()], 1)).toBe(
      'a rollout has at most 64 pushed metrics, with these it would have 65',
    )
    expect(pushed.newest({ ...QUERY, name: 'm0' }, 1)).toEqual({ value: 95 })
    expect(pushed.push('r', [value({ name: 'm0' })], 2)).toBeNull()
  })

  test('in rollouts', () => {
    const pushed = new PushedMetrics()
    for (let i = 0; i < PUSHED_ROLLOUT_LIMIT; i++) pushed.push(`r${i}`, [value()], 0)
    expect(pushed.push('one more', [value()], 0)).toBe('1024 rollouts have pushed values already')
    expect(pushed.push('r0', [value()], 0)).toBeNull()
  })

  test.for([
    [{ value: Number.NaN }, 'conversion is NaN, and a finite number is needed'],
    [{ value: -Infinity }, 'conversion is -Infinity, and a finite number is needed'],
    [{ name: 'a b' }, '"a b" is not the name of a metric'],
    [{ name: '__proto__/x' }, '"__proto__/x" is not the name of a metric'],
  ] as const)('and checked: %j', ([over, fault]) => {
    const pushed = new PushedMetrics()
    expect(pushed.push('r', [value(), value(over)], 0)).toBe(fault)
    expect(pushed.values(QUERY)).toEqual([])
  })
})

test('a metric over pushed values reads those of its window', async () => {
  const pushed = new PushedMetrics()
  pushed.push('r', [value({ value: 1 })], 1_000)
  pushed.push('r', [value({ value: 2 })], 5_000)
  const { sinceMs: _, ...query } = QUERY
  const source = pushedSource(pushed, query, (nowMs) => nowMs - 3_000)
  const { signal } = new AbortController()
  expect(await source(6_000, signal)).toEqual([2])
  expect(await source(9_000, signal)).toEqual([])
})

test('what was pushed is gone on with after a restart, until the rollout has ended', () => {
  const kept = new Map<string, KeptPushed>()
  const keep = (rollout: string, values: KeptPushed | null) => {
    if (values === null) kept.delete(rollout)
    else kept.set(rollout, JSON.parse(JSON.stringify(values)) as KeptPushed)
  }
  const first = new PushedMetrics({ kept: new Map(), keep })
  first.push('r', [value({ value: 1 }), value({ value: 2, variant: 'stable' })], 0)
  first.push('r', [value({ value: 3 })], 1)
  const next = new PushedMetrics({ kept: new Map(kept), keep })
  expect(next.values(QUERY)).toEqual([1, 3])
  expect(next.newest({ ...QUERY, variant: 'stable' }, 1)).toEqual({ value: 2 })
  next.keepOnly(new Set())
  expect(kept.size).toBe(0)
})
