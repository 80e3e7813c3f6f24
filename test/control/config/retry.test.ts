/** What a route may say of requests that fail or take long, what it becomes, and what is said of what may not stand there. */

import { expect, test } from 'vitest'
import { configOf, faultLines, sample } from './sample.ts'

function withLines(...lines: readonly string[]): string {
  const route = ['name: shop', 'stable: a', ...lines].map((each, i) =>
    i === 0 ? `  - ${each}` : `    ${each}`,
  )
  return sample({ routes: ['routes:', ...route].join('\n') })
}

function routeOf(...lines: readonly string[]) {
  return configOf(withLines(...lines)).routes[0]!
}

test('without a word a request is tried again once, and what fails on the canary on stable', () => {
  expect(routeOf()).toMatchObject({
    retry: { attempts: 1, statuses: [502, 503, 504], methods: null, perTryMs: null },
    fallback: true,
    hedgeMs: null,
    mirror: null,
  })
})

test('what is said arrives', () => {
  const route = routeOf(
    'retry: { attempts: 3, statuses: [429, 5xx], methods: [get, POST], perTryTimeout: 2s }',
    'fallback: none',
    'hedge: { after: 50ms }',
    'mirror: { to: a, percent: 12.5, methods: [GET] }',
  )
  expect(route).toMatchObject({
    retry: { attempts: 3, methods: ['GET', 'POST'], perTryMs: 2_000 },
    fallback: false,
    hedgeMs: 50,
    mirror: { upstream: 'a', share: 0.125, methods: ['GET'] },
  })
  expect(route.retry.statuses).toEqual([429, ...Array.from({ length: 100 }, (_, i) => 500 + i)])
})

test('the age at which requests are settled', () => {
  expect(routeOf('settleAfter: 800ms').settleMs).toBe(800)
  expect(faultLines(withLines('settleAfter: 10s'))[0]).toContain(
    'routes[0].settleAfter: 10s is outside 250ms to 5s',
  )
})

test('copies are made of all that only reads, unless something else is said', () => {
  expect(routeOf('mirror: { to: a }').mirror).toEqual({
    upstream: 'a',
    share: 1,
    methods: ['GET', 'HEAD', 'OPTIONS'],
  })
})

test.for([
  ['retry: { attempts: 11 }', 'retry.attempts: 11 is outside 0 to 10'],
  [
    'retry: { statuses: [200] }',
    'retry.statuses[0]: "200" is no failure; write one from 400 to 599',
  ],
  ['retry: { methods: [FETCH] }', 'retry.methods[0]: "FETCH" is not a method that is served'],
  ['retry: { perTryTimeout: 10ms }', 'retry.perTryTimeout: 10ms is outside 250ms to 1h'],
  ['retry: { attempt: 1 }', 'retry: unknown key "attempt"; did you mean "attempts"?'],
  ['fallback: stabel', 'fallback: "stabel" is not possible; did you mean "stable"?'],
  ['hedge: {}', 'hedge: the key "after"'],
  ['mirror: { to: b }', 'mirror.to: there is no upstream "b"'],
  ['mirror: { to: a, percent: 101 }', 'mirror.percent: 101 is outside 0 to 100'],
] as const)('%s: %s', ([line, expected]) => {
  const faults = faultLines(withLines(line))
  expect(faults).toHaveLength(1)
  expect(faults[0]).toMatch(/^f:7:\d+ routes\[0\]/)
  expect(faults[0]).toContain(expected)
})
