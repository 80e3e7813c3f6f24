/** What moves fast enough, and what does not. */

import { describe, expect, test } from 'vitest'
import { Pace } from '../../src/proxy/pace.ts'

describe('a sender', () => {
  test('has moved when its share has, in pieces of any size', () => {
    const pace = new Pace()
    pace.begin(100)
    expect([60, 39, 1].map((byteCount) => pace.hasMoved(byteCount))).toEqual([false, false, true])
  })

  test('begins anew in the next period', () => {
    const pace = new Pace()
    pace.begin(100)
    pace.hasMoved(99)
    pace.begin(100)
    expect(pace.hasMoved(99)).toBe(false)
  })

  test('that need not be fast has moved with one byte, and not with none', () => {
    const pace = new Pace()
    pace.begin(0)
    expect([0, 1].map((byteCount) => pace.hasMoved(byteCount))).toEqual([false, true])
  })
})

describe('a reader', () => {
  test('takes its share, or is too slow', () => {
    const pace = new Pace()
    pace.begin(100)
    pace.startWriting(1_000)
    expect([900, 801, 700].map((unsent) => pace.isTaking(unsent))).toEqual([true, false, true])
  })

  test('that has taken all there was is not too slow', () => {
    const pace = new Pace()
    pace.begin(100)
    pace.startWriting(40)
    expect(pace.isTaking(0)).toBe(true)
  })

  test('that was sent nothing has taken nothing', () => {
    const pace = new Pace()
    pace.begin(0)
    pace.startWriting(0)
    expect(pace.isTaking(0)).toBe(false)
  })
})
