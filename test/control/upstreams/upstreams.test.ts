/** The whole of it on a clock of the test's own: what is published, what is told, and what people see. */

import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Settlements } from '../../../src/control/judge/settlements.ts'
import type { RouteTarget } from '../../../src/control/rollout/engine.ts'
import { compileSnapshot, SeriesRegistry } from '../../../src/control/threads/routing.ts'
import type { Finding } from '../../../src/control/upstreams/health.ts'
import { SETTLED_AFTER_MS } from '../../../src/control/upstreams/state.ts'
import { Upstreams } from '../../../src/control/upstreams/upstreams.ts'
import type { EndpointReport } from '../../../src/proxy/upstream/report.ts'
import { configOf, sample } from '../config/sample.ts'

const UPSTREAMS = `upstreams:
  a:
    endpoints: [{ url: 'http://shop:81', metadata: { rack: '7' } }, { url: 'http://10.0.0.9:80', weight: 3 }]
    healthCheck: { interval: 1s, timeout: 500ms, healthyAfter: 1, unhealthyAfter: 1 }
  b: { endpoints: ['http://10.0.0.5:80'] }`
const ROUTES = 'routes: [{ name: shop, stable: a }]'
const CANARY: RouteTarget = {
  route: 'shop',
  stable: 'a',
  canary: { rollout: 'shop-1', upstream: 'b', weightBp: 2_500, salt: 's', attempt: 1 },
}

const SETTLEMENTS = new Settlements({ nowMs: () => 0, stableP99Us: () => null, kept: () => null })
const PROCESS = { series: new SeriesRegistry(), viaName: 'sluice-test', settlements: SETTLEMENTS }

function start(upstreamsText = UPSTREAMS) {
  const config = configOf(sample({ upstreams: upstreamsText, routes: ROUTES }))
  const bench = {
    nowMs: 0,
    addresses: ['10.0.0.1', '10.0.0.2'],
    findings: new Map<string, Finding>(),
    told: [] as (readonly string[])[],
    counts: new Map<string, number>(),
    targets: [] as RouteTarget[],
    publicationCount: 0,
    failure: null as Error | null,
    logged: [] as string[],
  }
  const upstreams = new Upstreams({
    ask: async ({ host }) => bench.findings.get(host) ?? { isPassed: true },
    resolver: {
      resolve4: async () => bench.addresses.map((address) => ({ address, ttl: 1 })),
      resolve6: async () => [],
      lookup: async () => [],
      isInHostsFile: async () => false,
      hasIpv6: () => false,
      close: () => undefined,
    },
    nowMs: () => bench.nowMs,
    random: () => 0,
    log: {
      info: (message) => void bench.logged.push(message),
      warn: (message) => void bench.logged.push(message),
    },
    setHealth: (unhealthy) => void bench.told.push(unhealthy),
    republish: async () => publish(),
    requestCount: (route, variant) => bench.counts.get(`${route}/${variant}`) ?? 0,
  })
  function publish(): void {
    bench.publicationCount++
    if (bench.failure !== null) throw bench.failure
    const resolution = upstreams.resolve(config)
    const version = bench.publicationCount
    const snapshot = compileSnapshot(resolution.config, bench.targets, { ...PROCESS, version })
    upstreams.published(resolution, snapshot)
  }
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = bench.nowMs + ms; bench.nowMs < endMs;) {
      bench.nowMs += 100
      upstreams.tick()
      await setImmediate()
      await setImmediate()
    }
  }
  const state = (name: string) => upstreams.states().find((each) => each.name === name)!
  return Object.assign(bench, { upstreams, publish, pass, state })
}

function report(id: string, changes: Partial<EndpointReport> = {}): EndpointReport {
  return {
    id,
    outstandingCount: 0,
    connectionCount: 0,
    ejected: null,
    latencyUs: null,
    requestCount: 0,
    failureCount: 0,
    ...changes,
  }
}

test('new addresses are published, once for all that is new, and only then', async () => {
  const bench = start()
  bench.publish()
  expect(bench.state('a').endpoints.map(({ host }) => host)).toEqual(['shop', '10.0.0.9'])
  await bench.pass(1_000)
  expect(bench.publicationCount).toBe(2)
  expect(bench.state('a').endpoints.map(({ host, name }) => [host, name])).toEqual([
    ['10.0.0.1', 'shop'],
    ['10.0.0.2', 'shop'],
    ['10.0.0.9', '10.0.0.9'],
  ])
  expect(bench.state('a').endpoints[1]?.metadata).toEqual({ rack: '7' })
  expect(bench.state('a').names).toMatchObject([
    { name: 'shop', addresses: ['10.0.0.1', '10.0.0.2'] },
  ])
  await bench.pass(5_000)
  expect(bench.publicationCount).toBe(2)
  bench.addresses = ['10.0.0.2']
  await bench.pass(2_000)
  expect(bench.publicationCount).toBe(3)
  expect(bench.state('a').endpoints.map(({ host }) => host)).toEqual(['10.0.0.2', '10.0.0.9'])
})

test('a publication that fails is told, and what changes after it is published all the same', async () => {
  const bench = start()
  bench.publish()
  bench.failure = new Error('a thread is stuck')
  await bench.pass(1_000)
  expect(bench.logged).toContain(
    'New addresses of endpoints are not in force yet: a thread is stuck',
  )
  bench.failure = null
  bench.addresses = ['10.0.0.3']
  await bench.pass(2_000)
  expect(bench.state('a').endpoints[0]?.host).toBe('10.0.0.3')
})

test('every address of a name is checked, and by its id threads are told of it', async () => {
  const bench = start()
  bench.findings.set('10.0.0.2', { isPassed: false, reason: 'answered 503' })
  bench.publish()
  await bench.pass(3_000)
  expect(bench.told.at(-1)).toEqual(['http1://10.0.0.2:81'])
  expect(bench.state('a').endpoints.map(({ health }) => health?.status)).toEqual([
    'healthy',
    'unhealthy',
    'healthy',
  ])
  expect(bench.state('b').endpoints[0]?.health).toBeNull()
})

test('traffic is wanted by weight from those that are fit, and observed as it was', async () => {
  const bench = start()
  bench.publish()
  await bench.pass(2_000)
  const wanted = () => bench.state('a').endpoints.map(({ wantedRatio }) => wantedRatio)
  expect(wanted()).toEqual([0.2, 0.2, 0.6])
  bench.findings.set('10.0.0.9', { isPassed: false, reason: 'answered 503' })
  await bench.pass(2_000)
  expect(wanted()).toEqual([0.5, 0.5, 0])
  const [first, second] = bench.state('a').endpoints
  const out = { reason: 'silence', sinceMs: 0, untilMs: 9_000, count: 1 }
  bench.upstreams.take(0, [report(first!.id, { requestCount: 30 })])
  bench.upstreams.take(0, [report(second!.id, { requestCount: 10, ejected: out })])
  expect(wanted()).toEqual([1, 0, 0])
  expect(bench.state('a').endpoints.map(({ observedRatio }) => observedRatio)).toEqual([
    0.75, 0.25, 0,
  ])
  bench.upstreams.take(0, [report(first!.id, { requestCount: 30, ejected: out })])
  // None is fit: all serve.
  expect(wanted()).toEqual([0.2, 0.2, 0.6])
})

test('routes say what they send to an upstream', () => {
  const bench = start()
  bench.targets = [CANARY]
  bench.counts.set('shop/stable', 80).set('shop/canary', 20)
  bench.publish()
  expect(bench.state('a').traffic).toEqual([
    { route: 'shop', variant: 'stable', weightBp: 7_500, observedRatio: 0.8 },
  ])
  expect(bench.state('b').traffic).toEqual([
    { route: 'shop', variant: 'canary', weightBp: 2_500, observedRatio: 0.2 },
  ])
})

test('what no route has drains, and is safe to remove when nothing is under way and threads have said so', async () => {
  const bench = start()
  bench.targets = [CANARY]
  bench.publish()
  const [endpoint] = bench.state('b').endpoints
  bench.upstreams.take(1, [report(endpoint!.id, { outstandingCount: 2 })])
  expect(bench.state('b')).toMatchObject({ isDraining: false, isSafeToRemove: false })
  bench.targets = []
  bench.publish()
  expect(bench.state('b')).toMatchObject({ isDraining: true, isSafeToRemove: false })
  await bench.pass(SETTLED_AFTER_MS)
  expect(bench.state('b').isSafeToRemove).toBe(false)
  bench.upstreams.take(1, [report(endpoint!.id)])
  expect(bench.state('b')).toMatchObject({ isDraining: false, isSafeToRemove: true })
  expect(bench.state('a').isSafeToRemove).toBe(false)
  bench.targets = [CANARY]
  bench.publish()
  expect(bench.state('b').isSafeToRemove).toBe(false)
})

test('what has nothing under way is not called safe before threads can have told otherwise', async () => {
  const bench = start()
  bench.targets = [CANARY]
  bench.publish()
  bench.targets = []
  bench.publish()
  expect(bench.state('b').isSafeToRemove).toBe(false)
  await bench.pass(SETTLED_AFTER_MS)
  expect(bench.state('b').isSafeToRemove).toBe(true)
})

test('a stable upstream without traffic is not safe: the rollout may go back to it', async () => {
  const bench = start()
  bench.targets = [{ ...CANARY, canary: { ...CANARY.canary!, weightBp: 10_000 } }]
  bench.publish()
  await bench.pass(SETTLED_AFTER_MS)
  expect(bench.state('a').isSafeToRemove).toBe(false)
})

test('an endpoint that has left is told of as long as it has work', async () => {
  const bench = start()
  bench.publish()
  await bench.pass(1_000 + SETTLED_AFTER_MS)
  bench.upstreams.take(0, [
    report('http1://10.0.0.2:81', { outstandingCount: 1, connectionCount: 2 }),
  ])
  expect(bench.upstreams.leaving()).toEqual([])
  bench.addresses = ['10.0.0.1']
  await bench.pass(2_000)
  expect(bench.upstreams.leaving()).toEqual([
    { id: 'http1://10.0.0.2:81', outstandingCount: 1, connectionCount: 2 },
  ])
  await bench.pass(SETTLED_AFTER_MS)
  expect(bench.upstreams.leaving()).toHaveLength(1)
  bench.upstreams.gone(0)
  expect(bench.upstreams.leaving()).toEqual([])
})

test('nor is it gone before threads can have told what they sent to it', async () => {
  const bench = start()
  bench.publish()
  await bench.pass(1_000 + SETTLED_AFTER_MS)
  bench.upstreams.take(0, [report('http1://10.0.0.2:81', { requestCount: 7 })])
  bench.addresses = ['10.0.0.1']
  for (let ms = 0; bench.publicationCount < 3 && ms < 5_000; ms += 100) await bench.pass(100)
  const idle = { id: 'http1://10.0.0.2:81', outstandingCount: 0, connectionCount: 0 }
  expect(bench.upstreams.leaving()).toEqual([idle])
  await bench.pass(SETTLED_AFTER_MS - 100)
  expect(bench.upstreams.leaving()).toEqual([idle])
  await bench.pass(100)
  expect(bench.upstreams.leaving()).toEqual([])
})

test('an endpoint that comes back is not leaving', async () => {
  const bench = start()
  bench.publish()
  await bench.pass(1_000)
  bench.addresses = ['10.0.0.1']
  await bench.pass(1_200)
  bench.addresses = ['10.0.0.1', '10.0.0.2']
  await bench.pass(1_200)
  expect(bench.upstreams.leaving()).toEqual([])
})

test('the judge learns which endpoints there are, and whether they are healthy', async () => {
  const bench = start()
  expect(bench.upstreams.endpointsOf('a')).toEqual({ slowStartMs: 0, endpoints: [] })
  bench.findings.set('10.0.0.9', { isPassed: false, reason: 'answered 503' })
  bench.publish()
  await bench.pass(3_000)
  const healthOf = (upstream: string) =>
    bench.upstreams.endpointsOf(upstream).endpoints.map(({ isHealthy }) => isHealthy)
  expect(healthOf('a')).toEqual([true, true, false])
  expect(healthOf('b')).toEqual([null])
})
