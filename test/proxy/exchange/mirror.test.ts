/** Copies of requests: what is copied, what the client notices of it (nothing), and what is counted. */

import { expect, test } from 'vitest'
import type { Mirror } from '../../../src/proxy/snapshot.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf } from './message.ts'
import { type Setup, startProxy } from './proxy.ts'
import { answerOk, type Script, startUpstream } from './upstream.ts'

const SERIES = 2
const MIRROR: Mirror = { upstream: 1, share: 1, methods: ['GET', 'PUT'], series: SERIES }

async function start(
  copies: Script,
  changes: Partial<Mirror> = {},
  { random = () => 0.5, ...setup }: Partial<Setup> & { random?: () => number } = {},
) {
  const stable = await startUpstream(answerOk)
  const shadow = await startUpstream(copies)
  const proxy = await startProxy(
    {
      stable: [stable.port],
      canary: { endpoints: [shadow.port], weightBp: 0 },
      ...setup,
      route: { mirror: { ...MIRROR, ...changes } },
    },
    random,
  )
  return { stable, shadow, proxy, client: await connectClient(proxy.port) }
}

test('a request is copied, marked, and its answer seen by nobody', async () => {
  const { stable, shadow, proxy, client } = await start((copy) => copy.answer(500, 'broken'))
  client.send('GET /a?b=c HTTP/1.1\r\nHost: test\r\nX-Sluice-Mirror: forged\r\n\r\n')
  expect((await client.answer()).body.toString()).toBe('ok')
  const copy = await shadow.request(0)
  expect([copy.method, copy.target]).toEqual(['GET', '/a?b=c'])
  expect(valueOf(copy.head, 'x-sluice-mirror')).toBe('true')
  expect(valueOf(copy.head, 'x-sluice-variant')).toBe('mirror')
  expect(valueOf(stable.requests[0]!.head, 'x-sluice-mirror')).toBeUndefined()
  await eventually(() => proxy.counted(SERIES)).toMatchObject({
    started: 1,
    finished: 1,
    errors: 1,
    codes: { 'GET 500': 1 },
    mirror: { same: 0, different: 1 },
  })
  expect(proxy.counted()).toMatchObject({ finished: 1, errors: 0, codes: { 'GET 200': 1 } })
})

test('answers of the same class are the same, and connections are kept', async () => {
  const { shadow, proxy, client } = await start((copy) => copy.answer(204))
  for (let i = 1; i <= 3; i++) {
    await client.get('/')
    await eventually(() => proxy.counted(SERIES).mirror.same).toBe(i)
  }
  expect(shadow.connectionCount).toBe(1)
})

test('a copy that hangs holds up nobody, and is given up in time', async () => {
  const { shadow, proxy, client } = await start(() => undefined)
  for (let i = 0; i < 3; i++) expect((await client.get('/')).status).toBe(200)
  await shadow.request(2)
  expect(proxy.counted(SERIES)).toMatchObject({ started: 3, finished: 0 })
  for (const copy of shadow.requests) copy.reset()
  await eventually(() => proxy.counted(SERIES).failures).toEqual({ reset: 3 })
})

test('one that waits at an endpoint that has left is not sent', async () => {
  const limits = { connections: 1, pendingRequests: 8, requests: Infinity, retries: Infinity }
  const { stable, shadow, proxy, client } = await start(
    () => undefined,
    {},
    { upstream: { limits } },
  )
  await client.get('/1')
  const first = await shadow.request(0)
  await client.get('/2')
  expect(proxy.counted(SERIES)).toMatchObject({ started: 2, finished: 0 })
  proxy.use({ stable: [stable.port] })
  first.answer(200, 'ok')
  await eventually(() => proxy.counted(SERIES)).toMatchObject({ finished: 2, errors: 0 })
  await eventually(() => shadow.openCount).toBe(0)
  expect([shadow.requests.length, shadow.connectionCount]).toEqual([1, 1])
})

test('one that is answered without an end is no failure', async () => {
  const { proxy, client } = await start(
    (copy) => copy.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n'),
    {},
    { timeouts: { responseHeadMs: 250 } },
  )
  await client.get('/')
  await eventually(() => proxy.counted(SERIES).finished).toBe(1)
  expect(proxy.counted(SERIES)).toMatchObject({ errors: 0, failures: {}, codes: { 'GET 200': 1 } })
})

test('one that hangs ends with the server', async () => {
  const { shadow, proxy, client } = await start(() => undefined)
  await client.get('/')
  await shadow.request(0)
  proxy.server.close()
  await eventually(() => shadow.openCount).toBe(0)
  expect(proxy.counted(SERIES)).toMatchObject({ started: 1, finished: 1, errors: 0 })
})

test('one that meets a dead connection is sent again', async () => {
  const seen = new Set<number>()
  const { shadow, proxy, client } = await start((copy) => {
    if (seen.has(copy.connection)) return copy.reset()
    seen.add(copy.connection)
    copy.answer(200)
  })
  for (let i = 1; i <= 2; i++) {
    await client.get(`/${i}`)
    await eventually(() => proxy.counted(SERIES).finished).toBe(i)
  }
  expect(shadow.targets).toEqual(['/1', '/2', '/2'])
  expect(proxy.counted(SERIES)).toMatchObject({ errors: 0, failures: {}, mirror: { same: 2 } })
})

test('a body is copied too, once it is whole', async () => {
  const { stable, shadow, proxy, client } = await start(answerOk)
  client.send('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nHel')
  await stable.request(0)
  client.send('lo')
  expect((await client.answer()).status).toBe(200)
  expect((await (await shadow.request(0)).whole).toString()).toBe('Hello')
  await eventually(() => proxy.counted(SERIES).mirror.same).toBe(1)
})

test('one with a long body is not', async () => {
  const { shadow, proxy, client } = await start(answerOk)
  const size = 64 * 1024 + 1
  client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size))
  expect((await client.answer()).status).toBe(200)
  expect(shadow.requests).toEqual([])
  expect(proxy.counted(SERIES).mirrorDrops).toEqual({ bodyTooLarge: 1 })
})

test('other methods are not copied, nor what the draw leaves out', async () => {
  let draw = 0.1
  const { shadow, proxy, client } = await start(answerOk, { share: 0.25 }, { random: () => draw })
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
  await client.answer()
  draw = 0.25
  await client.get('/left-out')
  draw = 0.2
  await client.get('/copied')
  await shadow.request(0)
  expect(shadow.targets).toEqual(['/copied'])
  await eventually(() => proxy.counted(SERIES).mirror.same).toBe(1)
})

test('so many copies may wait, and no more', async () => {
  const { shadow, proxy, client } = await start(() => undefined)
  for (let i = 0; i < 130; i++) await client.get('/')
  expect(proxy.counted(SERIES)).toMatchObject({ started: 128, mirrorDrops: { tooMany: 2 } })
  await shadow.request(127)
  for (const copy of shadow.requests) copy.answer(200)
  await eventually(() => proxy.counted(SERIES).finished).toBe(128)
  await client.get('/')
  await shadow.request(128)
  shadow.requests[128]!.answer(200)
  await eventually(() => proxy.counted(SERIES).finished).toBe(129)
})

test('without an endpoint nothing is copied, and it is counted', async () => {
  const stable = await startUpstream(answerOk)
  const proxy = await startProxy({
    stable: [stable.port],
    canary: { endpoints: [], weightBp: 0 },
    route: { mirror: MIRROR },
  })
  const client = await connectClient(proxy.port)
  expect((await client.get('/')).status).toBe(200)
  expect(proxy.counted(SERIES).mirrorDrops).toEqual({ unavailable: 1 })
})
