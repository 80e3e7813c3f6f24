/** Requests that are tried again: when, where, with which body, and when not. */

import { expect, test } from 'vitest'
import { freePorts } from '../../../bench/load/children.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { type Setup, startProxy } from './proxy.ts'
import { answerOk, type Received, type Script, startUpstream } from './upstream.ts'

const RETRY = { attempts: 2, statuses: [503], methods: null, perTryMs: null }

/** The script for the first requests, `times` of them; then all are answered 200. */
function atFirst(script: Script, times = 1): Script {
  let left = times
  return (received) => (left-- > 0 ? script(received) : answerOk(received))
}

const unavailable: Script = async (received) => {
  await received.whole
  received.answer(503, 'not now')
}

async function start(script: Script, setup: Partial<Setup> = {}, random = Math.random) {
  const upstream = await startUpstream(script)
  const proxy = await startProxy(
    { stable: [upstream.port], ...setup, route: { retry: RETRY, ...setup.route } },
    random,
  )
  return { upstream, proxy, client: await connectClient(proxy.port) }
}

test.for([
  ['an answer 503', unavailable],
  ['a reset before the answer', (received: Received) => received.reset()],
  ['an answer that breaks off in its head', (received: Received) => brokenHead(received)],
  ['an answer that is none', (received: Received) => received.send('SSH-2.0-x\r\n\r\n')],
] as const)('after %s it is tried again', async ([, script]) => {
  const { upstream, proxy, client } = await start(atFirst(script))
  expect((await client.get('/a')).body.toString()).toBe('ok')
  expect(upstream.targets).toEqual(['/a', '/a'])
  expect(proxy.counted()).toMatchObject({ finished: 1, retries: 1, errors: 0, failures: {} })
})

function brokenHead(received: Received): void {
  received.send('HTTP/1.1 200 O')
  received.end()
}

test('it is tried on another endpoint, where there is one', async () => {
  const bad = await startUpstream(unavailable)
  const good = await startUpstream(answerOk)
  const proxy = await startProxy({ stable: [bad.port, good.port], route: { retry: RETRY } })
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 10; i++) expect((await client.get('/')).status).toBe(200)
  expect(good.requests).toHaveLength(10)
  expect(proxy.counted().retries).toBe(bad.requests.length)
})

test('where nothing was sent a POST is tried again too', async () => {
  const good = await startUpstream(answerOk)
  const [nobody = 0] = await freePorts(1)
  const proxy = await startProxy({ stable: [nobody, good.port], route: { retry: RETRY } })
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 10; i++) {
    client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc')
    expect((await client.answer()).status).toBe(200)
  }
  expect(proxy.counted()).toMatchObject({ errors: 0, codes: { 'POST 200': 10 } })
})

test('after that many tries the last answer stands', async () => {
  const { upstream, proxy, client } = await start(unavailable)
  const answer = await client.get('/')
  expect([answer.status, answer.body.toString()]).toEqual([503, 'not now'])
  expect(upstream.requests).toHaveLength(3)
  expect(proxy.counted()).toMatchObject({ retries: 2, errors: 1, codes: { 'GET 503': 1 } })
})

test.for([
  ['its method is not idempotent', 'POST', 'content-length: 0\r\n', unavailable],
  ['its status is not listed', 'GET', '', (received: Received) => received.answer(500)],
  [
    'the upstream asks to wait',
    'GET',
    '',
    (received: Received) => received.answer(503, '', 'Retry-After: 1\r\n'),
  ],
  ['the answer has begun', 'GET', '', (received: Received) => halfBody(received)],
] as const)('it is not tried again where %s', async ([, method, line, script]) => {
  const { upstream, client } = await start(script)
  client.send(`${method} / HTTP/1.1\r\nHost: test\r\n${line}\r\n`)
  await client.answer().catch(() => undefined)
  expect(upstream.requests).toHaveLength(1)
})

function halfBody(received: Received): void {
  received.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
  received.reset()
}

test('Retry-After: 0 asks for nothing', async () => {
  const { client } = await start(
    atFirst((received) => received.answer(503, '', 'Retry-After: 0\r\n')),
  )
  expect((await client.get('/')).status).toBe(200)
})

test('methods that are named are tried again, and others are not', async () => {
  const { upstream, client } = await start(atFirst(unavailable), {
    route: { retry: { ...RETRY, methods: ['POST'] } },
  })
  client.send('POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc')
  expect((await client.answer()).status).toBe(200)
  expect((await upstream.requests[1]!.whole).toString()).toBe('abc')
  upstream.script = unavailable
  expect((await client.get('/g')).status).toBe(503)
  expect(upstream.targets).toEqual(['/p', '/p', '/g'])
})

test.for([
  ['a length', 'Content-Length: 12\r\n', 'Hello, world', ''],
  [
    'chunks and trailers',
    'Transfer-Encoding: chunked\r\n',
    '5\r\nHello\r\n7\r\n, world\r\n0\r\nx-sum: 7\r\n\r\n',
    'x-sum',
  ],
] as const)('the body is sent again, with %s', async ([, framing, body, trailer]) => {
  const { upstream, client } = await start(atFirst(unavailable))
  client.send(`PUT / HTTP/1.1\r\nHost: test\r\n${framing}\r\n${body}`)
  expect((await client.answer()).status).toBe(200)
  const again = upstream.requests[1]!
  expect((await again.whole).toString()).toBe('Hello, world')
  expect(again.trailers.map(([name]) => name.toLowerCase())).toEqual(
    trailer === '' ? [] : [trailer],
  )
})

test('trailers without a body are sent again', async () => {
  const { upstream, client } = await start(atFirst(unavailable))
  client.send(
    'PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx-sum: 7\r\n\r\n',
  )
  expect((await client.answer()).status).toBe(200)
  await upstream.requests[1]!.whole
  expect(upstream.requests[1]!.trailers).toHaveLength(1)
})

test('a body that is still coming goes on to the next try', async () => {
  const { upstream, client } = await start(atFirst((received) => received.answer(503)))
  client.send('PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 12\r\n\r\nHello')
  await upstream.request(1)
  client.send(', world')
  expect((await client.answer()).status).toBe(200)
  expect((await upstream.requests[1]!.whole).toString()).toBe('Hello, world')
})

test('a body above 64 KiB is not sent again', async () => {
  const { upstream, client } = await start(unavailable)
  const size = 64 * 1024 + 1
  client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size))
  expect((await client.answer()).status).toBe(503)
  expect(upstream.requests).toHaveLength(1)
})

test('one of 64 KiB is', async () => {
  const { upstream, client } = await start(atFirst(unavailable))
  const body = Buffer.from(Array.from({ length: 64 * 1024 }, (_, i) => i % 251))
  client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.send(body)
  expect((await client.answer()).status).toBe(200)
  expect((await upstream.requests[1]!.whole).equals(body)).toBe(true)
})

test('a try that is not answered in its time is followed by another', async () => {
  const { upstream, proxy, client } = await start(
    atFirst(() => undefined),
    {
      route: { retry: { ...RETRY, perTryMs: 1_000 } },
    },
  )
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const first = await upstream.request(0)
  await proxy.advance(1_000)
  expect((await client.answer()).status).toBe(200)
  await first.gone()
  expect(proxy.counted()).toMatchObject({ retries: 1, errors: 0 })
})

test('the last try has all the time there is', async () => {
  const { upstream, proxy, client } = await start(() => undefined, {
    route: { retry: { ...RETRY, attempts: 1, perTryMs: 1_000 } },
  })
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(0)
  await proxy.advance(1_000)
  const second = await upstream.request(1)
  await proxy.advance(1_000)
  await proxy.advance(20_000)
  second.answer(200, 'late')
  expect((await client.answer()).body.toString()).toBe('late')
  expect(upstream.requests).toHaveLength(2)
})

test('a client that leaves between two tries ends them', async () => {
  // It leaves in the turn in which the proxy is answered, so that it is gone before any wait is over.
  const upstream = await startUpstream((received) => {
    received.answer(503, 'not now')
    client.end()
  })
  const proxy = await startProxy({ stable: [upstream.port], route: { retry: RETRY } }, () => 0.999)
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted().clientAborts).toBe(1)
  expect(proxy.counted().retries).toBe(1)
  expect(upstream.requests).toHaveLength(1)
})

test('a clock that jumps between two tries begins no other', async () => {
  const { upstream, proxy, client } = await start(atFirst(unavailable), {}, () => 0.999)
  client.send('GET /a HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted().retries).toBe(1)
  await proxy.advance(10_000)
  expect((await client.answer()).status).toBe(200)
  expect(upstream.targets).toEqual(['/a', '/a'])
  expect(proxy.counted()).toMatchObject({ retries: 1, errors: 0 })
})

test('what stable has seen does not go to a canary whose rollout begins meanwhile', async () => {
  const stable = await startUpstream(atFirst(unavailable))
  const canary = await startUpstream(answerOk)
  const setup: Setup = { stable: [stable.port], route: { retry: RETRY, fallback: true } }
  const proxy = await startProxy(setup, () => 0.999)
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => proxy.counted().retries).toBe(1)
  proxy.use({ ...setup, canary: { endpoints: [canary.port], weightBp: 10_000 } })
  expect((await client.answer()).status).toBe(200)
  expect(canary.requests).toEqual([])
})

test('an upstream that is down gets little more than it is sent', async () => {
  const { upstream, client } = await start(unavailable)
  const count = 500
  for (let i = 0; i < count; i++) expect((await client.get('/')).status).toBe(503)
  expect(upstream.requests.length).toBeGreaterThan(count * 1.1)
  expect(upstream.requests.length).toBeLessThan(count * 1.25)
})
