/** What may stand in an upstream of how requests are spread, what it becomes, and what is said of what may not. */

import { expect, test } from 'vitest'
import { configOf, faultLines, sample } from './sample.ts'

function withLines(...lines: readonly string[]): string {
  const endpoints = "endpoints: ['http://127.0.0.1:9001']"
  return sample({
    upstreams: ['upstreams:', '  a:', ...[endpoints, ...lines].map((each) => `    ${each}`)].join(
      '\n',
    ),
  })
}

function settingsOf(...lines: readonly string[]) {
  return configOf(withLines(...lines)).upstreams.get('a')!.settings
}

test('an endpoint may have a weight, a zone and words of its own', () => {
  const upstreams =
    "upstreams: { a: { endpoints: [{ url: 'http://h:1', weight: 3, zone: eu-1, metadata: { rack: r7 } }, 'http://h:2'] } }"
  expect(configOf(sample({ upstreams })).upstreams.get('a')?.endpoints).toMatchObject([
    { port: 1, weight: 3, zone: 'eu-1', metadata: { rack: 'r7' } },
    { port: 2, weight: 1, zone: null, metadata: {} },
  ])
})

test('what is said of balance, panic, zone and slow start arrives', () => {
  const settings = settingsOf('balance: consistentHash', 'panic: refuse', 'slowStart: 30s')
  expect(settings).toMatchObject({
    balance: 'consistentHash',
    panic: 'refuse',
    preferZone: null,
    slowStartMs: 30_000,
  })
  const upstreams =
    "upstreams: { a: { preferZone: eu-1, endpoints: [{ url: 'http://h:1', zone: eu-1 }] } }"
  expect(configOf(sample({ upstreams })).upstreams.get('a')!.settings.preferZone).toBe('eu-1')
})

test('ejection may be set and switched off', () => {
  expect(
    settingsOf('outlier: { consecutiveErrors: 9, silence: 2s, maxEjected: 0.3 }'),
  ).toMatchObject({ outlier: { consecutiveErrors: 9, silenceMs: 2_000, maxEjectedRatio: 0.3 } })
  expect(settingsOf('outlier: { enabled: false }').outlier).toBeNull()
})

test('limits hold for the process', () => {
  expect(settingsOf('limits: { connections: 10, requests: 20, retries: 0 }').limits).toEqual({
    connections: 10,
    pendingRequests: 1_024,
    requests: 20,
    retries: 0,
  })
})

test.for([
  [
    'balance: leastRequests',
    'f:6:14 upstreams.a.balance: "leastRequests" is not possible; did you mean "leastRequest"?',
  ],
  [
    'outlier: { baseEjection: 10s, maxEjection: 5s }',
    'f:6:48 upstreams.a.outlier.maxEjection: is shorter than "baseEjection"',
  ],
  [
    'outlier: { consecutive5xx: 5 }',
    'f:6:16 upstreams.a.outlier: unknown key "consecutive5xx"; possible: enabled, consecutiveErrors, consecutiveConnectFailures, successRateGap, latencyFactor, silence, minRequests, interval, baseEjection, maxEjection, maxEjected',
  ],
  ['outlier: { interval: 20s }', 'f:6:26 upstreams.a.outlier.interval: 20s is outside 1s to 14s'],
  [
    'limits: { connections: 0 }',
    'f:6:28 upstreams.a.limits.connections: 0 is outside 1 to 1000000',
  ],
  [
    'preferZone: EU 1',
    expect.stringContaining('f:6:17 upstreams.a.preferZone: "EU 1" is not a name'),
  ],
] as const)('%s is a fault', ([line, fault]) => {
  expect(faultLines(withLines(line))).toEqual([fault])
})

test('a preferred zone that no endpoint is in is a fault', () => {
  const upstreams =
    "upstreams: { a: { preferZone: eu-2, endpoints: [{ url: 'http://h:1', zone: eu-1 }, 'http://h:2'] } }"
  expect(faultLines(sample({ upstreams }))).toEqual([
    'f:3:31 upstreams.a.preferZone: there is no endpoint in zone "eu-2"; did you mean "eu-1"?',
  ])
  expect(faultLines(withLines('preferZone: eu-1'))).toEqual([
    'f:6:17 upstreams.a.preferZone: there is no endpoint in zone "eu-1"; no endpoint has a zone',
  ])
})

test('a weight of 0 is a fault: what is to get nothing is taken out', () => {
  const upstreams = "upstreams: { a: { endpoints: [{ url: 'http://h:1', weight: 0 }] } }"
  expect(faultLines(sample({ upstreams }))).toEqual([
    expect.stringContaining('upstreams.a.endpoints[0].weight: 0 is outside 1 to 1000'),
  ])
})
