/** How much an upstream may have to do at a time, and who waits for a connection to it. */

import { expect, test } from 'vitest'
import { type Answer, type Client, connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf } from './message.ts'
import { type Proxy, type Setup, startProxy } from './proxy.ts'
import { answerOk, startUpstream } from './upstream.ts'

const NO_LIMITS = {
  connections: Infinity,
  pendingRequests: 0,
  requests: Infinity,
  retries: Infinity,
}

async function start(limits: Partial<typeof NO_LIMITS>, setup: Partial<Setup> = {}) {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startProxy({
    stable: [upstream.port],
    upstream: { limits: { ...NO_LIMITS, ...limits } },
    ...setup,
  })
  return { upstream, proxy }
}

/** A client that asks for that path. */
async function ask(
  proxy: Proxy,
  path: string,
): Promise<{ client: Client; answer: Promise<Answer> }> {
  const client = await connectClient(proxy.port)
  return { client, answer: client.get(path) }
}

test('a request that needs a connection too many waits for one, in order', async () => {
  const { upstream, proxy } = await start({ connections: 1, pendingRequests: 2 })
  const first = await ask(proxy, '/1')
  await upstream.request(0)
  const second = await ask(proxy, '/2')
  const third = await ask(proxy, '/3')
  await expect((await ask(proxy, '/4')).answer).resolves.toMatchObject({ status: 503 })
  for (const [index, { answer }] of [first, second, third].entries()) {
    const received = await upstream.request(index)
    received.answer(200, 'ok')
    await expect(answer).resolves.toMatchObject({ status: 200 })
  }
  expect(upstream.targets).toEqual(['/1', '/2', '/3'])
  expect(upstream.connectionCount).toBe(1)
})

test('it gets another connection where the one it waited for is gone', async () => {
  const { upstream, proxy } = await start({ connections: 1, pendingRequests: 2 })
  const first = await ask(proxy, '/1')
  const received = await upstream.request(0)
  const second = await ask(proxy, '/2')
  received.reset()
  await expect(first.answer).resolves.toMatchObject({ status: 502 })
  ;(await upstream.request(1)).answer(200, 'ok')
  await expect(second.answer).resolves.toMatchObject({ status: 200 })
})

test('it waits no longer than a connection may take to be made', async () => {
  const { upstream, proxy } = await start(
    { connections: 1, pendingRequests: 2 },
    { timeouts: { connectMs: 1_000 } },
  )
  const first = await ask(proxy, '/1')
  const received = await upstream.request(0)
  const second = await ask(proxy, '/2')
  await proxy.advance(500)
  expect(proxy.counted().finished).toBe(0)
  await proxy.advance(1_000)
  await expect(second.answer).resolves.toMatchObject({ status: 503 })
  expect(proxy.counted().failures).toEqual({ overflow: 1 })
  received.answer(200, 'ok')
  await expect(first.answer).resolves.toMatchObject({ status: 200 })
})

test('it goes elsewhere when its endpoint is out', async () => {
  const upstreams = [await startUpstream(() => undefined), await startUpstream(() => undefined)]
  const limits = { ...NO_LIMITS, connections: 2, pendingRequests: 8 }
  const stable = upstreams.map(({ port }) => port)
  const proxy = await startProxy({ stable, upstream: { limits } })
  const busy = [await ask(proxy, '/1'), await ask(proxy, '/2')]
  const [left, right] = await Promise.all(upstreams.map((upstream) => upstream.request(0)))
  const waiting = []
  for (const path of ['/3', '/4', '/5', '/6']) waiting.push(await ask(proxy, path))
  await proxy.sweeps(1)
  for (const upstream of upstreams) upstream.script = answerOk
  proxy.server.setUnhealthy([`http1://127.0.0.1:${stable[0]}`])
  right!.answer(200, 'ok')
  for (const { answer } of waiting) await expect(answer).resolves.toMatchObject({ status: 200 })
  expect(upstreams.map(({ requests }) => requests.length)).toEqual([1, 5])
  left!.answer(200, 'ok')
  await Promise.all(busy.map(({ answer }) => answer))
})

test('it goes elsewhere when its endpoint has left', async () => {
  const upstreams = [await startUpstream(() => undefined), await startUpstream(answerOk)]
  const limits = { ...NO_LIMITS, connections: 1, pendingRequests: 8 }
  const [left, right] = upstreams.map(({ port }) => port)
  const setup = { stable: [left!], upstream: { limits } }
  const proxy = await startProxy(setup)
  const first = await ask(proxy, '/1')
  const received = await upstreams[0]!.request(0)
  const second = await ask(proxy, '/2')
  await proxy.sweeps(1)
  proxy.use({ ...setup, stable: [right!] })
  await expect(second.answer).resolves.toMatchObject({ status: 200 })
  expect(upstreams.map(({ requests }) => requests.length)).toEqual([1, 1])
  received.answer(200, 'ok')
  await first.answer
})

test('who leaves waits no more', async () => {
  const { upstream, proxy } = await start({ connections: 1, pendingRequests: 1 })
  const first = await ask(proxy, '/1')
  const received = await upstream.request(0)
  const second = await connectClient(proxy.port)
  second.send('GET /2 HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.thread('accepted')).toBe(2)
  await proxy.sweeps(1)
  second.reset()
  await eventually(() => proxy.thread('closed')).toBe(1)
  const third = await ask(proxy, '/3')
  received.answer(200, 'ok')
  await first.answer
  ;(await upstream.request(1)).answer(200, 'ok')
  await expect(third.answer).resolves.toMatchObject({ status: 200 })
  expect(upstream.targets).toEqual(['/1', '/3'])
})

test('a body waits with its request', async () => {
  const { upstream, proxy } = await start({ connections: 1, pendingRequests: 1 })
  const first = await ask(proxy, '/1')
  const received = await upstream.request(0)
  const client = await connectClient(proxy.port)
  client.send('POST /2 HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhel')
  await proxy.sweeps(1)
  client.send('lo')
  received.answer(200, 'ok')
  await first.answer
  const second = await upstream.request(1)
  expect((await second.whole).toString()).toBe('hello')
  second.answer(200, 'ok')
  await expect(client.answer('POST')).resolves.toMatchObject({ status: 200 })
})

test('requests beyond the limit are answered 503 at once', async () => {
  const { upstream, proxy } = await start({ requests: 2 })
  const busy = [await ask(proxy, '/1'), await ask(proxy, '/2')]
  await upstream.request(1)
  const { answer } = await ask(proxy, '/3')
  const refused = await answer
  expect(refused.status).toBe(503)
  expect(valueOf(refused, 'proxy-status')).toContain('error=connection_limit_reached')
  expect(proxy.counted().failures).toEqual({ overflow: 1 })
  upstream.script = answerOk
  for (const received of upstream.requests) received.answer(200, 'ok')
  for (const one of busy) await expect(one.answer).resolves.toMatchObject({ status: 200 })
  await expect((await ask(proxy, '/4')).answer).resolves.toMatchObject({ status: 200 })
})

test('second tries have a limit of their own', async () => {
  const retry = { attempts: 1, statuses: [503], methods: null, perTryMs: null }
  const { upstream, proxy } = await start({ retries: 1 }, { route: { retry } })
  const first = await ask(proxy, '/1')
  ;(await upstream.request(0)).answer(503, 'no')
  const again = await upstream.request(1)
  const second = await ask(proxy, '/2')
  ;(await upstream.request(2)).answer(503, 'no')
  await expect(second.answer).resolves.toMatchObject({ status: 503 })
  expect(upstream.requests).toHaveLength(3)
  again.answer(200, 'ok')
  await expect(first.answer).resolves.toMatchObject({ status: 200 })
  const third = await ask(proxy, '/3')
  ;(await upstream.request(3)).answer(503, 'no')
  ;(await upstream.request(4)).answer(200, 'ok')
  await expect(third.answer).resolves.toMatchObject({ status: 200 })
})
