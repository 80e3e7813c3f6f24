/**
 * Requests that an upstream over HTTP/2 says it has not worked on (RFC 9113 section 8.7): sent again, whatever their method,
 * where nothing of a body is gone; else 502, as bodies are not kept.
 */

import { once } from 'node:events'
import {
  connect as connectHttp2,
  constants,
  type ClientHttp2Session,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  RST_STREAM,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { type Setup, startProxy } from '../exchange/proxy.ts'
import { certificate, type FrameConnection, listen, startFrames } from './servers.ts'

const OPEN = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: 1 })
const WAYS = [
  ['REFUSED_STREAM', frame(RST_STREAM, { stream: 1 }, word(constants.NGHTTP2_REFUSED_STREAM))],
  ['GOAWAY', frame(GOAWAY, { stream: 0 }, word(0) + word(0))],
] as const

const POST = 'POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n'

/** Answers every request but the first, which it leaves out by those frames as soon as one of that type has come. */
async function startRefusing(frames: string, type: number) {
  const upstream = await startFrames((one, connection) => {
    const isFirst = connection === upstream.connections[0] && one.stream === 1
    if (one.type === HEADERS && one.stream === 1) connection.send(OPEN)
    if (isFirst && one.type === type) connection.send(frames)
    const isRequest = one.type === HEADERS || one.type === DATA
    if (!isFirst && isRequest && (one.flags & END_STREAM) !== 0) {
      connection.send(headers(one.stream, [[':status', '200']], END_STREAM))
    }
  })
  return upstream
}

function bodyOf({ connections }: { readonly connections: readonly FrameConnection[] }): string {
  const frames = connections.flatMap((connection) => connection.frames)
  return frames
    .filter(({ type }) => type === DATA)
    .map(({ payload }) => payload.toString())
    .join('')
}

function over(port: number): Setup {
  return { stable: [{ host: '127.0.0.1', port, protocol: 'http2' }] }
}

test.for(WAYS)(
  'a POST that %s leaves out before its body has come is sent again',
  async ([, way]) => {
    const upstream = await startRefusing(way, HEADERS)
    const proxy = await startProxy(over(upstream.port))
    const client = await connectClient(proxy.port)
    client.send(POST)
    await eventually(() => proxy.counted().retries).toBe(1)
    client.send('hello')
    expect((await client.answer()).status).toBe(200)
    expect(bodyOf(upstream)).toBe('hello')
    expect(proxy.counted()).toMatchObject({ finished: 1, requestBytes: 5, errors: 0, failures: {} })
  },
)

test.for(WAYS)('a POST that %s leaves out when its body has begun is a 502', async ([, way]) => {
  const upstream = await startRefusing(way, DATA)
  const proxy = await startProxy(over(upstream.port))
  const client = await connectClient(proxy.port)
  client.send(`${POST}hel`)
  expect((await client.answer()).status).toBe(502)
  expect(upstream.connections.flatMap(({ requests }) => requests)).toHaveLength(1)
  expect(proxy.counted()).toMatchObject({ finished: 1, retries: 0, failures: { reset: 1 } })
})

describe('a body over HTTP/2 that comes while the next connection is being made', () => {
  test.for([{}, { 'content-length': 5 }])('arrives whole (%j)', async (fields) => {
    const { upstream, gate, proxy, stream } = await startBetween(fields)
    gate.open()
    const [answer] = await once(stream, 'response')
    expect(answer).toMatchObject({ ':status': 200 })
    expect(bodyOf(upstream)).toBe('hello')
    expect(proxy.counted()).toMatchObject({ retries: 1, requestBytes: 5, errors: 0 })
  })

  test('holds up nothing where none can be made', async () => {
    const { upstream, proxy, stream } = await startBetween({})
    const closed = once(stream.resume(), 'close')
    await proxy.advance(11_000)
    const [answer] = await once(stream, 'response')
    expect(answer).toMatchObject({ ':status': 504 })
    await closed
    expect(bodyOf(upstream)).toBe('')
    expect(proxy.counted()).toMatchObject({ finished: 1, failures: { connectTimeout: 1 } })
  })
})

/** A client has sent all of a request that the upstream has left out before its body came. */
async function startBetween(fields: OutgoingHttpHeaders) {
  const upstream = await startRefusing(WAYS[1][1], HEADERS)
  const gate = await startGate(upstream.port)
  const tls = { ca: null, identity: null, serverName: null, isVerified: false }
  const proxy = await startProxy({
    stable: [{ host: '127.0.0.1', port: gate.port, protocol: 'http2', tls }],
    listener: { protocols: { http1: false, http2: true } },
  })
  const session = connectHttp2(`http://127.0.0.1:${proxy.port}`)
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':method': 'POST', ':path': '/', ...fields })
  await eventually(() => gate.connectionCount).toBe(2)
  stream.end('hello')
  await roundTrip(session)
  return { upstream, gate, proxy, stream }
}

/** Takes TLS off the first connection at once, and off the others when it is open: until then nobody has connected. */
async function startGate(port: number) {
  const tls = { cert: certificate('a.example.cert.pem'), key: certificate('a.example.key.pem') }
  const { promise, resolve } = Promise.withResolvers<void>()
  const gate = { connectionCount: 0, port: 0, open: resolve }
  const secure = createTlsServer({ ...tls, ALPNProtocols: ['h2'] }, (near) => {
    const far = connect(port, '127.0.0.1').on('error', () => near.destroy())
    near.on('error', () => far.destroy())
    near.pipe(far).pipe(near)
  })
  const server = createServer(async (socket) => {
    if (++gate.connectionCount > 1) await promise
    secure.emit('connection', socket)
  })
  gate.port = await listen(server)
  return gate
}

/** Resolves when what was sent is read. */
async function roundTrip(session: ClientHttp2Session): Promise<void> {
  for (let trip = 0; trip < 3; trip++) {
    await new Promise((resolve) => {
      session.ping(resolve)
    })
  }
}
