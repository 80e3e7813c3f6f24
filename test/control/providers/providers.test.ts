import { expect, onTestFinished, test } from 'vitest'
import type { MetricEntry } from '../../../src/control/config/schema-metric.ts'
import { NamedFiles } from '../../../src/control/config/named-files.ts'
import { Analysis } from '../../../src/control/config/schema-analysis.ts'
import { toServer } from '../../../src/control/config/servers.ts'
import { Providers } from '../../../src/control/providers/providers.ts'
import { PushedMetrics } from '../../../src/control/providers/pushed.ts'
import { answering, json, prometheus } from './answering.ts'

/** The metrics of a configuration, with what asks for them. */
function houseOf(config: unknown) {
  const { servers, metrics } = Analysis.parse(config)
  const files = new NamedFiles('.')
  const configs = new Map([...servers].map(([name, entry]) => [name, toServer(entry, files)]))
  const pushed = new PushedMetrics()
  const providers = new Providers(configs, pushed)
  onTestFinished(() => providers.close())
  const measured = { rollout: 'r', attemptAtMs: 1_000 }
  const ask = (metric: MetricEntry | undefined, nowMs = 5_000) =>
    providers.sourceOf(metric!.provider, measured)(nowMs, new AbortController().signal)
  return { metrics, pushed, providers, ask }
}

test('from the configuration to a value, for each kind of provider', async () => {
  const prom = await answering(prometheus('vector', [{ metric: {}, value: [1, '0.5'] }]))
  const shop = await answering(json({ rate: 0.9 }))
  const house = houseOf({
    servers: {
      prom: { prometheus: prom.address, auth: { bearer: 'token' } },
      shop: { http: `${shop.address}/api`, headers: { 'X-Tenant': 'a' } },
    },
    metrics: [
      {
        name: 'one',
        provider: { prometheus: { server: 'prom', query: 'up' } },
        successCondition: 'result[0] > 0',
      },
      {
        name: 'two',
        provider: {
          http: {
            server: 'shop',
            path: '/s?w=1',
            method: 'POST',
            body: '{"a":1}',
            jsonPath: '$.rate',
          },
        },
        successCondition: 'result > 0',
      },
      {
        name: 'three',
        provider: { pushed: { name: 'conversion', maxAge: '3s' } },
        successCondition: 'result[-1] > 0',
      },
    ],
  })
  const [one, two, three] = house.metrics
  expect(await house.ask(one)).toEqual([0.5])
  expect(prom.asked[0]?.headers['authorization']).toBe('Bearer token')

  expect(await house.ask(two)).toBe(0.9)
  expect(shop.asked[0]).toMatchObject({ method: 'POST', body: '{"a":1}' })
  expect(`${shop.asked[0]?.url.pathname}${shop.asked[0]?.url.search}`).toBe('/api/s?w=1')
  expect(shop.asked[0]?.headers).toMatchObject({
    'x-tenant': 'a',
    'content-type': 'application/json',
  })

  const push = (value: number, atMs: number) =>
    house.pushed.push('r', [{ name: 'conversion', variant: 'canary', value }], atMs)
  push(1, 500)
  push(2, 1_500)
  push(3, 4_000)
  // Before the attempt, too old, and one that counts.
  expect(await house.ask(three, 3_000)).toEqual([2, 3])
  expect(await house.ask(three, 5_000)).toEqual([3])
  expect(await house.ask(three, 9_000)).toEqual([])
})

test('a server that is not there is a bug', () => {
  const { providers } = houseOf({})
  const provider = { kind: 'prometheus', server: 'x', query: 'up', range: null } as const
  expect(() => providers.sourceOf(provider, { rollout: 'r', attemptAtMs: 0 })).toThrow(
    'Cannot ask the server "x": there is none of that name',
  )
})
