import { expect, test } from 'vitest'
import { clockSeconds } from '../../bench/load/cpu.ts'
import { readOptions } from '../../bench/load/options.ts'
import { spreadOf, toRatios, toResult } from '../../bench/load/report.ts'
import type { Round, Series } from '../../bench/load/rounds.ts'
import { toTable } from '../../bench/load/table.ts'

function series(proxy: string, cpuUs: readonly number[], fault: string | null = null): Series {
  const rounds = cpuUs.map((cpuUsPerRequest): Round => ({
    requests: 1_000,
    cpuUsPerRequest,
    bytesPerCpuSecond: 1e9 / cpuUsPerRequest,
    requestsPerSecond: 1e6 / cpuUsPerRequest,
    p50Ms: 1,
    p99Ms: 2,
    coreUse: 1,
  }))
  return { proxy, scenario: 'small', rounds, fault }
}

test.for([
  { values: [3, 1, 2], spread: { median: 2, low: 1, high: 3 } },
  { values: [4, 1, 2, 3], spread: { median: 2.5, low: 1, high: 4 } },
  { values: [7], spread: { median: 7, low: 7, high: 7 } },
])('the spread of $values', ({ values, spread }) => {
  expect(spreadOf(values)).toEqual(spread)
})

test('a ratio compares round by round, so a slow spell that hits both does not count', () => {
  const results = [series('sluice', [20, 40, 22]), series('haproxy', [20, 40, 20])].map(toResult)
  expect(toRatios(results)).toEqual([
    { name: 'small: sluice/haproxy', quotient: { median: 1, low: 1, high: 1.1 } },
  ])
})

test('a proxy with a fault gets no figure and no ratio', () => {
  const fault = 'errors under load, by kind: 3 status of 900 requests'
  const results = [series('sluice', [20]), series('haproxy', [20], fault)].map(toResult)
  const known = [
    { name: 'sluice', version: '1.0.0', work: 'split' },
    { name: 'haproxy', version: '2.6.12', work: 'split' },
  ]
  expect(toRatios(results)).toEqual([])
  expect(toTable(results, [], known).split('\n')).toEqual([
    'small: bodies of 90 bytes, 64 keep-alive connections',
    'proxy    version  work   CPU µs/request  low-high   requests/s  p99 ms  of a core',
    'sluice   1.0.0    split  20.0            20.0-20.0  50000       2.00    100 %',
    `haproxy  2.6.12   split  no figure: ${fault}`,
  ])
})

test.for([
  { text: '0:01.50', seconds: 1.5 },
  { text: '02:03', seconds: 123 },
  { text: '01:00:01', seconds: 3_601 },
  { text: '2-00:00:01', seconds: 172_801 },
])('ps prints $text for $seconds s', ({ text, seconds }) => {
  expect(clockSeconds(text)).toBe(seconds)
})

test.for([
  { args: ['--rounds', '0'], message: '--rounds: must be a whole number of at least 1' },
  { args: ['--seconds', '1.5'], message: '--seconds: must be a whole number of at least 1' },
  { args: ['--scenario', 'huge'], message: '--scenario: unknown scenario "huge"' },
  { args: ['--fast'], message: "Unknown option '--fast'" },
])('$args is refused', ({ args, message }) => {
  expect(() => readOptions(args)).toThrow(message)
})

test('--quick is a preset that other options overrule', () => {
  const options = readOptions(['--quick', '--rounds', '7'])
  expect(options).toMatchObject({ rounds: 7, seconds: 1, warmupSeconds: 2 })
  expect(options?.scenarios.map(({ name }) => name)).toEqual(['small', '1m'])
})
