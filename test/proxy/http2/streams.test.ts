/** Requests over HTTP/2, to an upstream of HTTP/1.1 and back. */

import { once } from 'node:events'
import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import { valueOf } from '../exchange/message.ts'
import { startUpstream } from '../exchange/upstream.ts'
import { answerOf, connectHttp2, startHttp2Proxy } from './proxy.ts'

const KIB = 1024
const MIB = 1024 * 1024
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants

test('a request and its answer', async () => {
  const upstream = await startUpstream((received) =>
    received.answer(200, 'hello', 'X-A: 1\r\nX-A:  2 \r\nconnection: x-b\r\nx-b: hop\r\n'),
  )
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const answer = await client.get('/path?query', { 'x-c': 'd', cookie: ['a=1', 'b=2'] })
  expect(answer).toMatchObject({ status: 200, body: 'hello', resetCode: 0 })
  expect(answer.fields).toMatchObject({ 'x-a': '1, 2', 'content-length': '5' })
  expect(answer.fields.date).toBeDefined()
  expect(answer.fields.via).toMatch(/^1\.1 /)
  expect(answer.fields).not.toHaveProperty('x-b')
  expect(answer.fields).not.toHaveProperty('connection')
  const { head, target } = await upstream.request(0)
  expect(target).toBe('/path?query')
  expect(valueOf(head, 'host')).toBe(`127.0.0.1:${proxy.port}`)
  expect(valueOf(head, 'cookie')).toBe('a=1; b=2')
  expect(valueOf(head, 'x-c')).toBe('d')
  expect(valueOf(head, 'x-forwarded-for')).toBe('192.0.2.1')
  expect(valueOf(head, 'via')).toMatch(/^2\.0 /)
})

test('many at once over one session', async () => {
  const upstream = await startUpstream((received) => received.answer(200, received.target))
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const paths = Array.from({ length: 100 }, (_, index) => `/${index}`)
  const answers = await Promise.all(paths.map((path) => client.get(path)))
  expect(answers.map(({ body }) => body)).toEqual(paths)
})

test('HEAD, 204 and 304 have no content', async () => {
  const upstream = await startUpstream((received) => {
    if (received.method === 'HEAD') received.send('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n')
    else received.send(`HTTP/1.1 ${received.target.slice(1)} X\r\n\r\n`)
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const head = await answerOf(client.open({ ':method': 'HEAD', ':path': '/' }))
  expect(head).toMatchObject({ status: 200, body: '', resetCode: 0 })
  expect(head.fields['content-length']).toBe('7')
  expect(await client.get('/204')).toMatchObject({ status: 204, body: '', resetCode: 0 })
  expect(await client.get('/304')).toMatchObject({ status: 304, body: '', resetCode: 0 })
})

test('content and trailers go both ways', async () => {
  const upstream = await startUpstream(async (received) => {
    const body = (await received.whole).toString()
    received.send(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n${body}\r\n`)
    received.send('0\r\nx-back: 2\r\nset-cookie: a=b\r\n\r\n')
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  let bytes = ''
  upstream.onBytes = (arrived) => void (bytes += arrived.toString('latin1'))
  const stream = client.session.request(
    { ':method': 'POST', ':path': '/' },
    { waitForTrailers: true },
  )
  stream
    .on('error', () => undefined)
    .on('wantTrailers', () => stream.sendTrailers({ 'x-there': '1', authorization: 'x' }))
  stream.end('body')
  const answer = await answerOf(stream)
  expect(answer).toMatchObject({ status: 200, body: 'body', resetCode: 0 })
  expect({ ...answer.trailers }).toMatchObject({ 'x-back': '2' })
  expect(answer.trailers).not.toHaveProperty('set-cookie')
  expect(bytes).toMatch(/transfer-encoding: chunked/)
  expect(bytes).toMatch(/x-there: 1\r\n\r\n$/)
  expect(bytes).not.toContain('authorization')
})

test('a length that is known stays known', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':method': 'POST', ':path': '/', 'content-length': 4 }, false)
  stream.end('body')
  expect(await answerOf(stream)).toMatchObject({ status: 200, body: 'ok' })
  const received = await upstream.request(0)
  expect(valueOf(received.head, 'content-length')).toBe('4')
  expect((await received.whole).toString()).toBe('body')
})

test('interim answers are passed on, save 101', async () => {
  const upstream = await startUpstream((received) => {
    received.send('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n')
    received.answer(200, 'ok')
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':path': '/' })
  const interim = once(stream, 'headers')
  expect((await answerOf(stream)).status).toBe(200)
  expect((await interim)[0]).toMatchObject({ ':status': 103, link: '</a>, </b>' })
})

test('a client that resets its stream cancels the request upstream, and no other', async () => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':path': '/' })
  const other = client.open({ ':path': '/other' })
  const answer = answerOf(other)
  const received = await upstream.request(1)
  const struck = upstream.requests.find(({ target }) => target === '/')!
  stream.close(NGHTTP2_CANCEL)
  await struck.gone()
  await eventually(() => proxy.series('clientAborts')).toBe(1)
  upstream.requests.find(({ target }) => target === '/other')!.answer(200, 'ok')
  expect((await answer).body).toBe('ok')
  expect(received).toBeDefined()
})

test('so does one that resets without an error while its content is held back', async () => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':method': 'POST', ':path': '/' }, false)
  stream.write('x')
  const received = await upstream.request(0)
  stream.close(NGHTTP2_NO_ERROR)
  await received.gone()
  await eventually(() => proxy.series('clientAborts')).toBe(1)
})

test('an answer that breaks off upstream is reset', async () => {
  const upstream = await startUpstream((received) => {
    received.send('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')
    setImmediate(() => received.reset())
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const answer = await client.get('/')
  expect(answer).toMatchObject({ resetCode: NGHTTP2_INTERNAL_ERROR })
  expect(client.session.destroyed).toBe(false)
})

test('one of unknown length that breaks off does not look whole', async () => {
  const upstream = await startUpstream((received) => {
    received.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')
    setImmediate(() => received.reset())
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  for (const path of ['/1', '/2', '/3']) {
    expect(await client.get(path)).toMatchObject({ resetCode: NGHTTP2_INTERNAL_ERROR })
  }
})

test('nor does one that is cut off with its session', async () => {
  const upstream = await startUpstream((received) =>
    received.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'),
  )
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':path': '/' })
  let isWhole = false
  stream.on('end', () => (isWhole = true))
  await once(stream, 'data')
  for (const session of proxy.sessions) session.destroy()
  await new Promise((resolve) => stream.once('close', resolve))
  expect(stream.aborted || stream.rstCode !== 0 || !isWhole).toBe(true)
})

test('a failure of the upstream is an answer with Proxy-Status', async () => {
  const upstream = await startUpstream((received) => received.reset())
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const answer = await client.get('/', { ':method': 'POST' })
  expect(answer.status).toBe(502)
  expect(answer.fields['proxy-status']).toContain('error=connection_terminated')
  expect(answer.fields.date).toBeDefined()
})

test('to a client of gRPC it is a status of its own, in an answer that is only a head', async () => {
  const upstream = await startUpstream((received) => received.reset())
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const answer = await client.get('/', { ':method': 'POST', 'content-type': 'application/grpc' })
  expect(answer).toMatchObject({ status: 200, body: '' })
  expect(answer.fields).toMatchObject({ 'content-type': 'application/grpc', 'grpc-status': '14' })
  expect(answer.fields['grpc-message']).not.toBe('')
})

test('an answer that comes before the end of the request is whole, and the rest is refused', async () => {
  const upstream = await startUpstream((received) => {
    received.send(
      'HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nx-t: 1\r\n\r\n',
    )
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':method': 'POST', ':path': '/' }, false)
  stream.write('some')
  const answer = await answerOf(stream)
  expect(answer).toMatchObject({ status: 403, body: 'no', resetCode: NGHTTP2_NO_ERROR })
  expect({ ...answer.trailers }).toMatchObject({ 'x-t': '1' })
})

test('content that is larger than allowed is refused', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port], limits: { bodyBytes: 10 } })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':method': 'POST', ':path': '/' }, false)
  stream.write('0123456789abc')
  expect((await answerOf(stream)).status).toBe(413)
  expect(upstream.requests.filter(({ isWhole }) => isWhole)).toEqual([])
})

test('what the parser of HTTP/1.1 refuses is refused', async () => {
  const proxy = await startHttp2Proxy({ stable: [] })
  const client = await connectHttp2(proxy)
  const answer = await client.get('/a/../b')
  expect(answer.status).toBe(400)
  expect(answer.fields['proxy-status']).toContain('http_request_error')
  expect(proxy.refusals).toMatchObject([{ refused: 'request', rule: 'badTarget' }])
  expect((await client.get('/', { ':method': 'TRACE' })).status).toBe(405)
})

test('a client that does not read holds a bounded part of the answer in memory', async () => {
  const upstream = await startUpstream((received) => received.answer(200, Buffer.alloc(32 * MIB)))
  const proxy = await startHttp2Proxy({
    stable: [upstream.port],
    limits: { bufferBytes: 64 * KIB },
  })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':path': '/' })
  await once(stream, 'response')
  const { socket } = await upstream.request(0)
  let before = -1
  await eventually(() => {
    const isStill = socket.writableLength === before
    before = socket.writableLength
    return isStill && before > 0
  }).toBe(true)
  expect(socket.writableLength).toBeGreaterThan(16 * MIB)
  const answer = await answerOf(stream)
  expect(answer.body.length).toBe(32 * MIB)
})

test('a client that takes nothing of its answer is cut off', async () => {
  const upstream = await startUpstream((received) => received.answer(200, Buffer.alloc(200 * KIB)))
  const proxy = await startHttp2Proxy({ stable: [upstream.port], timeouts: { bodyStallMs: 1_000 } })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':path': '/' })
  await once(stream, 'response')
  await eventually(() => proxy.series('finished')).toBe(1)
  const closed = new Promise((resolve) => stream.once('close', resolve))
  await proxy.advance(1_100)
  await proxy.advance(1_100)
  stream.resume()
  await closed
  expect(stream.rstCode).toBe(NGHTTP2_INTERNAL_ERROR)
})

test('an upstream that does not read holds the client at its window', async () => {
  const upstream = await startUpstream(async (received) => {
    received.reader.hold()
    await eventually(() => proxy.series('requestBytes')).toBeGreaterThan(0)
  })
  const proxy = await startHttp2Proxy({
    stable: [upstream.port],
    limits: { bufferBytes: 64 * KIB },
  })
  const client = await connectHttp2(proxy)
  const stream = client.open({ ':method': 'POST', ':path': '/' }, false)
  stream.write(Buffer.alloc(64 * MIB))
  const received = await upstream.request(0)
  let before = -1
  await eventually(() => {
    const isStill = proxy.series('requestBytes') === before
    before = proxy.series('requestBytes')
    return isStill && before > 64 * KIB
  }).toBe(true)
  expect(before).toBeLessThan(32 * MIB)
  received.reader.resume()
  stream.end()
  await eventually(() => received.bodyBytes).toBe(64 * MIB)
  received.answer(200, 'ok')
  expect((await answerOf(stream)).status).toBe(200)
})

test('WebSocket over an extended CONNECT: bytes both ways until both sides have ended', async () => {
  const upstream = await startUpstream((received) => {
    const lines = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n'
    received.send(
      `HTTP/1.1 101 Switching Protocols\r\n${lines}sec-websocket-protocol: chat\r\n\r\nhello `,
    )
    received.socket.on('data', (bytes: Buffer) => received.send(bytes))
    received.socket.on('end', () => received.end())
  })
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const stream = client.open(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':path': '/chat',
      'sec-websocket-version': '13',
    },
    false,
  )
  stream.write('world')
  stream.end('!')
  const answer = await answerOf(stream)
  expect(answer).toMatchObject({ status: 200, body: 'hello world!', resetCode: 0 })
  expect(answer.fields['sec-websocket-protocol']).toBe('chat')
  expect(answer.fields).not.toHaveProperty('sec-websocket-accept')
  expect(answer.fields).not.toHaveProperty('upgrade')
  const { head, method } = await upstream.request(0)
  expect(method).toBe('GET')
  expect(valueOf(head, 'upgrade')).toBe('websocket')
})
