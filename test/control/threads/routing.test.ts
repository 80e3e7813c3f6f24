import { Settlements } from '../../../src/control/judge/settlements.ts'
import { expect, test } from 'vitest'
import { SERIES_LIMIT } from '../../../src/analyzer/tally.ts'
import {
  compileListeners,
  compileSnapshot,
  SeriesRegistry,
} from '../../../src/control/threads/routing.ts'
import type { Snapshot } from '../../../src/proxy/snapshot.ts'
import { endpointOf } from '../../proxy/routes.ts'
import { configOf, sample } from '../config/sample.ts'

const CONFIG = configOf(
  sample({
    upstreams:
      "upstreams: { a: { endpoints: ['http://127.0.0.1:9001'] }, b: { endpoints: ['http://127.0.0.1:9002', 'http://127.0.0.1:9003'] } }",
    routes:
      'routes: [{ name: shop, stable: a }, { name: help, match: { path: { prefix: /help } }, stable: b }]',
  }),
)

const SETTINGS = CONFIG.upstreams.get('a')!.settings

const SETTLEMENTS = new Settlements({ nowMs: () => 0, stableP99Us: () => null, kept: () => null })
const PROCESS = { viaName: 'sluice-test', settlements: SETTLEMENTS }
const CANARY = { rollout: 'r-1', upstream: 'b', weightBp: 500, salt: 'salt', attempt: 1 }

function places(snapshot: Snapshot): number[] {
  return snapshot.routes.flatMap(({ variants }) => variants.map((variant) => variant.series))
}

test('without targets every route goes to the stable upstream of the file', () => {
  const snapshot = compileSnapshot(CONFIG, [], {
    version: 7,
    series: new SeriesRegistry(),
    ...PROCESS,
  })
  expect(snapshot).toMatchObject({
    version: 7,
    viaName: 'sluice-test',
    limits: CONFIG.proxy.limits,
  })
  expect(snapshot.routes[0]?.errors).toEqual(CONFIG.routes[0]?.errors)
  expect(snapshot.upstreams).toEqual([
    { name: 'a', endpoints: [endpointOf(9001)], ...SETTINGS },
    { name: 'b', endpoints: [endpointOf(9002), endpointOf(9003)], ...SETTINGS },
  ])
  expect(snapshot.routes.map(({ name, variants }) => ({ name, variants }))).toEqual([
    {
      name: 'shop',
      variants: [{ name: 'stable', upstream: 0, weightBp: 10_000, series: 0, cell: null }],
    },
    {
      name: 'help',
      variants: [{ name: 'stable', upstream: 1, weightBp: 10_000, series: 1, cell: null }],
    },
  ])
})

test('what a process may have of an upstream is shared by its threads', () => {
  const limits = { connections: 10, pendingRequests: 5, requests: Infinity, retries: 0 }
  const upstream = { ...CONFIG.upstreams.get('a')!, settings: { ...SETTINGS, limits } }
  const proxy = { ...CONFIG.proxy, threads: 4 }
  const config = { ...CONFIG, proxy, upstreams: new Map([['a', upstream]]), routes: [] }
  const context = { version: 1, series: new SeriesRegistry(), ...PROCESS }
  const [compiled] = compileSnapshot(config, [], context).upstreams
  // Others than there are wait for a restart.
  const [running] = compileSnapshot(config, [], { ...context, threadCount: 2 }).upstreams
  expect(running?.limits).toMatchObject({ connections: 5, pendingRequests: 3 })
  expect(compiled?.limits).toEqual({
    connections: 3,
    pendingRequests: 2,
    requests: Infinity,
    retries: 0,
  })
})

test('endpoints that are reached differently have different ids', () => {
  const tls = { ca: null, identity: null, serverName: null, isVerified: true }
  const at = { host: 'fd00::1', port: 443, weight: 1, zone: null, metadata: {} }
  const upstream = {
    name: 'a',
    endpoints: [
      { ...at, protocol: 'http1', tls: null },
      { ...at, protocol: 'http2', tls: null },
      { ...at, protocol: 'http2', tls },
      { ...at, protocol: 'http2', tls: { ...tls, serverName: 'b' } },
    ],
    settings: SETTINGS,
    healthCheck: null,
  } as const
  const config = { ...CONFIG, upstreams: new Map([['a', upstream]]), routes: [] }
  const [compiled] = compileSnapshot(config, [], {
    version: 1,
    series: new SeriesRegistry(),
    ...PROCESS,
  }).upstreams
  expect(compiled?.endpoints.map(({ id }) => id)).toEqual([
    'http1://[fd00::1]:443',
    'http2://[fd00::1]:443',
    expect.stringMatching(/^http2\+tls:\/\/\[fd00::1\]:443#[0-9a-f]{8}$/),
    expect.stringMatching(/^http2\+tls:\/\/\[fd00::1\]:443#[0-9a-f]{8}$/),
  ])
  expect(compiled?.endpoints[2]?.id).not.toBe(compiled?.endpoints[3]?.id)
})

test('listeners with TLS have the ticket keys of the process', () => {
  const [listener] = CONFIG.proxy.listeners
  const tls = { certificates: [], minVersion: 'TLSv1.2', clients: null } as const
  const proxy = { ...CONFIG.proxy, listeners: [listener!, { ...listener!, tls }] }
  const ticketKeys = new Uint8Array(48)
  expect(compileListeners({ ...CONFIG, proxy }, ticketKeys)).toEqual([
    listener,
    { ...listener, tls: { ...tls, ticketKeys } },
  ])
})

test.for([
  { rest: '', accessLog: '', expected: { accessLog: null, tellsRefusals: false } },
  {
    rest: 'control: { logLevel: debug }',
    accessLog: 'accessLog: { mode: sampled, ratio: 0.1 }',
    expected: { accessLog: { mode: 'sampled', ratio: 0.1 }, tellsRefusals: true },
  },
])('what is logged is told to the threads: $expected', ({ rest, accessLog, expected }) => {
  const proxy = `proxy: { listeners: [{ name: p, host: ::1, port: 1 }], ${accessLog} }`
  const snapshot = compileSnapshot(configOf(sample({ proxy, rest })), [], {
    version: 1,
    series: new SeriesRegistry(),
    ...PROCESS,
  })
  expect(snapshot).toMatchObject(expected)
})

test('a canary stands second; the weights add up; rollout and salt are told', () => {
  const targets = [{ route: 'shop', stable: 'a', canary: CANARY }]
  const [shop] = compileSnapshot(CONFIG, targets, {
    version: 1,
    series: new SeriesRegistry(),
    ...PROCESS,
  }).routes
  expect(shop).toMatchObject({
    rollout: 'r-1',
    salt: 'salt',
    variants: [
      { name: 'stable', upstream: 0, weightBp: 9_500 },
      { name: 'canary', upstream: 1, weightBp: 500 },
    ],
  })
})

test('a promoted route goes to its new stable upstream', () => {
  const targets = [{ route: 'shop', stable: 'b', canary: null }]
  const series = new SeriesRegistry()
  const [shop] = compileSnapshot(CONFIG, targets, {
    version: 1,
    series,
    ...PROCESS,
  }).routes
  expect(shop).toMatchObject({ rollout: null, variants: [{ name: 'stable', upstream: 1 }] })
})

test('a pair of route and variant keeps its place in the tally for good', () => {
  const series = new SeriesRegistry()
  const targets = [{ route: 'shop', stable: 'a', canary: CANARY }]
  expect(places(compileSnapshot(CONFIG, targets, { version: 1, series, ...PROCESS }))).toEqual([
    0, 1, 2,
  ])
  expect(places(compileSnapshot(CONFIG, [], { version: 2, series, ...PROCESS }))).toEqual([0, 2])
  expect(places(compileSnapshot(CONFIG, targets, { version: 3, series, ...PROCESS }))).toEqual([
    0, 1, 2,
  ])
  expect(series.entries[1]).toEqual({ route: 'shop', variant: 'canary' })
})

test('where there is no room for another pair the fault is told', () => {
  const series = new SeriesRegistry()
  for (let i = 0; i < SERIES_LIMIT; i++) series.obtain(`route-${i}`, 'stable')
  expect(series.obtain('route-0', 'stable')).toBe(0)
  expect(() => series.obtain('route-0', 'canary')).toThrow(
    expect.objectContaining({
      code: 'routingFailed',
      message: expect.stringContaining('No room to count route "route-0"'),
    }),
  )
})
