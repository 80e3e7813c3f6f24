import { describe, expect, test } from 'vitest'
import { parseCriteria } from '../../src/analyzer/criteria.ts'
import { BIN_COUNT, binIndex, binUpperUs } from '../../src/analyzer/histogram.ts'
import { type CheckOptions, check, minimumSample } from '../../src/analyzer/threshold.ts'
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
  let requestCount = 0
  for (const [latencyUs, count] of pairs) {
    latency[binIndex(latencyUs)]! += count
    requestCount += count
  }
  return { requestCount, errorCount: 0, latency }
}

describe('an error rate', () => {
  test.for([
    [0, 0, 'noData', 'error_rate<1% has no data: no request in the window'],
    [
      1,
      0,
      'noData',
      'error_rate<1% has too little data: 0 % of 1 request failed, and it takes 6 requests to pass',
    ],
    [
      1,
      1,
      'inconclusive',
      'error_rate<1% is undecided: 100 % of 1 request failed (1; it takes more requests to say that it fails)',
    ],
    [
      2,
      2,
      'fail',
      'error_rate<1% fails: 100 % of 2 requests failed (2; 2 would be enough to say so)',
    ],
    [6, 0, 'pass', 'error_rate<1% passes: 0 % of 6 requests failed (0)'],
    [
      60,
      5,
      'inconclusive',
      'error_rate<1% is undecided: 8.33 % of 60 requests failed (5; it takes 6 to say that it fails)',
    ],
    [
      60,
      6,
      'fail',
      'error_rate<1% fails: 10 % of 60 requests failed (6; 6 would be enough to say so)',
    ],
    [
      48,
      15,
      'fail',
      'error_rate<1% fails: 31.3 % of 48 requests failed (15; 5 would be enough to say so)',
    ],
    [1_000, 9, 'pass', 'error_rate<1% passes: 0.9 % of 1000 requests failed (9)'],
    [
      1_000,
      10,
      'inconclusive',
      'error_rate<1% is undecided: 1 % of 1000 requests failed (10; it takes 24 to say that it fails)',
    ],
  ] as const)('of %d requests, %d failed: %s', ([requestCount, errorCount, verdict, sentence]) => {
    expect(checkText('error_rate<1%', errors(requestCount, errorCount))).toEqual({
      criterion: 'error_rate<1%',
      verdict,
      sentence,
      value: requestCount === 0 ? null : errorCount / requestCount,
      limit: 0.01,
    })
  })

  test('on the limit itself passes with <= and is undecided with <', () => {
    expect(checkText('error_rate<=0.7%', errors(1_000, 7)).verdict).toBe('pass')
    expect(checkText('error_rate<0.7%', errors(1_000, 7)).verdict).toBe('inconclusive')
  })

  test('of nothing at all fails with the first error', () => {
    expect(checkText('error_rate<=0', errors(1_000, 0)).verdict).toBe('pass')
    expect(checkText('error_rate<=0', errors(1_000, 1)).verdict).toBe('fail')
  })

  test('of everything cannot fail', () => {
    expect(checkText('error_rate<=100%', errors(1_000, 1_000)).verdict).toBe('pass')
    expect(checkText('error_rate<100%', errors(1_000, 1_000)).verdict).toBe('inconclusive')
  })

  test('passes on no fewer requests than were asked for, but fails as soon as it can', () => {
    const options = { minCount: 100 }
    expect(checkText('error_rate<1%', errors(99, 0), options).verdict).toBe('noData')
    expect(checkText('error_rate<1%', errors(100, 0), options).verdict).toBe('pass')
    expect(checkText('error_rate<1%', errors(50, 50), options).verdict).toBe('fail')
  })

  test('takes more errors to fail when its window may alarm more rarely', () => {
    expect(checkText('error_rate<1%', errors(60, 6), { alphaWindow: 1e-6 }).verdict).toBe(
      'inconclusive',
    )
  })
})

describe('the minimum sample', () => {
  test.for([
    [0, 2],
    [0.001, 4],
    [0.01, 6],
    [0.05, 10],
    [0.1, 16],
    [0.25, 48],
    [0.26, 26],
    [0.5, 56],
    [0.99, 4_548],
    [0.999999, 10_000],
    [1, 1],
  ] as const)('for a limit of %d is %d requests', ([limitRatio, count]) => {
    expect(minimumSample(limitRatio, 1.7e-4)).toBe(count)
    expect(minimumSample(limitRatio, 1.7e-4), 'from memory').toBe(count)
  })
})

describe('a latency', () => {
  test.for([
    ['no answer', answers(), 'noData', null, 'has no data: no answer in the window'],
    [
      'too few',
      answers([1_000, 9]),
      'noData',
      1_007,
      'has too little data: 0 % of 9 answers took longer than 250ms, and it takes 10 answers to pass',
    ],
    [
      'all well',
      answers([1_000, 10]),
      'pass',
      1_007,
      'passes: 0 % of 10 answers took longer than 250ms (0); p95 is 1.01ms',
    ],
    [
      'just its share beyond',
      answers([1_000, 95], [300_000, 5]),
      'pass',
      1_007,
      'passes: 5 % of 100 answers took longer than 250ms (5); p95 is 1.01ms',
    ],
    [
      'one more',
      answers([1_000, 94], [300_000, 6]),
      'inconclusive',
      303_103,
      'is undecided: 6 % of 100 answers took longer than 250ms (6; it takes 15 to say that it fails); p95 is 303ms',
    ],
    [
      'too many',
      answers([1_000, 85], [3_000_000, 15]),
      'fail',
      3_014_655,
      'fails: 15 % of 100 answers took longer than 250ms (15; 15 would be enough to say so); p95 is 3.01s',
    ],
  ] as const)('with %s', ([, counts, verdict, value, sentence]) => {
    expect(checkText('latency_p95<250ms', counts)).toEqual({
      criterion: 'latency_p95<250ms',
      verdict,
      sentence: `latency_p95<250ms ${sentence}`,
      value,
      limit: 250_000,
    })
  })

  test('in the bin of the limit is within it, and told as the limit', () => {
    const upperUs = binUpperUs(binIndex(250_000))
    expect(upperUs).toBeGreaterThan(250_000)
    expect(checkText('latency_p95<250ms', answers([upperUs, 100]))).toMatchObject({
      verdict: 'pass',
      value: 250_000,
    })
    expect(checkText('latency_p95<250ms', answers([upperUs + 1, 100])).verdict).toBe('fail')
  })

  test('passes exactly when its quantile is told to be within the limit', () => {
    for (let slowCount = 0; slowCount <= 100; slowCount++) {
      const counts = answers([1_000, 100 - slowCount], [300_000, slowCount])
      const { verdict, value } = checkText('latency_p90<250ms', counts)
      expect(verdict === 'pass').toBe(value! <= 250_000)
    }
  })

  test('that took longer than can be told apart is beyond every limit', () => {
    const counts = answers([2 ** 40, 100])
    expect(checkText('latency_p50<132s', counts)).toMatchObject({
      verdict: 'fail',
      value: 2 ** 27 - 1,
    })
  })
})

test.for([
  [0, 'noData', 'requests>=5 has too little data: 0 requests finished'],
  [4, 'noData', 'requests>=5 has too little data: 4 requests finished'],
  [5, 'pass', 'requests>=5 passes: 5 requests finished'],
] as const)('a minimum sample with %d requests: %s', ([count, verdict, sentence]) => {
  expect(checkText('requests>=5', errors(count, 0))).toEqual({
    criterion: 'requests>=5',
    verdict,
    sentence,
    value: count,
    limit: 5,
  })
})
