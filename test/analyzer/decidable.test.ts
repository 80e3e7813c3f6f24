import { expect, test } from 'vitest'
import { countToFail } from '../../src/analyzer/binomial.ts'
import { parseCriteria } from '../../src/analyzer/criteria.ts'
import { type ExpectedTraffic, whyNeverDecided } from '../../src/analyzer/decidable.ts'

function why(text: string, traffic: Partial<ExpectedTraffic> = {}): string | null {
  return whyNeverDecided(parseCriteria(text)[0]!, {
    canaryPerSecond: 5,
    stablePerSecond: 95,
    windowMs: 60_000,
    ...traffic,
  })
}

test.for([
  'error_rate<1%',
  'latency_p95<2s',
  'requests>=300',
  'custom.x>1',
  'error_rate<stable*1.5+0.1%',
  'latency_p95<stable*1.2',
])('%s can be decided at 100 requests/s', (text) => {
  expect(why(text)).toBeNull()
})

const NEVER = 'can never be decided at this traffic:'

test.for([
  [
    'error_rate<1%',
    { canaryPerSecond: 0.02 },
    `error_rate<1% ${NEVER} 0.02 requests/s to canary are 1 request in a window of 60s, and it takes 6 to pass and at least 2 to fail`,
  ],
  [
    'error_rate<1%',
    { canaryPerSecond: 0 },
    `error_rate<1% ${NEVER} 0 requests/s to canary are 0 requests in a window of 60s, and it takes 6 to pass and at least 2 to fail`,
  ],
  [
    'latency_p50<2s',
    { canaryPerSecond: 0.1 },
    `latency_p50<2s ${NEVER} 0.1 requests/s to canary are 6 requests in a window of 60s, and it takes 56 to pass and at least 13 to fail`,
  ],
  [
    'requests>=1000',
    {},
    `requests>=1000 ${NEVER} 5 requests/s to canary are 300 requests in a window of 60s, and it takes 1000`,
  ],
  [
    'latency_p95<stable*1.2',
    { stablePerSecond: 1 },
    `latency_p95<stable*1.2 ${NEVER} 1 requests/s to stable are 60 requests in a window of 60s, and it takes 183 to compare with`,
  ],
  [
    'error_rate<stable*1.5',
    { stablePerSecond: 0.1 },
    `error_rate<stable*1.5 ${NEVER} 0.1 requests/s to stable are 6 requests in a window of 60s, and it takes 11 to compare with`,
  ],
  [
    'error_rate<stable+90%',
    {},
    `error_rate<stable+90% ${NEVER} 95 requests/s to stable are 5700 requests in a window of 60s, and its allowance alone hides nearly any canary`,
  ],
] as const)('%s with %j never', ([text, traffic, sentence]) => {
  expect(why(text, traffic)).toBe(sentence)
})

test('as many requests as were asked for are enough to pass', () => {
  expect(why('error_rate<50%', { canaryPerSecond: 0.05, minCount: 3 })).toBeNull()
})

test.for([
  'error_rate<=100%',
  'error_rate<99.9999999%',
  'latency_p0.0001<1s',
  'error_rate<stable*1.5+100%',
])('%s is told at once, whatever sample is asked for', (text) => {
  expect(why(text, { canaryPerSecond: 0.02, minCount: 1_000_000_000 })).toContain(
    'it takes 1000000000 to pass',
  )
})

test('as many failures as it takes are told to the last one', () => {
  for (let percent = 1; percent < 100; percent++) {
    const alpha = 1.7e-4
    let count = 1
    while (countToFail(count, percent / 100, alpha) > count) count++
    const found = why(`error_rate<${percent}%`, { canaryPerSecond: 0, minCount: 10_000 })
    expect(found).toContain(`at least ${count} to fail`)
  }
})
