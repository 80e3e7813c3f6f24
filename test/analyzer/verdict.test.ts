import { expect, test } from 'vitest'
import { parseCriteria } from '../../src/analyzer/criteria.ts'
import { BIN_COUNT, binIndex } from '../../src/analyzer/histogram.ts'
import type { CheckResult } from '../../src/analyzer/threshold.ts'
import { combine, judge } from '../../src/analyzer/verdict.ts'
import type { WindowCounts } from '../../src/analyzer/window.ts'

function counts(requestCount: number, errorCount: number, latencyUs: number): WindowCounts {
  const latency = new Float64Array(BIN_COUNT)
  latency[binIndex(latencyUs)]! += requestCount
  return { requestCount, errorCount, latency }
}

function result(verdict: CheckResult['verdict'], sentence: string): CheckResult {
  return { criterion: '', verdict, sentence, value: null, limit: 0 }
}

test.for([
  ['fail over all', ['pass', 'noData', 'inconclusive', 'fail'], 'fail', 3],
  ['inconclusive over noData', ['pass', 'noData', 'inconclusive'], 'inconclusive', 2],
  ['noData over pass', ['pass', 'noData'], 'noData', 1],
  ['pass when all pass', ['pass', 'pass'], 'pass', 0],
  ['the first of two that fail', ['pass', 'fail', 'fail'], 'fail', 1],
] as const)('the worst check weighs most: %s', ([, verdicts, verdict, index]) => {
  const checks = verdicts.map((each, i) => result(each, `check ${i}`))
  expect(combine(checks)).toEqual({ verdict, sentence: `check ${index}` })
})

test('no criteria pass, and the sentence says that there are none', () => {
  expect(judge([], counts(0, 0, 0))).toEqual({
    verdict: 'pass',
    sentence: 'No guard is set',
    checks: [],
  })
})

test.for([
  [counts(0, 0, 0), 'noData', /^error_rate<1% has no data/u],
  [counts(99, 0, 1_000), 'noData', /it takes 100 requests to pass$/u],
  [counts(100, 0, 1_000), 'pass', /^error_rate<1% passes/u],
  [counts(99, 50, 1_000), 'fail', /^error_rate<1% fails/u],
  [counts(300, 5, 1_000), 'inconclusive', /^error_rate<1% is undecided/u],
  [counts(300, 0, 3_000_000), 'fail', /^latency_p95<2s fails/u],
] as const)('three criteria on one window, %#', ([window, verdict, sentence]) => {
  const criteria = parseCriteria('error_rate<1%, latency_p95<2s, requests>=100')
  const judged = judge(criteria, window)
  expect(judged).toMatchObject({ verdict, sentence: expect.stringMatching(sentence) })
  expect(judged.checks.map((each) => each.criterion)).toEqual([
    'error_rate<1%',
    'latency_p95<2s',
    'requests>=100',
  ])
})

test('a minimum sample alone passes or has no data', () => {
  const criteria = parseCriteria('requests>=10')
  expect(judge(criteria, counts(9, 9, 0)).verdict).toBe('noData')
  expect(judge(criteria, counts(10, 10, 0)).verdict).toBe('pass')
})

test('the bound on false alarms reaches the checks', () => {
  const criteria = parseCriteria('error_rate<1%')
  expect(judge(criteria, counts(60, 6, 0)).verdict).toBe('fail')
  expect(judge(criteria, counts(60, 6, 0), { alphaWindow: 1e-6 }).verdict).toBe('inconclusive')
})
