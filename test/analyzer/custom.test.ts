import { describe, expect, test } from 'vitest'
import { parseCriteria } from '../../src/analyzer/criteria.ts'
import type { CustomReading, ReadCustom } from '../../src/analyzer/custom.ts'
import { BIN_COUNT } from '../../src/analyzer/histogram.ts'
import { check } from '../../src/analyzer/threshold.ts'

const NOTHING = { requestCount: 0, errorCount: 0, latency: new Float64Array(BIN_COUNT) }

function checkText(text: string, canary: CustomReading, stable?: CustomReading) {
  const readCustom: ReadCustom = (_name, variant) =>
    variant === 'canary' ? canary : (stable ?? { reason: 'never pushed' })
  return check(parseCriteria(text)[0]!, NOTHING, { readCustom })
}

describe('a pushed metric', () => {
  test.for([
    ['custom.x>95', 96, 'pass', 'custom.x>95 passes: 96 is above 95'],
    ['custom.x>95', 95, 'fail', 'custom.x>95 fails: 95 is not above 95'],
    ['custom.x>=95', 95, 'pass', 'custom.x>=95 passes: 95 is at least 95'],
    ['custom.x<0.5', 0.25, 'pass', 'custom.x<0.5 passes: 0.25 is below 0.5'],
    ['custom.x<=0.5', 0.51, 'fail', 'custom.x<=0.5 fails: 0.51 is not at most 0.5'],
  ] as const)('%s with %d: %s', ([text, value, verdict, sentence]) => {
    const limit = Number(text.replace(/^.*[<>=]/u, ''))
    expect(checkText(text, { value })).toEqual({ criterion: text, verdict, sentence, value, limit })
  })

  test('is compared with what was pushed for stable', () => {
    const text = 'custom.x>stable*0.9-1'
    expect(checkText(text, { value: 90 }, { value: 100 })).toEqual({
      criterion: text,
      verdict: 'pass',
      sentence: "custom.x>stable*0.9-1 passes: 90 is above 89, from stable's 100",
      value: 90,
      limit: 89,
    })
    expect(checkText(text, { value: 88 }, { value: 100 }).verdict).toBe('fail')
  })

  test.for([
    [{ reason: 'the newest value is 5m old' }, undefined, 'the newest value is 5m old'],
    [{ value: Number.NaN }, undefined, 'the value is NaN'],
    [{ value: Infinity }, undefined, 'the value is Infinity'],
    [{ value: 1 }, undefined, "stable's x: never pushed"],
    [{ value: 1 }, { value: Number.NaN }, "stable's x: the value is NaN"],
    [{ value: 1 }, { value: 1.7e308 }, "the limit from stable's 1.7e+308 is beyond all numbers"],
  ] as const)('that is no number has no data: %#', ([canary, stable, why]) => {
    const text = 'custom.x<stable*10'
    expect(checkText(text, canary, stable)).toEqual({
      criterion: text,
      verdict: 'noData',
      sentence: `${text} has no data: ${why}`,
      value: null,
      limit: 0,
    })
  })

  test('that nobody can push has no data', () => {
    const [criterion] = parseCriteria('custom.x<1')
    expect(check(criterion!, NOTHING).sentence).toBe(
      'custom.x<1 has no data: nothing is pushed here',
    )
  })
})
