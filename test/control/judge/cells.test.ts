import { describe, expect, test } from 'vitest'
import { CELL_LIMIT } from '../../../src/analyzer/settled.ts'
import { CellRegistry } from '../../../src/control/judge/cells.ts'

function registry() {
  const clock = { nowMs: 0 }
  return { clock, cells: new CellRegistry(() => clock.nowMs) }
}

test('an attempt has two cells at each weight, the same ones as long as it lasts', () => {
  const { cells } = registry()
  const first = cells.obtain('shop-1/1', 500)
  expect(first).toEqual({ stable: 0, canary: 1 })
  expect(cells.obtain('shop-1/1', 2_500)).toEqual({ stable: 2, canary: 3 })
  expect(cells.obtain('shop-1/1', 500)).toBe(first)
  expect([...cells.of('shop-1/1').keys()]).toEqual([500, 2_500])
  expect(cells.of('shop-1/2').size).toBe(0)
})

test('cells go to another attempt only when nothing can settle in them any more', () => {
  const { cells, clock } = registry()
  cells.obtain('shop-1/1', 500)
  cells.release('shop-1/1')
  expect(cells.of('shop-1/1').size).toBe(0)
  clock.nowMs = 14_999
  expect(cells.obtain('shop-1/2', 500)).toEqual({ stable: 2, canary: 3 })
  clock.nowMs = 15_000
  expect(cells.obtain('shop-1/2', 1_000)).toEqual({ stable: 0, canary: 1 })
})

test('where all are in use there are none, until one has rested', () => {
  const { cells, clock } = registry()
  for (let n = 0; n < CELL_LIMIT / 2; n++) expect(cells.obtain(`r-${n}/1`, 1)).not.toBeNull()
  expect(cells.obtain('late/1', 1)).toBeNull()
  cells.release('r-7/1')
  clock.nowMs = 20_000
  expect(cells.obtain('late/1', 1)).toEqual({ stable: 14, canary: 15 })
})

describe('cells of a weight that has passed', () => {
  test('are given away where there are no others, so that fifty rollouts are judged to their end', () => {
    const { cells, clock } = registry()
    for (const weightBp of [500, 2_500, 5_000, 7_500, 10_000]) {
      const found = Array.from({ length: 50 }, (_, n) => cells.obtain(`r-${n}/1`, weightBp))
      expect(found).not.toContain(null)
      expect(new Set(found.map((pair) => pair!.canary)).size).toBe(50)
      clock.nowMs += 15_000
    }
    expect([...cells.of('r-7/1').keys()].at(-1)).toBe(10_000)
  })

  test('rest before that', () => {
    const { cells, clock } = registry()
    for (let n = 0; n < CELL_LIMIT / 2; n++) cells.obtain(n < 2 ? 'r/1' : `r-${n}/1`, n + 1)
    clock.nowMs = 14_999
    expect(cells.obtain('late/1', 1)).toBeNull()
    clock.nowMs = 15_000
    expect(cells.obtain('late/1', 1)).toEqual({ stable: 0, canary: 1 })
    expect([...cells.of('r/1').keys()]).toEqual([2])
    expect(cells.obtain('later/1', 1)).toBeNull()
  })

  test('are the same when the attempt comes back to it, while there is room', () => {
    const { cells, clock } = registry()
    const first = cells.obtain('r/1', 500)
    cells.obtain('r/1', 2_500)
    expect(cells.obtain('r/1', 500)).toBe(first)
    for (let n = 2; n < CELL_LIMIT / 2; n++) cells.obtain(`r-${n}/1`, 1)
    clock.nowMs = 15_000
    expect(cells.obtain('late/1', 1)).toEqual({ stable: 2, canary: 3 })
    expect(cells.obtain('r/1', 2_500)).toBeNull()
    expect([...cells.of('r/1')]).toEqual([[500, first]])
  })

  test('are no longer known to whom they were before', () => {
    const { cells, clock } = registry()
    const first = cells.obtain('r/1', 500)
    cells.obtain('r/1', 2_500)
    for (let n = 2; n < CELL_LIMIT / 2; n++) cells.obtain(`r-${n}/1`, 1)
    clock.nowMs = 15_000
    const again = cells.obtain('r/1', 7_500)
    expect(again).toEqual(first)
    expect(again).not.toBe(first)
  })
})
