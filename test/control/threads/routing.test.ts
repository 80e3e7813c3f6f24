import { expect, test } from 'vitest'
import { SERIES_LIMIT } from '../../../src/analyzer/tally.ts'
import { compileSnapshot, SeriesRegistry } from '../../../src/control/threads/routing.ts'
import type { Snapshot } from '../../../src/proxy/snapshot.ts'
import { configOf, sample } from '../config/sample.ts'

const CONFIG = configOf(
  sample({
    upstreams:
      "upstreams: { a: { endpoints: ['http://127.0.0.1:9001'] }, b: { endpoints: ['http://127.0.0.1:9002', 'http://127.0.0.1:9003'] } }",
    routes:
      'routes: [{ name: shop, stable: a }, { name: help, match: { path: { prefix: /help } }, stable: b }]',
  }),
)

const CANARY = { rollout: 'r-1', upstream: 'b', weightBp: 500, salt: 'salt' }

function places(snapshot: Snapshot): number[] {
  return snapshot.routes.flatMap(({ variants }) => variants.map((variant) => variant.series))
}

test('without targets every route goes to the stable upstream of the file', () => {
  const snapshot = compileSnapshot(CONFIG, [], { version: 7, series: new SeriesRegistry() })
  expect(snapshot).toMatchObject({ version: 7, limits: CONFIG.proxy.limits })
  expect(snapshot.upstreams).toEqual([
    { name: 'a', endpoints: [{ id: '127.0.0.1:9001', host: '127.0.0.1', port: 9001 }] },
    {
      name: 'b',
      endpoints: [
        { id: '127.0.0.1:9002', host: '127.0.0.1', port: 9002 },
        { id: '127.0.0.1:9003', host: '127.0.0.1', port: 9003 },
      ],
    },
  ])
  expect(snapshot.routes.map(({ name, variants }) => ({ name, variants }))).toEqual([
    { name: 'shop', variants: [{ name: 'stable', upstream: 0, weightBp: 10_000, series: 0 }] },
    { name: 'help', variants: [{ name: 'stable', upstream: 1, weightBp: 10_000, series: 1 }] },
  ])
})

test('a canary stands second; the weights add up; rollout and salt are told', () => {
  const targets = [{ route: 'shop', stable: 'a', canary: CANARY }]
  const [shop] = compileSnapshot(CONFIG, targets, {
    version: 1,
    series: new SeriesRegistry(),
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
  const [shop] = compileSnapshot(CONFIG, targets, { version: 1, series }).routes
  expect(shop).toMatchObject({ rollout: null, variants: [{ name: 'stable', upstream: 1 }] })
})

test('a pair of route and variant keeps its place in the tally for good', () => {
  const series = new SeriesRegistry()
  const targets = [{ route: 'shop', stable: 'a', canary: CANARY }]
  expect(places(compileSnapshot(CONFIG, targets, { version: 1, series }))).toEqual([0, 1, 2])
  expect(places(compileSnapshot(CONFIG, [], { version: 2, series }))).toEqual([0, 2])
  expect(places(compileSnapshot(CONFIG, targets, { version: 3, series }))).toEqual([0, 1, 2])
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
