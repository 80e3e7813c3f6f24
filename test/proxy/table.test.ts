import { describe, expect, test } from 'vitest'
import { seriesOffset } from '../../src/analyzer/tally.ts'
import { RetryBudgets } from '../../src/proxy/attempt/budget.ts'
import { NO_FLAGS } from '../../src/proxy/flags/evaluator.ts'
import { TokenReaders } from '../../src/proxy/cohort/token/reader.ts'
import { SettlementRings } from '../../src/proxy/settlement/rings.ts'
import { compileTable, type LiveState } from '../../src/proxy/table.ts'
import { EndpointSet } from '../../src/proxy/upstream/endpoint-set.ts'
import { endpointOf, ROUTE, routeWith, snapshotOf, split, tableOf, upstreamOf } from './routes.ts'

function variantLines(rollout: string | null): readonly string[] {
  return routeWith({ variants: split(500), rollout }).variants.map((variant) => variant.lines)
}

describe('a variant', () => {
  test('is told upstream, with the rollout while one runs', () => {
    expect(variantLines(null)).toEqual([
      'x-sluice-variant: stable\r\n',
      'x-sluice-variant: canary\r\n',
    ])
    expect(variantLines('shop-7')).toEqual([
      'x-sluice-variant: stable\r\nx-sluice-rollout: shop-7\r\n',
      'x-sluice-variant: canary\r\nx-sluice-rollout: shop-7\r\n',
    ])
  })

  test('has its place in the tally and its endpoints', () => {
    const [stable, canary] = routeWith({ variants: split(500) }).variants
    expect([stable!.series, canary!.series]).toEqual([seriesOffset(0), seriesOffset(1)])
    expect([stable!.upstream.endpoints[0]!.port, canary!.upstream.endpoints[0]!.port]).toEqual([
      9_001, 9_002,
    ])
    expect([stable!.weightBp, canary!.weightBp]).toEqual([9_500, 500])
  })
})

describe('an error', () => {
  test('is a 5xx and nothing else', () => {
    const { byStatus } = routeWith({}).errors
    const errors = Array.from({ length: 600 }, (_, status) => status).filter(
      (status) => byStatus[status] === 1,
    )
    expect([errors.length, errors[0], errors.at(-1)]).toEqual([100, 500, 599])
  })
})

describe('the seed of the coin', () => {
  test('belongs to the salt, whatever the name of the route', () => {
    expect(routeWith({ name: 'b', salt: 'x' }).seed).toBe(routeWith({ name: 'a', salt: 'x' }).seed)
    expect(routeWith({ salt: 'y' }).seed).not.toBe(routeWith({ salt: 'x' }).seed)
  })
})

describe('endpoints', () => {
  test('outlive the table', () => {
    const endpoints = new EndpointSet()
    const before = tableOf([ROUTE], endpoints).byName.get('shop')!.variants[0]!.upstream.endpoints
    const after = tableOf([{ ...ROUTE, name: 'other' }], endpoints).byName.get('other')!
      .variants[0]!
    expect(after.upstream.endpoints[0]).toBe(before[0])
    expect(before[0]!.isRetired).toBe(false)
  })

  test('are shared by upstreams with the same address', () => {
    const address = endpointOf(9_001)
    const upstreams = ['a', 'b'].map((name) => upstreamOf(name, [address]))
    const route = { ...ROUTE, variants: split(500) }
    const table = compileTable(snapshotOf([route], { upstreams }), live())
    const [stable, canary] = table.byName.get('shop')!.variants
    expect(canary!.upstream.endpoints[0]).toBe(stable!.upstream.endpoints[0])
  })

  test('that no snapshot names any more are retired', () => {
    const endpoints = new EndpointSet()
    const [variant] = tableOf([ROUTE], endpoints).byName.get('shop')!.variants
    compileTable(snapshotOf([], { upstreams: [] }), live(endpoints))
    expect(variant!.upstream.endpoints[0]!.isRetired).toBe(true)
  })
})

test('what holds for every request is in the table', () => {
  const table = compileTable(
    snapshotOf([ROUTE], { version: 7, trustedProxies: ['10.0.0.0/8'] }),
    live(),
  )
  expect(table.version).toBe(7)
  expect(table.trusted.has('10.1.1.1')).toBe(true)
  expect(table.trusted.has('11.1.1.1')).toBe(false)
})

function live(endpoints = new EndpointSet()): LiveState {
  return {
    endpoints,
    rings: new SettlementRings(new Uint32Array(0)),
    tokens: new TokenReaders(),
    random: Math.random,
    flags: NO_FLAGS,
    budgets: new RetryBudgets(),
    nowMs: 0,
  }
}
