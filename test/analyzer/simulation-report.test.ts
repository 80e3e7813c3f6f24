import { expect, test } from 'vitest'
import { detectionBar, falseAbortBar } from '../../bench/analysis/bars.ts'
import type { ShapeResult } from '../../bench/analysis/false-aborts.ts'
import { PARTS, readOptions } from '../../bench/analysis/options.ts'
import { run } from '../../bench/analysis/run.ts'
import { shareOf, timesOf } from '../../bench/analysis/share.ts'
import { toTable } from '../../bench/analysis/table.ts'

test('a run of ten fills every table but says that the bars need more', () => {
  const said: string[] = []
  const report = run({ seed: 1, runCount: 10, only: PARTS }, (part) => said.push(part))
  expect(said).toEqual(PARTS)
  expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  const table = toTable(report)
  for (const words of [
    'seed 1, 10 runs a shape, horizon 1 h',
    'Healthy rollouts taken back',
    'F1',
    'by the information bound',
    'x 1.5',
    'model of Flagger fastest',
    'Bad requests served',
    'bets that learn',
    'passes at the margin',
    '6 % in place of 5 %',
    'met: no more healthy rollouts',
  ]) {
    expect(table).toContain(words)
  }
})

test('parts that are not wanted are left out', () => {
  const report = run({ seed: 1, runCount: 10, only: ['promotion'] }, () => undefined)
  expect(report).toMatchObject({ falseAborts: null, detection: null, bars: [] })
  expect(toTable(report).split('\n\n')).toHaveLength(2)
})

test('the command line', () => {
  expect(readOptions([])).toMatchObject({ seed: 1, runCount: 2_000, only: PARTS, jsonFile: null })
  expect(readOptions(['--quick', '--seed', '7', '--only', 'modes,detection'])).toMatchObject({
    seed: 7,
    runCount: 100,
    only: ['modes', 'detection'],
  })
  expect(readOptions(['--help'])).toBeNull()
  expect(() => readOptions(['--runs', '9'])).toThrow('--runs')
  expect(() => readOptions(['--seed', '-1'])).toThrow('--seed')
  expect(() => readOptions(['--only', 'speed'])).toThrow('there are false-aborts')
})

function shape(counts: readonly [number, number, number], runCount: number): ShapeResult {
  const shares = counts.map((count) => shareOf(count, runCount))
  const none = shareOf(0, runCount)
  const coins = [{ name: 'guard', shares }]
  return { shape: 'S1', words: '', coins, paused: none, passed: none, others: [] }
}

test.for([
  ['none', [0, 0, 0], 2_000, true],
  ['as many as alpha', [100, 20, 2], 2_000, true],
  ['one more than 5 %', [101, 20, 2], 2_000, false],
  ['one more than 1 %', [100, 21, 2], 2_000, false],
  ['more at 0.001, as luck allows', [100, 20, 5], 2_000, true],
  ['more at 0.001 than luck allows', [100, 20, 6], 2_000, false],
  ['a few of few', [8, 3, 1], 100, true],
  ['many of few', [12, 3, 1], 100, false],
] as const)('%s healthy rollouts taken back', ([, counts, runCount, isMet]) => {
  expect(falseAbortBar([shape(counts, runCount)]).isMet).toBe(isMet)
})

test('a ratio of nothing is not within a bar', () => {
  const nothing = {
    runCount: 10,
    meanRequests: null,
    ratio: null,
    power: 0,
    medianS: null,
    p90S: null,
    earlyCount: 0,
  }
  const cell = { fault: 'x', isPartial: true, weight: 0.05, requestsPerSecond: 1, boundRequests: 1 }
  expect(detectionBar([{ ...cell, start: nothing, late: nothing }]).isMet).toBe(false)
  expect(detectionBar([{ ...cell, isPartial: false, start: nothing, late: nothing }]).isMet).toBe(
    true,
  )
})

test('times are those of all runs', () => {
  expect(timesOf([3, Infinity, 1, 2])).toEqual({ power: 0.75, medianS: 2, p90S: null })
  expect(timesOf([Infinity])).toEqual({ power: 0, medianS: null, p90S: null })
})
