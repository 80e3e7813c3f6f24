/** Upstream connections that are used again: when they are, when not, and what is done when one turns out dead. */

import { expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { type Received, type Script, startUpstream } from './upstream.ts'

const POST = 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc'

/** Answers the first request of a connection, and does something else with the next. */
function thenDies(how: (received: Received) => void, connections: number): Script {
  const seen = new Set<number>()
  return async (received) => {
    const isFirst = !seen.has(received.connection)
    seen.add(received.connection)
    await received.whole
    if (isFirst || received.connection >= connections) received.answer(200, 'ok')
    else how(received)
  }
}

const RESET = thenDies((received) => received.reset(), 1)
const FIN = (connections: number) => thenDies((received) => received.socket.destroy(), connections)

test.for([
  ['an RST', RESET],
  ['a FIN', FIN(1)],
] as const)(
  'a GET on a kept connection that dies of %s is tried again once',
  async ([, script]) => {
    const upstream = await startUpstream(script)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    expect((await client.get('/1')).status).toBe(200)
    expect((await client.get('/2')).status).toBe(200)
    expect(upstream.targets).toEqual(['/1', '/2', '/2'])
    expect(proxy.counted()).toMatchObject({ finished: 2, retries: 1, errors: 0, failures: {} })
  },
)

test('a PUT with an empty body is tried again too', async () => {
  const upstream = await startUpstream(thenDies((received) => received.reset(), 1))
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).status).toBe(200)
  client.send('PUT /2 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n')
  expect((await client.answer()).status).toBe(200)
  expect(upstream.targets).toEqual(['/1', '/2', '/2'])
  expect(proxy.counted()).toMatchObject({ finished: 2, retries: 1, errors: 0, failures: {} })
})

test.for(['', 'X-Sum: 1\r\n'])(
  'and a chunked one without content, with all of its trailers: "%s"',
  async (lines) => {
    const upstream = await startUpstream(thenDies((received) => received.reset(), 1))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    expect((await client.get('/1')).status).toBe(200)
    const head = 'PUT /2 HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n'
    client.send(`${head}0\r\n${lines}\r\n`)
    expect((await client.answer()).status).toBe(200)
    expect(upstream.targets).toEqual(['/1', '/2', '/2'])
    const trailers = lines === '' ? [] : [['x-sum', '1']]
    expect(upstream.requests.map((request) => request.trailers)).toEqual([[], trailers, trailers])
  },
)

test('a POST is not tried again', async () => {
  const upstream = await startUpstream(thenDies((received) => received.reset(), 1))
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).status).toBe(200)
  client.send(POST)
  const answer = await client.answer()
  expect(answer.status).toBe(502)
  expect(valueOf(answer, 'proxy-status')).toContain('error=connection_terminated')
  expect(upstream.requests).toHaveLength(2)
  expect(proxy.counted()).toMatchObject({ retries: 0, errors: 1, failures: { reset: 1 } })
  expect((await client.get('/3')).status).toBe(200)
})

test('nothing is tried twice again', async () => {
  let isDying = false
  const upstream = await startUpstream((received) => {
    if (isDying) received.reset()
    else received.answer(200, 'ok')
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).status).toBe(200)
  isDying = true
  expect((await client.get('/2')).status).toBe(502)
  expect(upstream.targets).toEqual(['/1', '/2', '/2'])
  expect(proxy.counted()).toMatchObject({ retries: 1, errors: 1, failures: { reset: 1 } })
})

test('the second try goes over a new connection, since all that were kept may be dead', async () => {
  // Three connections are kept; each of them dies at its second request.
  const upstream = await startUpstream(thenDies((received) => received.reset(), 3))
  const proxy = await startProxy({ stable: [upstream.port] })
  const clients = await Promise.all([1, 2, 3].map(() => connectClient(proxy.port)))
  await Promise.all(clients.map((client) => client.get('/first')))
  expect(upstream.connectionCount).toBe(3)
  expect((await clients[0]!.get('/second')).status).toBe(200)
  expect(upstream.targets.filter((target) => target === '/second')).toHaveLength(2)
})

test('a new connection that dies is a failure at once', async () => {
  const upstream = await startUpstream((received) => received.reset())
  const proxy = await startProxy({ stable: [upstream.port] })
  expect((await (await connectClient(proxy.port)).get('/')).status).toBe(502)
  expect(upstream.requests).toHaveLength(1)
})

test('an answer that has begun is not asked for again', async () => {
  const upstream = await startUpstream(
    thenDies((received) => {
      received.send('HTTP/1.1 2')
      received.end()
    }, 1),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).status).toBe(200)
  const answer = await client.get('/2')
  expect(answer.status).toBe(502)
  expect(valueOf(answer, 'proxy-status')).toContain('error=http_response_incomplete')
  expect(upstream.requests).toHaveLength(2)
})

const POISON = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison'

test('an answer that nobody asked for closes the connection and reaches nobody', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).body.toString()).toBe('ok')
  const first = await upstream.request(0)
  first.send(POISON)
  await first.gone()
  const answer = await client.get('/2')
  expect(answer.body.toString()).toBe('ok')
  expect(upstream.connectionCount).toBe(2)
  expect(upstream.targets).toEqual(['/1', '/2'])
})

test('an answer that came before its request reaches nobody, also when both are found together', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  expect((await client.get('/1')).body.toString()).toBe('ok')
  const first = await upstream.request(0)
  // As we share the proxy's thread, it reads neither before both are there; and the client's comes first.
  client.send('GET /2 HTTP/1.1\r\nHost: test\r\n\r\n')
  first.send(POISON)
  expect((await client.answer()).body.toString()).toBe('ok')
  expect(upstream.connectionCount).toBe(2)
  expect(proxy.counted().retries).toBe(1)
})

test.for([
  ['a second answer', POISON],
  ['stray bytes', 'x'],
  ['an empty line', '\r\n'],
] as const)('%s right after an answer reaches nobody', async ([, extra]) => {
  const upstream = await startUpstream((received) =>
    received.send(`HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${extra}`),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  for (const target of ['/1', '/2']) {
    expect((await client.get(target)).body.toString()).toBe('ok')
  }
  expect(client.reader.unread).toBe('')
  expect(upstream.connectionCount).toBe(2)
})

test('an answer before the request was sent whole is passed on; neither connection goes on', async () => {
  const upstream = await startUpstream((received) => received.answer(200, 'early'))
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${10 ** 9}\r\n\r\nabc`)
  const answer = await client.answer()
  expect(answer.body.toString()).toBe('early')
  expect(valueOf(answer, 'connection')).toBe('close')
  expect(await client.reader.end()).toBe('ended')
  await eventually(() => upstream.openCount).toBe(0)
  expect(upstream.requests[0]!.isWhole).toBe(false)
  expect(proxy.counted()).toMatchObject({ codes: { 'POST 200': 1 }, errors: 0 })
})

test('where little is missing of the body the client may go on, the upstream connection may not', async () => {
  const upstream = await startUpstream((received) => received.answer(200, received.target))
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send('POST /1 HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc')
  const answer = await client.answer()
  expect(valueOf(answer, 'connection')).toBeUndefined()
  client.send('defghij')
  expect((await client.get('/2')).body.toString()).toBe('/2')
  expect(upstream.connectionCount).toBe(2)
})

test('an upload that is refused early ends, though the client goes on sending', async () => {
  const upstream = await startUpstream((received) => {
    received.reader.hold()
    received.answer(413, 'too much', 'connection: close\r\n')
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${64 * 1024 * 1024}\r\n\r\n`)
  client.send(Buffer.alloc(32 * 1024 * 1024))
  expect((await client.answer()).status).toBe(413)
  expect(proxy.counted().codes).toEqual({ 'POST 413': 1 })
  await eventually(() => proxy.thread('upstreamClosed')).toBe(1)
})

test('a connection whose request is not yet sent is not used again', async () => {
  // The upstream answers and does not read: what is left of the body stands between it and the next request.
  const upstream = await startUpstream(async (received) => {
    if (received.target === '/2') return received.answer(200, 'second')
    received.reader.hold()
    await eventually(() => proxy.counted().requestBytes).toBe(size)
    received.answer(200, 'first')
  })
  const size = 14 * 1024 * 1024
  const proxy = await startProxy({
    stable: [upstream.port],
    limits: { bufferBytes: 32 * 1024 * 1024 },
  })
  const client = await connectClient(proxy.port)
  client.send(`POST /1 HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`)
  client.send(Buffer.alloc(size))
  expect((await client.answer()).body.toString()).toBe('first')
  expect((await client.get('/2')).body.toString()).toBe('second')
  expect(upstream.connectionCount).toBe(2)
})

test('the connection used last is used first, and those not used are closed in time', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port], timeouts: { idleMs: 500_000 } })
  const clients = await Promise.all([1, 2, 3].map(() => connectClient(proxy.port)))
  await Promise.all(clients.map((client) => client.get('/')))
  expect(upstream.openCount).toBe(3)
  await proxy.advance(100_000)
  await clients[0]!.get('/')
  await proxy.advance(30_000)
  await eventually(() => upstream.openCount).toBe(1)
  await clients[1]!.get('/')
  expect(upstream.connectionCount).toBe(3)
})

test('a kept connection that the upstream closes is let go', async () => {
  const upstream = await startUpstream(async (received) => {
    received.answer(200, 'ok')
    received.end()
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(POST)
  expect((await client.answer()).status).toBe(200)
  await eventually(() => proxy.thread('upstreamClosed')).toBe(1)
  client.send(POST)
  expect((await client.answer()).status).toBe(200)
  expect(upstream.connectionCount).toBe(2)
})
