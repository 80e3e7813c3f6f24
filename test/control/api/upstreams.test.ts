import { expect, test } from 'vitest'
import { IDLE, SHOP } from '../upstreams/states.ts'
import { bearer, serve, tokenOf } from './serve.ts'

const UPSTREAMS = {
  states: () => [SHOP, IDLE],
  leaving: () => [{ id: 'http1://10.0.0.8:80', outstandingCount: 3, connectionCount: 4 }],
}

const SHOP_VIEW = {
  name: 'shop-v1',
  balance: 'leastRequest',
  traffic: [{ route: 'shop', variant: 'stable', wantedShare: 97.5, observedShare: 90 }],
  endpoints: [
    {
      id: 'http1://10.0.0.1:80',
      url: 'http://10.0.0.1:80',
      name: null,
      protocol: 'http1',
      zone: null,
      weight: 1,
      metadata: {},
      health: {
        status: 'healthy',
        since: '2026-11-12T09:00:00.000Z',
        checkedAt: '2026-11-12T09:00:02.000Z',
        reason: null,
      },
      ejected: null,
      outstanding: 12,
      connections: 15,
      latency: 0.0025,
      requests: 12_345,
      failures: 6,
      wantedShare: 100,
      observedShare: 98.76,
    },
    {
      id: 'http2+tls://10.0.0.2:443#0123abcd',
      url: 'https://10.0.0.2:443',
      name: 'shop.example',
      protocol: 'http2',
      zone: 'a',
      weight: 3,
      metadata: { rack: '7' },
      health: {
        status: 'unhealthy',
        since: '2026-11-12T09:00:00.000Z',
        checkedAt: '2026-11-12T09:00:01.000Z',
        reason: 'answered 503',
      },
      // Of two threads the one that has it out longest.
      ejected: {
        reason: 'latency',
        since: '2026-11-12T09:00:01.000Z',
        until: '2026-11-12T09:00:21.000Z',
        count: 2,
        threads: 2,
      },
      outstanding: 0,
      connections: 0,
      latency: null,
      requests: 0,
      failures: 0,
      wantedShare: 0,
      observedShare: 1.24,
    },
  ],
  names: [
    {
      name: 'shop.example',
      addresses: ['10.0.0.2'],
      failures: 3,
      fault: 'the name server failed',
    },
  ],
  draining: false,
  safeToRemove: false,
}

test('upstreams show their endpoints in seconds and percent', async () => {
  const { ask } = await serve({ upstreams: UPSTREAMS })
  const { json } = await ask('GET', '/v1/upstreams')
  expect(json.upstreams[0]).toEqual(SHOP_VIEW)
  expect(json.upstreams[1]).toMatchObject({
    name: 'shop-v0',
    traffic: [],
    safeToRemove: true,
    endpoints: [{ health: { status: 'unchecked', since: null }, observedShare: null }],
  })
  expect(json.leaving).toEqual([{ id: 'http1://10.0.0.8:80', outstanding: 3, connections: 4 }])
})

test('one upstream is shown by its name', async () => {
  const { ask } = await serve({ upstreams: UPSTREAMS })
  expect((await ask('GET', '/v1/upstreams/shop-v1')).json).toEqual(SHOP_VIEW)
  const { status, json } = await ask('GET', '/v1/upstreams/none')
  expect([status, json.code]).toEqual([404, 'notFound'])
})

test('who may read routes may read upstreams, and nobody else', async () => {
  const { ask } = await serve({ upstreams: UPSTREAMS, tokens: () => [tokenOf('vera', 'viewer')] })
  for (const path of ['/v1/upstreams', '/v1/upstreams/shop-v1']) {
    expect((await ask('GET', path)).status).toBe(401)
    expect((await ask('GET', path, { headers: bearer('vera') })).status).toBe(200)
  }
})
