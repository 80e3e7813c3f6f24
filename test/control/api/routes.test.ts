import { expect, test } from 'vitest'
import { serve } from './serve.ts'

const NOTHING = { requests: 0, errors: 0, errorRate: null, p50: null, p95: null, p99: null }
const SOME = { requests: 200, errors: 3, errorRate: 0.015, p50: 0.012, p95: 0.0805, p99: 2 }

const SHOP = {
  name: 'shop',
  match: { hosts: ['shop.example.com'], path: { prefix: '/' } },
  stable: 'shop-v1',
  canary: 'shop-v2',
  rollout: 'shop-1',
  weight: 12.5,
  variants: {
    stable: { upstream: 'shop-v1', windows: { '10s': SOME, '1m': SOME, '5m': SOME } },
    canary: { upstream: 'shop-v2', windows: { '10s': NOTHING, '1m': SOME, '5m': SOME } },
  },
}
const PAY = {
  name: 'pay',
  match: { hosts: [], path: { exact: '/pay' } },
  stable: 'pay-v1',
  canary: null,
  rollout: null,
  weight: 0,
  variants: {
    stable: { upstream: 'pay-v1', windows: { '10s': NOTHING, '1m': NOTHING, '5m': NOTHING } },
  },
}

test('routes show where traffic goes, in percent and seconds', async () => {
  const { ask } = await serve()
  expect((await ask('GET', '/v1/routes')).json).toEqual({ routes: [SHOP, PAY] })
})

test('one route is shown by its name', async () => {
  const { ask } = await serve()
  expect((await ask('GET', '/v1/routes/pay')).json).toEqual(PAY)
  const { status, json } = await ask('GET', '/v1/routes/none')
  expect([status, json.code]).toEqual([404, 'notFound'])
})
