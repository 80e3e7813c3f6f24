import { expect, test } from 'vitest'
import { clockSeconds } from '../../bench/load/cpu.ts'
import { readOptions } from '../../bench/load/options.ts'
import { spreadOf, toRatios, toResult } from '../../bench/load/report.ts'
import type { Round, Series } from '../../bench/load/rounds.ts'
import { toTable } from '../../bench/load/table.ts'

function series(
  proxy: string,
  cpuUs: readonly number[],
  { scenario = 'small', fault = null }: Partial<Pick<Series, 'scenario' | 'fault'>> = {},
): Series {
  const rounds = cpuUs.map((cpuUsPerRequest): Round => ({
    requests: 1_000,
    cpuUsPerRequest,
    bytesPerCpuSecond: 1e9 / cpuUsPerRequest,
    requestsPerSecond: 1e6 / cpuUsPerRequest,
    p50Ms: 1,
    p99Ms: 2,
    coreUse: 1,
  }))
  return { proxy, scenario, rounds, fault }
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
    {
      name: 'small: sluice/haproxy',
      quotient: { median: 1, low: 1, high: 1.1 },
      bar: { atMost: 1.155, isMet: true },
    },
  ])
})

test.for([
  { scenario: 'tls', against: 'nginx', cpuUs: [29, 30, 31], atMost: 1.5, isMet: true },
  { scenario: 'tls', against: 'nginx', cpuUs: [29, 31, 31], atMost: 1.5, isMet: false },
  { scenario: 'http2', against: 'nginx', cpuUs: [49, 50, 70], atMost: 2.5, isMet: true },
  { scenario: 'http2', against: 'nginx', cpuUs: [51, 51, 51], atMost: 2.5, isMet: false },
  { scenario: 'websocket', against: 'haproxy', cpuUs: [30, 30, 30], atMost: 1.5, isMet: true },
  { scenario: 'websocket', against: 'haproxy', cpuUs: [31, 31, 10], atMost: 1.5, isMet: false },
] as const)(
  'the bar of $scenario is $atMost times $against by the median: $cpuUs µs against 20 make $isMet',
  ({ scenario, against, cpuUs, atMost, isMet }) => {
    const ours = series('sluice', cpuUs, { scenario })
    const theirs = series(against, [20, 20, 20], { scenario })
    expect(toRatios([ours, theirs].map(toResult)).map(({ bar }) => bar)).toEqual([
      { atMost, isMet },
    ])
  },
)

test('the table says what each bar is, whether it is met, and what was skipped', () => {
  const results = [
    series('sluice', [40], { scenario: 'tls' }),
    series('nginx', [20], { scenario: 'tls' }),
    series('haproxy', [20], { scenario: 'tls' }),
  ].map(toResult)
  const skipped = [{ scenario: 'http2', reason: 'h2load is not installed' }] as const
  const table = toTable({ results, ratios: toRatios(results), proxies: [], skipped })
  expect(table.split('\n').slice(-5)).toEqual([
    'ratio                median  low-high     bar          met',
    'tls: sluice/nginx    2.000   2.000-2.000  at most 1.5  no',
    'tls: sluice/haproxy  2.000   2.000-2.000',
    '',
    'http2: SKIPPED, h2load is not installed',
  ])
})

test('a proxy with a fault gets no figure and no ratio', () => {
  const fault = 'errors under load, by kind: 3 status of 900 requests'
  const results = [series('sluice', [20]), series('haproxy', [20], { fault })].map(toResult)
  const known = [
    { name: 'sluice', version: '1.0.0', work: 'split' },
    { name: 'haproxy', version: '2.6.12', work: 'split' },
  ]
  expect(toRatios(results)).toEqual([])
  expect(toTable({ results, ratios: [], proxies: known, skipped: [] }).split('\n')).toEqual([
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
