/** Whole exchanges whose upstream speaks HTTP/2: what a client over HTTP/1.1 sees, and what is counted. */

import { constants, type ServerHttp2Stream } from 'node:http2'
import { buffer, text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { valueOf } from '../exchange/message.ts'
import { type Setup, startProxy } from '../exchange/proxy.ts'
import {
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  RST_STREAM,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { startFrames, startHttp2 } from './servers.ts'

/** The setup with that upstream, in cleartext. */
function over(port: number, setup: Partial<Setup> = {}): Setup {
  return { stable: [{ host: '127.0.0.1', port, protocol: 'http2' }], ...setup }
}

test('requests and answers with bodies, one after the other', async () => {
  const upstream = await startHttp2(async (stream) => {
    const body = await buffer(stream)
    stream.respond({ ':status': 200, 'content-length': body.length })
    stream.end(body)
  })
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send('POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello')
  const answer = await client.answer()
  expect([answer.status, answer.body.toString()]).toEqual([200, 'hello'])
  client.send('POST /b HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n')
  client.send(`${(100_000).toString(16)}\r\n${'x'.repeat(100_000)}\r\n0\r\n\r\n`)
  expect((await client.answer()).body.length).toBe(100_000)
  expect(proxy.counted()).toMatchObject({
    codes: { 'POST 200': 2 },
    errors: 0,
    requestBytes: 100_005,
    responseBytes: 100_005,
  })
  expect(proxy.thread('upstreamOpened')).toBe(1)
})

test('what the upstream learns of the client is what it learns over HTTP/1.1', async () => {
  const seen: Record<string, unknown>[] = []
  const upstream = await startHttp2((stream, fields) => {
    seen.push({ ...fields })
    stream.respond({ ':status': 204 }, { endStream: true })
  })
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send(
    'GET /a?b HTTP/1.1\r\nHost: a.example\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: gzip\r\nCookie: a=b\r\n\r\n',
  )
  expect((await client.answer()).status).toBe(204)
  expect(seen[0]).toMatchObject({
    ':method': 'GET',
    ':path': '/a?b',
    ':authority': 'a.example',
    cookie: 'a=b',
    'x-forwarded-for': '127.0.0.1',
    'x-sluice-variant': 'stable',
  })
  for (const name of ['host', 'connection', 'x-hop', 'te']) expect(seen[0]).not.toHaveProperty(name)
})

test('100 Continue and trailers', async () => {
  const upstream = await startHttp2(async (stream, { expect: expectation }) => {
    if (expectation === '100-continue') stream.additionalHeaders({ ':status': 100 })
    const body = await text(stream)
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }))
    stream.end(body)
  })
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send(
    'PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\nConnection: TE\r\nTE: trailers\r\nExpect: 100-continue\r\n\r\n',
  )
  await eventually(() => client.reader.unread).toContain('HTTP/1.1 100')
  client.send('ok')
  await eventually(() => client.reader.unread).toContain('2\r\nok\r\n0\r\nx-sum: 9\r\n\r\n')
})

const POST = 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n'
const OPEN = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: 1 })

test.for([
  ['REFUSED_STREAM', frame(RST_STREAM, { stream: 1 }, word(constants.NGHTTP2_REFUSED_STREAM))],
  ['GOAWAY', frame(GOAWAY, { stream: 0 }, word(0) + word(0))],
] as const)('a POST that %s has left out is sent again', async ([, frames]) => {
  const upstream = await startFrames(({ type, stream }, connection) => {
    if (type !== HEADERS) return
    const isFirst = upstream.connections.flatMap(({ requests }) => requests).length === 1
    if (stream === 1) connection.send(OPEN)
    connection.send(isFirst ? frames : headers(stream, [[':status', '200']], END_STREAM))
  })
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send(POST)
  expect((await client.answer()).status).toBe(200)
  expect(proxy.counted()).toMatchObject({ finished: 1, retries: 1, errors: 0, failures: {} })
})

test('an answer that breaks off is cut for the client too', async () => {
  const upstream = await startFrames(({ type }, connection) => {
    if (type !== HEADERS) return
    connection.send(OPEN, headers(1, [[':status', '200']]), frame(0, { stream: 1 }, 'abc'))
    connection.send(frame(RST_STREAM, { stream: 1 }, word(0)))
  })
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await client.reader.end()
  expect(client.reader.unread).not.toContain('\r\n0\r\n')
  expect(proxy.counted()).toMatchObject({ errors: 1, failures: { incomplete: 1 } })
})

test('a client that leaves cancels its request and no other', async () => {
  const streams: ServerHttp2Stream[] = []
  const upstream = await startHttp2((stream) => {
    streams.push(stream)
    stream.respond({ ':status': 200 })
    stream.write('x')
  })
  const proxy = await startProxy(over(upstream.port))
  const clients = await Promise.all([1, 2].map(() => connectClient(proxy.port)))
  for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await eventually(() => streams.length).toBe(2)
  clients[0]!.socket.destroy()
  await eventually(() =>
    streams.filter(({ rstCode }) => rstCode === constants.NGHTTP2_CANCEL),
  ).toHaveLength(1)
  streams.find((stream) => !stream.destroyed)!.end('y')
  expect((await clients[1]!.answer()).body.toString()).toBe('xy')
})

test('WebSocket reaches an upstream over HTTP/2', async () => {
  const upstream = await startHttp2(
    (stream) => {
      stream.respond({ ':status': 200 })
      stream.on('data', (bytes: Buffer) => stream.write(bytes)).on('end', () => stream.end('bye'))
    },
    { settings: { enableConnectProtocol: true } },
  )
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send(
    'GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await eventually(() => client.reader.unread).toContain('\r\n\r\n')
  const head = client.reader.unread.toLowerCase()
  expect(head).toContain('http/1.1 101 ')
  expect(head).toContain('upgrade: websocket\r\n')
  expect(head).toContain('sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n')
  client.send('ping')
  await eventually(() => client.reader.unread).toMatch(/\r\n\r\nping$/)
  client.socket.end()
  await client.reader.end()
  expect(client.reader.unread).toMatch(/pingbye$/)
  expect(proxy.counted().codes).toEqual({ 'GET 101': 1 })
})

test('where no more connections may be opened a request is refused', async () => {
  const upstream = await startFrames(({ type }, connection) => {
    if (type === SETTINGS) connection.send(frame(SETTINGS, { stream: 0 }, `\0\x03${word(1)}`))
  })
  const proxy = await startProxy(over(upstream.port, { limits: { upstreamConnections: 1 } }))
  const first = await connectClient(proxy.port)
  first.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  await eventually(() => upstream.connections[0]?.frames.length ?? 0).toBeGreaterThan(1)
  const second = await connectClient(proxy.port)
  second.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  const answer = await second.answer()
  expect(answer.status).toBe(503)
  expect(valueOf(answer, 'proxy-status')).toContain('error=connection_limit_reached')
  first.socket.destroy()
})
