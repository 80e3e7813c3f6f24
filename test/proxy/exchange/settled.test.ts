/** What of a request becomes evidence about its variant, and what does not: settled at one age for both. */

import { describe, expect, test } from 'vitest'
import type { Route } from '../../../src/proxy/snapshot.ts'
import { createUnitBuffer } from '../../../src/proxy/settlement/units.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { CANARY, type Proxy, type Setup, STABLE, startProxy } from './proxy.ts'
import { answerOk, type Script, startUpstream } from './upstream.ts'

/** Beyond what a busy machine takes for an answer, as the clock is put forward by hand. */
const AGE_MS = 20_000
const SETTLEMENT = { name: 'all/1', ageMs: AGE_MS, units: null }

/** `draw` below 0.5 is the canary's. */
async function start(script: Script, route: Partial<Route> = {}, draw = 0.9) {
  const upstream = await startUpstream(script)
  const setup: Setup = {
    stable: [upstream.port],
    canary: { endpoints: [upstream.port], weightBp: 5_000 },
    route: { settlement: SETTLEMENT, ...route },
  }
  const proxy = await startProxy(setup, () => draw)
  return { upstream, proxy, setup, client: await connectClient(proxy.port) }
}

async function settle(proxy: Proxy) {
  await proxy.advance(AGE_MS)
  return [proxy.settled(STABLE), proxy.settled(CANARY)]
}

test.for([
  ['200', 200, { ok: 1, latency: 1 }],
  ['304', 304, { ok: 1, latency: 1 }],
  ['404', 404, { clientErrors: 1, latency: 1 }],
  ['503', 503, { errors: 1, latency: 1 }],
] as const)('an answer %s', async ([, status, settled]) => {
  const { proxy, client } = await start((request) => request.answer(status))
  await client.get('/')
  expect(proxy.settled(STABLE)).toEqual({})
  expect(await settle(proxy)).toEqual([settled, {}])
})

test('each variant has its cell', async () => {
  const { proxy, client } = await start(answerOk, {}, 0.1)
  await client.get('/')
  expect(await settle(proxy)).toEqual([{}, { ok: 1, latency: 1 }])
})

test('a request that hangs is settled while it hangs, and once', async () => {
  const { proxy, client, upstream } = await start(() => undefined)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const request = await upstream.request(0)
  expect(await settle(proxy)).toEqual([{ unanswered: 1 }, {}])
  request.answer(500)
  expect((await client.answer()).status).toBe(500)
  expect(await settle(proxy)).toEqual([{ unanswered: 1 }, {}])
})

test('an answer that breaks off is an error, though its head was well', async () => {
  const { proxy, client } = await start((request) => {
    request.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    request.reset()
  })
  await client.get('/').catch(() => undefined)
  await eventually(() => proxy.counted().finished).toBe(1)
  expect(await settle(proxy)).toEqual([{ errors: 1, latency: 1 }, {}])
})

test('a long answer that has begun is well', async () => {
  const { proxy, client, upstream } = await start((request) =>
    request.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  )
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(0)
  await eventually(() => proxy.counted().responseBytes).toBe(4)
  expect(await settle(proxy)).toEqual([{ ok: 1, latency: 1 }, {}])
})

test('a failure before any answer is an error', async () => {
  const { proxy, client } = await start((request) => request.send('nonsense\r\n\r\n'))
  expect((await client.get('/')).status).toBe(502)
  expect(await settle(proxy)).toEqual([{ errors: 1, latency: 1 }, {}])
})

test('a client that leaves before its answer is told apart', async () => {
  const { proxy, client, upstream } = await start(() => undefined)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(0)
  client.reset()
  await eventually(() => proxy.counted().clientAborts).toBe(1)
  expect(await settle(proxy)).toEqual([{ abandoned: 1 }, {}])
})

test('a client that leaves in the middle of a good answer takes nothing from it', async () => {
  const { proxy, client } = await start((request) =>
    request.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
  )
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted().responseBytes).toBe(4)
  client.reset()
  await eventually(() => proxy.counted().clientAborts).toBe(1)
  expect(await settle(proxy)).toEqual([{ ok: 1, latency: 1 }, {}])
})

describe('no evidence is', () => {
  test('what the client chose', async () => {
    const { proxy, client } = await start(answerOk, { forceHeader: 'x-canary' })
    await client.get('/', 'X-Canary: canary\r\n')
    await client.get('/', 'X-Canary: stable\r\n')
    await client.get('/', 'X-Canary: neither\r\n')
    expect(await settle(proxy)).toEqual([{ ok: 1, latency: 1 }, {}])
    expect([proxy.counted(STABLE).finished, proxy.counted(CANARY).finished]).toEqual([2, 1])
  })

  test('what the client did wrong', async () => {
    const { proxy, client } = await start(() => undefined)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n')
    expect((await client.answer()).status).toBe(400)
    expect(await settle(proxy)).toEqual([{}, {}])
  })

  test('what nobody judges', async () => {
    const { proxy, client } = await start(answerOk, { settlement: null })
    await client.get('/')
    expect(await settle(proxy)).toEqual([{}, {}])
  })
})

test('what is under way when the table changes is settled all the same', async () => {
  const { proxy, client, upstream, setup } = await start(() => undefined)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const request = await upstream.request(0)
  proxy.use({ ...setup, route: { settlement: { ...SETTLEMENT, name: 'all/2' } } })
  request.answer(200)
  await client.answer()
  expect(await settle(proxy)).toEqual([{ ok: 1, latency: 1 }, {}])
})

test('of sticky units only the first bad outcome counts', async () => {
  const { proxy, client } = await start((request) => request.answer(500), {
    sticky: [{ kind: 'header', name: 'x-user' }],
    settlement: { ...SETTLEMENT, units: createUnitBuffer() },
  })
  for (const user of ['anna', 'anna', 'anna']) await client.get('/', `X-User: ${user}\r\n`)
  await settle(proxy)
  const settled = { ...proxy.settled(STABLE), ...proxy.settled(CANARY) }
  expect(settled).toEqual({
    errors: 3,
    failedUnits: 1,
    firstFailedUnits: 1,
    seenUnits: 1,
    latency: 3,
  })
})

test('requests without a unit are units of their own', async () => {
  let draw = 0.8
  const upstream = await startUpstream((request) => request.answer(500))
  const proxy = await startProxy(
    {
      stable: [upstream.port],
      canary: { endpoints: [upstream.port], weightBp: 5_000 },
      route: {
        sticky: [{ kind: 'header', name: 'x-user' }],
        settlement: { ...SETTLEMENT, units: createUnitBuffer() },
      },
    },
    () => (draw += 0.01),
  )
  const client = await connectClient(proxy.port)
  for (let n = 0; n < 3; n++) await client.get('/')
  expect(await settle(proxy)).toEqual([
    { errors: 3, failedUnits: 3, firstFailedUnits: 3, seenUnits: 3, latency: 3 },
    {},
  ])
})

test.for([
  ['a status in its trailers', 'grpc-status: 14\r\n', { errors: 1, latency: 1 }],
  ['a good status', 'grpc-status: 0\r\n', { ok: 1, latency: 1 }],
] as const)('gRPC with %s', async ([, trailers, settled]) => {
  const { proxy, client } = await start(async (request) => {
    await request.whole
    request.send(
      `HTTP/1.1 200 X\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`,
    )
  })
  client.send(
    'POST /a HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc\r\nTE: trailers\r\nContent-Length: 0\r\n\r\n',
  )
  await client.answer()
  await eventually(() => proxy.counted().finished).toBe(1)
  expect(await settle(proxy)).toEqual([settled, {}])
})
