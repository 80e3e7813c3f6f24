/** Requests that are sent a second time while their answer is waited for: the first answer is taken. */

import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { expect, test } from 'vitest'
import type { Route } from '../../../src/proxy/snapshot.ts'
import { certificate, listen } from '../upstream/servers.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { readHead } from './message.ts'
import { CANARY, type Setup, startProxy } from './proxy.ts'
import { SWITCH, UPGRADE } from './switching.ts'
import { answerOk, type Received, type Script, startUpstream, Upstream } from './upstream.ts'

const RETRY = { attempts: 1, statuses: [503], methods: null, perTryMs: null }

/** Two endpoints; whichever is asked first is `slow`, the other one `quick`. */
async function start(slow: Script, quick: Script = answerOk, route: Partial<Route> = {}) {
  const received: Received[] = []
  const script: Script = (request) => {
    received.push(request)
    return received.length === 1 ? slow(request) : quick(request)
  }
  const [a, b] = await Promise.all([startUpstream(script), startUpstream(script)])
  const proxy = await startProxy({
    stable: [a.port, b.port],
    route: { hedgeMs: 1, retry: RETRY, ...route },
  })
  return { received, proxy, client: await connectClient(proxy.port) }
}

test('the second answer is taken where it comes first, and the first try is given up', async () => {
  const { received, proxy, client } = await start(() => undefined)
  expect((await client.get('/a')).body.toString()).toBe('ok')
  expect(received.map(({ target }) => target)).toEqual(['/a', '/a'])
  expect(received[0]!.socket.localPort).not.toBe(received[1]!.socket.localPort)
  await received[0]!.gone()
  expect(proxy.counted()).toMatchObject({ finished: 1, hedges: 1, hedgesWon: 1, errors: 0 })
})

test('the first answer is taken where it comes first, and the second try is given up', async () => {
  const { received, proxy, client } = await start(
    () => undefined,
    () => received[0]!.answer(200, 'first'),
  )
  expect((await client.get('/')).body.toString()).toBe('first')
  await received[1]!.gone()
  expect(proxy.counted()).toMatchObject({ hedges: 1, hedgesWon: 0 })
})

test('where the first try fails the second goes on', async () => {
  const { received, proxy, client } = await start(
    () => undefined,
    (second) => {
      received[0]!.reset()
      setImmediate(() => second.answer(200, 'second'))
    },
  )
  expect((await client.get('/')).body.toString()).toBe('second')
  expect(received).toHaveLength(2)
  expect(proxy.counted()).toMatchObject({ errors: 0, retries: 0 })
})

test.for([
  ['fails', (second: Received) => second.reset()],
  ['is answered 503', (second: Received) => second.answer(503)],
] as const)('where the second try %s the first goes on', async ([, quick]) => {
  const { received, client } = await start(
    () => undefined,
    async (second) => {
      quick(second)
      await second.gone()
      received[0]!.answer(200, 'first')
    },
  )
  expect((await client.get('/')).body.toString()).toBe('first')
})

test.for([
  ['a body', 'PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx'],
  ['a method that is not idempotent', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n'],
] as const)('a request with %s is sent once', async ([, request]) => {
  const { received, proxy, client } = await start(
    () => undefined,
    () => undefined,
  )
  client.send(request)
  await eventually(() => received.length).toBe(1)
  // One that is sent twice, by which time the first would have been too.
  const other = await connectClient(proxy.port)
  other.send('GET /other HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => received.length).toBe(3)
  expect(received.map(({ target }) => target)).toEqual(['/', '/other', '/other'])
})

test('a handshake that takes longer than an answer may becomes a tunnel all the same', async () => {
  const { received, proxy, client } = await start(
    () => undefined,
    () => undefined,
  )
  client.send(UPGRADE)
  await eventually(() => received.length).toBe(1)
  // One that is sent twice, by which time the handshake would have been too.
  const other = await connectClient(proxy.port)
  other.send('GET /other HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => received.length).toBeGreaterThan(2)
  expect(received.map(({ target }) => target)).toEqual(['/ws', '/other', '/other'])
  received[0]!.send(`${SWITCH}hello`)
  expect((await readHead(client.reader))!.text).toMatch(/^HTTP\/1.1 101 /)
  expect((await client.reader.take(5)).toString()).toBe('hello')
  client.reset()
  await eventually(() => proxy.counted().tunnelsClosed).toBe(1)
})

test('a client that leaves ends both', async () => {
  const { received, client } = await start(
    () => undefined,
    () => undefined,
  )
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => received.length).toBe(2)
  client.end()
  await Promise.all(received.map((each) => each.gone()))
})

/** A canary of two endpoints that has nearly all requests until `abort`; who asks stable waits. */
async function startCanary(endpoints: Setup['stable'], hedgeMs: number) {
  const stables = await Promise.all([startUpstream(hang), startUpstream(hang)])
  const settlement = { name: 'all/1', ageMs: AGE_MS, units: null }
  const setup: Setup = {
    stable: stables.map(({ port }) => port),
    route: { hedgeMs, retry: RETRY, fallback: true, settlement },
  }
  const proxy = await startProxy({ ...setup, canary: { endpoints, weightBp: 9_999 } }, () => 0.1)
  const abort = (): void => proxy.use({ ...setup, canary: { endpoints, weightBp: 0 } })
  return { proxy, abort, stables, client: await connectClient(proxy.port) }
}

const hang: Script = () => undefined
const AGE_MS = 1_000

function requestCount(upstreams: readonly Upstream[]): number {
  return upstreams.reduce((sum, { requests }) => sum + requests.length, 0)
}

test('a canary that was taken out is not asked a second time', async () => {
  const script: Script = () => abort()
  const canaries = await Promise.all([startUpstream(script), startUpstream(script)])
  const ports = canaries.map(({ port }) => port)
  const { proxy, abort, stables, client } = await startCanary(ports, 100)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => requestCount(canaries)).toBe(1)
  // One that is sent twice, by which time the first would have been too.
  const other = await connectClient(proxy.port)
  other.send('GET /other HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => requestCount(stables)).toBe(2)
  expect(requestCount(canaries)).toBe(1)
})

test('nor is one that is taken out while the second try connects to it', async () => {
  const { canary, gate, endpoints } = await startGated()
  const { proxy, abort, client } = await startCanary(endpoints, 1)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => gate.connectionCount).toBe(2)
  await canary.request(0)
  abort()
  gate.open()
  await eventually(() => proxy.thread('upstreamClosed')).toBe(1)
  expect(canary.requests).toHaveLength(1)
})

/** Two endpoints over TLS that do not answer. The first connection is let in at once, others when the gate is open. */
async function startGated() {
  const canary = new Upstream(hang)
  const { promise, resolve } = Promise.withResolvers<void>()
  const gate = { connectionCount: 0, open: resolve }
  const pair = { cert: certificate('a.example.cert.pem'), key: certificate('a.example.key.pem') }
  const secure = createTlsServer(pair, (socket) => canary.accept(socket))
  const listenGated = (): Promise<number> =>
    listen(
      createServer(async (socket) => {
        if (++gate.connectionCount > 1) await promise
        secure.emit('connection', socket)
      }),
    )
  const tls = { ca: null, identity: null, serverName: null, isVerified: false }
  const ports = await Promise.all([listenGated(), listenGated()])
  return { canary, gate, endpoints: ports.map((port) => ({ host: '127.0.0.1', port, tls })) }
}

test('where the first try on the canary fails, that is evidence, whatever the second brings', async () => {
  const received: Received[] = []
  const script: Script = async (request) => {
    received.push(request)
    if (received.length === 1) return
    received[0]!.reset()
    await eventually(() => proxy.thread('upstreamClosed')).toBe(1)
    request.answer(200, 'second')
  }
  const canaries = await Promise.all([startUpstream(script), startUpstream(script)])
  const ports = canaries.map(({ port }) => port)
  const { proxy, client } = await startCanary(ports, 1)
  expect((await client.get('/')).body.toString()).toBe('second')
  await proxy.advance(AGE_MS)
  expect(proxy.settled(CANARY)).toEqual({ errors: 1, latency: 1 })
})
