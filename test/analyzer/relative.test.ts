import { describe, expect, test } from 'vitest'
import { parseCriteria } from '../../src/analyzer/criteria.ts'
import { BIN_COUNT, binIndex } from '../../src/analyzer/histogram.ts'
import { seededRandom } from '../../src/analyzer/kayenta/normal.ts'
import { type CheckOptions, check } from '../../src/analyzer/threshold.ts'
import type { WindowCounts } from '../../src/analyzer/window.ts'

function checkText(text: string, counts: WindowCounts, options?: CheckOptions) {
  return check(parseCriteria(text)[0]!, counts, options)
}

function errors(requestCount: number, errorCount: number): WindowCounts {
  return { requestCount, errorCount, latency: new Float64Array(BIN_COUNT) }
}

/** Pairs of latency in microseconds and how many answers took it. */
function answers(...pairs: readonly (readonly [number, number])[]): WindowCounts {
  const latency = new Float64Array(BIN_COUNT)
  for (const [latencyUs, count] of pairs) latency[binIndex(latencyUs)]! += count
  return { requestCount: 0, errorCount: 0, latency }
}

describe('an error rate against stable', () => {
  const text = 'error_rate<stable*1.5+0.1%'

  test.for([
    ['pass', 100, 0, 1_900, 2],
    ['pass', 1_000, 2, 19_000, 20],
    ['inconclusive', 100, 1, 1_900, 2],
    ['fail', 100, 8, 1_900, 2],
    ['fail', 1_000, 40, 19_000, 20],
    // A shared outage moves both.
    ['pass', 100, 30, 1_900, 570],
    ['noData', 0, 0, 1_900, 2],
    ['noData', 5, 0, 1_900, 2],
    ['noData', 100, 0, 0, 0],
    ['noData', 100, 100, 10, 0],
    ['noData', 100, 100, 1_900, 1_100],
  ] as const)('%s: %d requests with %d errors, stable %d with %d', ([verdict, ...counts]) => {
    const [count, errorCount, stableCount, stableErrors] = counts
    const stable = errors(stableCount, stableErrors)
    expect(checkText(text, errors(count, errorCount), { stable }).verdict).toBe(verdict)
  })

  test('says where its limit comes from', () => {
    const stable = errors(1_900, 2)
    expect(checkText(text, errors(100, 8), { stable })).toEqual({
      criterion: text,
      verdict: 'fail',
      sentence:
        "error_rate<stable*1.5+0.1% fails: 8 % of 100 requests failed (8; 8 would be enough to say so); the limit is 0.258 %, as 0.105 % of stable's 1900 failed",
      value: 0.08,
      limit: 1.5 * (2 / 1_900) + 0.001,
    })
  })

  test.for([
    [undefined, "has no data: stable's window is not at hand"],
    [errors(0, 0), "has no data: no request in stable's window"],
    [errors(10, 0), "has no data: 10 requests in stable's window, and it takes 11 to compare with"],
    [
      errors(1_900, 1_100),
      "has no data: 1900 requests in stable's window, 57.9 % of them failed, which hides any canary",
    ],
  ] as const)('without enough of stable: %#', ([stable, sentence]) => {
    const options = stable === undefined ? {} : { stable }
    expect(checkText(text, errors(100, 50), options).sentence).toBe(`${text} ${sentence}`)
  })

  test('passes on no fewer requests than were asked for, nor on fewer than can tell', () => {
    const stable = errors(19_000, 0)
    expect(checkText(text, errors(50, 0), { stable }).verdict).toBe('pass')
    expect(checkText(text, errors(50, 0), { stable, minCount: 51 }).verdict).toBe('noData')
    expect(checkText(text, errors(2, 0), { stable, minCount: 1 }).verdict).toBe('noData')
  })

  test('fails a canary on its very limit no more often than was promised', () => {
    const random = seededRandom(11)
    const draw = (count: number, ratio: number) => {
      let bad = 0
      for (let i = 0; i < count; i++) if (random() < ratio) bad++
      return errors(count, bad)
    }
    const alphaWindow = 0.05
    let failCount = 0
    const rounds = 2_000
    for (let i = 0; i < rounds; i++) {
      const stable = draw(950, 0.02)
      const canary = draw(100, 1.5 * 0.02 + 0.001)
      if (checkText(text, canary, { stable, alphaWindow }).verdict === 'fail') failCount++
    }
    // Three standard deviations above the promise.
    expect(failCount / rounds).toBeLessThan(alphaWindow + 3 * Math.sqrt(alphaWindow / rounds))
  })
})

describe('a latency against stable', () => {
  const text = 'latency_p95<stable*1.2+5ms'
  const stable = answers([10_000, 950], [40_000, 50])

  test.for([
    ['pass', answers([10_000, 100])],
    ['pass', answers([16_000, 100])],
    ['fail', answers([60_000, 100])],
    // Beyond the limit, but not beyond the one that stable's own p95 may be.
    ['inconclusive', answers([10_000, 60], [30_000, 40])],
    ['inconclusive', answers([10_000, 90], [60_000, 10])],
    ['noData', answers([10_000, 5])],
    ['noData', answers()],
  ] as const)('%s: %#', ([verdict, canary]) => {
    expect(checkText(text, canary, { stable }).verdict).toBe(verdict)
  })

  test('tells both quantiles', () => {
    const { sentence, value, limit } = checkText(text, answers([60_000, 100]), { stable })
    expect(sentence).toBe(
      "latency_p95<stable*1.2+5ms fails: 100 % of 100 answers took longer than 54.2ms (100; 16 would be enough to say so); p95 is 60.4ms, stable's 10.2ms",
    )
    expect(value).toBe(60_415)
    expect(limit).toBeCloseTo(1.2 * 10_239 + 5_000, 6)
  })

  test('has no data without enough of stable', () => {
    const canary = answers([60_000, 100])
    expect(checkText(text, canary).sentence).toContain("stable's window is not at hand")
    expect(checkText(text, canary, { stable: answers() }).sentence).toContain('no answer in')
    expect(checkText(text, canary, { stable: answers([1, 182]) }).sentence).toBe(
      `${text} has no data: 182 answers in stable's window, and it takes 183 to compare with`,
    )
    expect(checkText(text, canary, { stable: answers([1, 183]) }).verdict).toBe('fail')
  })
})
