/** What fails on the canary is tried on stable: the client sees stable's answer, and the failure counts all the same. */

import { expect, test } from 'vitest'
import { freePorts } from '../../../bench/load/children.ts'
import type { Route } from '../../../src/proxy/snapshot.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { readHead } from './message.ts'
import { CANARY, type Setup, STABLE, startProxy } from './proxy.ts'
import { SWITCH, UPGRADE } from './switching.ts'
import { type Received, type Script, startUpstream } from './upstream.ts'

const AGE_MS = 1_000

async function start(
  canary: Script | number,
  route: Partial<Route> = {},
  setup: Partial<Setup> = {},
) {
  const stable = await startUpstream(async (received) => {
    await received.whole
    received.answer(200, 'stable')
  })
  const endpoint = typeof canary === 'number' ? canary : (await startUpstream(canary)).port
  const proxy = await startProxy(
    {
      stable: [stable.port],
      canary: { endpoints: endpoint === 0 ? [] : [endpoint], weightBp: 9_999 },
      ...setup,
      route: {
        fallback: true,
        settlement: { name: 'all/1', ageMs: AGE_MS, units: null },
        ...route,
      },
    },
    () => 0.1,
  )
  return { stable, proxy, client: await connectClient(proxy.port) }
}

const [NOBODY = 0] = await freePorts(1)

/** A request that asks for the canary, and a route that lets it. */
const ASKED = 'GET / HTTP/1.1\r\nHost: test\r\nX-Variant: canary\r\n\r\n'
const ASKED_ROUTE = {
  forceHeader: 'x-variant',
  retry: { attempts: 1, statuses: [503], methods: null, perTryMs: null },
}

test.for<[string, Script | number, object]>([
  ['answers 500', (received) => received.answer(500), { codes: { 'GET 500': 1 } }],
  ['resets', (received) => received.reset(), { failures: { reset: 1 } }],
  ['refuses connections', NOBODY, { failures: { refused: 1 } }],
  ['has no endpoint', 0, { failures: { unavailable: 1 } }],
  ['talks nonsense', (received) => received.send('x\r\n\r\n'), { failures: { protocol: 1 } }],
])('a canary that %s', async ([, canary, expected]) => {
  const { stable, proxy, client } = await start(canary)
  expect((await client.get('/a')).body.toString()).toBe('stable')
  expect(stable.targets).toEqual(['/a'])
  expect(proxy.counted(CANARY)).toMatchObject({
    started: 1,
    finished: 1,
    errors: 1,
    fallbacks: 1,
    rescues: 1,
    ...expected,
  })
  expect(proxy.counted(STABLE)).toMatchObject({ started: 0, errors: 0 })
  await proxy.advance(AGE_MS)
  expect(proxy.settled(CANARY)).toEqual({ errors: 1, latency: 1 })
  expect(proxy.settled(STABLE)).toEqual({})
})

test('a canary that hangs is given until it counts as unanswered', async () => {
  const { proxy, client } = await start(() => undefined)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted(CANARY).started).toBe(1)
  await proxy.advance(AGE_MS)
  expect((await client.answer()).body.toString()).toBe('stable')
  expect(proxy.counted(CANARY)).toMatchObject({ rescues: 1, failures: { responseTimeout: 1 } })
  expect(proxy.settled(CANARY)).toEqual({ unanswered: 1 })
})

test('where answers are long in coming, being late says nothing', async () => {
  const { proxy, client } = await start((received) => void received, {
    settlement: { name: 'all/1', ageMs: 5_000, units: null },
  })
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted(CANARY).started).toBe(1)
  await proxy.advance(10_000)
  expect(proxy.counted(CANARY).fallbacks).toBe(0)
  client.end()
  await eventually(() => proxy.counted(CANARY).clientAborts).toBe(1)
})

test('a POST that was sent stays where it is', async () => {
  const { stable, proxy, client } = await start((received) => received.answer(500))
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc')
  expect((await client.answer()).status).toBe(500)
  expect(stable.requests).toEqual([])
  expect(proxy.counted(CANARY)).toMatchObject({ errors: 1, fallbacks: 0 })
})

test('a POST that nobody has read goes to stable', async () => {
  const { stable, client } = await start(NOBODY)
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc')
  expect((await client.answer()).body.toString()).toBe('stable')
  expect((await stable.requests[0]!.whole).toString()).toBe('abc')
})

test('the body goes to stable too', async () => {
  const { stable, client } = await start(async (received) => {
    await received.whole
    received.answer(500)
  })
  client.send('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc')
  expect((await client.answer()).body.toString()).toBe('stable')
  expect((await stable.requests[0]!.whole).toString()).toBe('abc')
})

test('an answer that has begun cannot be taken back', async () => {
  const { stable, proxy, client } = await start((received) => {
    received.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
    received.reset()
  })
  await client.get('/').catch(() => undefined)
  await eventually(() => proxy.counted(CANARY).errors).toBe(1)
  expect(stable.requests).toEqual([])
})

test('who asks for the canary sees what it answers', async () => {
  const { client } = await start((received) => received.answer(500), { forceHeader: 'x-variant' })
  client.send(ASKED)
  expect((await client.answer()).status).toBe(500)
})

test('and at once, although such requests may be tried again', async () => {
  const { proxy, client } = await start((received) => received.answer(500), ASKED_ROUTE)
  client.send(ASKED)
  expect((await client.answer()).status).toBe(500)
  expect(proxy.counted(CANARY)).toMatchObject({ finished: 1, retries: 0, fallbacks: 0 })
})

test('and may wait for it as long as for stable', async () => {
  const received: Received[] = []
  const { proxy, client } = await start((one) => received.push(one), ASKED_ROUTE)
  client.send(ASKED)
  await eventually(() => received.length).toBe(1)
  await proxy.advance(AGE_MS)
  expect(proxy.counted(CANARY).retries).toBe(0)
  received[0]!.answer(200, 'late')
  expect((await client.answer()).body.toString()).toBe('late')
})

test('what the canary does to other requests spends none of the retries of stable', async () => {
  const limits = { connections: Infinity, pendingRequests: 1_024, requests: Infinity, retries: 2 }
  const { stable, proxy } = await start(
    (received) => received.answer(500),
    {},
    { upstream: { limits } },
  )
  stable.script = () => undefined
  const count = 2 * limits.retries
  const clients = await Promise.all(Array.from({ length: count }, () => connectClient(proxy.port)))
  const answers = Promise.all(clients.map((client) => client.get('/')))
  await stable.request(count - 1)
  for (const received of stable.requests) received.answer(200)
  expect((await answers).map(({ status }) => status)).toEqual(Array<number>(count).fill(200))
})

test('a canary that switches to something else leaves the tunnel to stable', async () => {
  const { stable, client, proxy } = await start((received) =>
    received.send('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
  )
  stable.script = (received) => received.send(SWITCH)
  client.send(UPGRADE)
  expect((await readHead(client.reader))!.text).toMatch(/^HTTP\/1.1 101 .*Upgrade: websocket/is)
  expect(proxy.counted(CANARY)).toMatchObject({ rescues: 1, failures: { upgrade: 1 } })
  client.reset()
  await eventually(() => stable.openCount).toBe(0)
})

test('where stable fails too, its answer is what the client sees', async () => {
  const { stable, proxy, client } = await start((received) => received.answer(500))
  stable.script = (received: Received) => received.answer(503, 'both')
  expect((await client.get('/')).body.toString()).toBe('both')
  expect(proxy.counted(CANARY)).toMatchObject({ errors: 1, fallbacks: 1, rescues: 0 })
})

test('a client that leaves while stable is asked is counted once', async () => {
  const { stable, proxy, client } = await start((received) => received.answer(500))
  stable.script = () => undefined
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const received = await stable.request(0)
  client.end()
  await received.gone()
  expect(proxy.counted(CANARY)).toMatchObject({
    finished: 1,
    errors: 1,
    clientAborts: 0,
    rescues: 0,
  })
})

test('without a fallback the client sees what the canary answers', async () => {
  const { client } = await start((received) => received.answer(500), { fallback: false })
  expect((await client.get('/')).status).toBe(500)
})
