/**
 * What the suite of fastify/fastify-reply-from asks of a proxy with an upstream in HTTP/2, asked of Sluice in our own
 * words. Each test names the file that it is after; what was left out, and why, stands in README.md.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
} from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../../proxy/exchange/proxy.ts'
import {
  bodyOf,
  CA,
  http2Endpoint,
  type Http2Listener,
  PRIOR_KNOWLEDGE,
  SECURE,
  serveHttp2,
} from '../servers.ts'
import { ask } from './ask.ts'

const CANCEL = 8

function dial(proxy: Proxy, scheme = 'http'): ClientHttp2Session {
  const session = connect(`${scheme}://127.0.0.1:${proxy.port}`, { ca: CA })
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  return session
}

async function answerOf(
  stream: ClientHttp2Stream,
): Promise<{ headers: IncomingHttpHeaders & { ':status'?: number }; body: string }> {
  const headers = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    stream.on('response', resolve).on('error', reject)
  })
  return { headers: await headers, body: String(await bodyOf(stream)) }
}

const answerOk: Http2Listener = (stream) => {
  stream.respond({ ':status': 200 })
  stream.end('ok')
}

async function startBoth(listener: Http2Listener) {
  const upstream = await serveHttp2(listener)
  const proxy = await startProxy({ stable: [upstream.endpoint], listener: PRIOR_KNOWLEDGE })
  return { upstream, proxy }
}

describe('http2-http2.test, http-http2.test and http2-https.test', () => {
  test('HTTP/1.1 from the client', async () => {
    const { endpoint } = await serveHttp2((stream, headers) => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'] })
      stream.end('hello')
    })
    const proxy = await startProxy({ stable: [endpoint] })
    expect(await ask(proxy.port, { path: '/a?b' })).toMatchObject({
      status: 200,
      body: 'hello',
      headers: { 'x-path': '/a?b' },
    })
  })

  test('HTTP/2 from the client, in cleartext and over TLS', async () => {
    const { endpoint } = await serveHttp2(answerOk)
    for (const [listener, scheme] of [
      [PRIOR_KNOWLEDGE, 'http'],
      [SECURE, 'https'],
    ] as const) {
      const proxy = await startProxy({ stable: [endpoint], listener })
      const { headers, body } = await answerOf(dial(proxy, scheme).request({ ':path': '/' }))
      expect([headers[':status'], body]).toEqual([200, 'ok'])
    }
  })

  test('full-post-http2.test: a body goes there and back', async () => {
    const { proxy } = await startBoth((stream) => {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    })
    const stream = dial(proxy).request({ ':method': 'POST', ':path': '/' })
    const body = 'x'.repeat(2_000_000)
    stream.end(body)
    expect((await answerOf(stream)).body).toBe(body)
  })

  test('full-delete-http2.test: DELETE without a body', async () => {
    const { proxy } = await startBoth((stream, headers) => {
      stream.respond({ ':status': 200, 'x-method': headers[':method'] })
      stream.end()
    })
    const { headers } = await answerOf(dial(proxy).request({ ':method': 'DELETE', ':path': '/' }))
    expect(headers['x-method']).toBe('DELETE')
  })

  test('a body that is empty, and ends right after its head, ends for the upstream too', async () => {
    const { proxy } = await startBoth((stream) => {
      stream.resume().on('end', () => {
        if (stream.destroyed) return
        stream.respond({ ':status': 200 })
        stream.end('ok')
      })
    })
    const stream = dial(proxy).request({ ':method': 'POST', ':path': '/' }, { endStream: false })
    stream.end()
    expect((await answerOf(stream)).body).toBe('ok')
  })
})

describe('http2-goaway.test', () => {
  test('a session that the upstream ends is followed by another', async () => {
    const { proxy, upstream } = await startBoth(answerOk)
    const session = dial(proxy)
    for (let round = 1; round <= 3; round++) {
      const { headers } = await answerOf(session.request({ ':path': '/' }))
      expect(headers[':status']).toBe(200)
      for (const open of upstream.sessions) open.goaway(0)
      await eventually(() => proxy.thread('upstreamClosed')).toBe(round)
    }
    expect(proxy.counted()).toMatchObject({ errors: 0, codes: { 'GET 200': 3 } })
  })

  test('what is under way when the upstream says so is answered', async () => {
    const { proxy } = await startBoth((stream, headers) => {
      stream.respond({ ':status': 200 })
      stream.write('first ')
      if (headers[':path'] !== '/slow') return void stream.end('quick')
      stream.session!.goaway(0)
      return void setImmediate(() => stream.end('second'))
    })
    const session = dial(proxy)
    expect((await answerOf(session.request({ ':path': '/slow' }))).body).toBe('first second')
    expect((await answerOf(session.request({ ':path': '/' }))).body).toBe('first quick')
  })
})

describe('http2-canceled-streams-cleanup.test', () => {
  test('what the client cancels is cancelled upstream, and its place is free again', async () => {
    const closed: number[] = []
    const { proxy, upstream } = await startBoth((stream) => {
      stream.on('close', () => closed.push(stream.rstCode))
      stream.respond({ ':status': 200 })
      stream.write('0\n')
    })
    upstream.server.on('session', (session: ServerHttp2Session) =>
      session.settings({ maxConcurrentStreams: 10 }),
    )
    const session = dial(proxy)
    for (let round = 0; round < 40; round++) {
      const stream = session.request({ ':path': '/' })
      stream.on('error', () => undefined)
      await new Promise((resolve) => {
        stream.on('data', resolve)
      })
      stream.close(CANCEL)
      await eventually(() => closed.length).toBe(round + 1)
    }
    expect(closed.every((code) => code === CANCEL)).toBe(true)
    await eventually(() => proxy.counted().clientAborts).toBe(40)
    expect(proxy.thread('upstreamOpened')).toBe(1)
  })

  test('also before there is an answer', async () => {
    let openCount = 0
    const { proxy } = await startBoth((stream) => {
      openCount++
      stream.on('close', () => openCount--)
    })
    const session = dial(proxy)
    const streams = Array.from({ length: 20 }, () => session.request({ ':path': '/' }))
    for (const stream of streams) stream.on('error', () => undefined)
    await eventually(() => openCount).toBe(20)
    for (const stream of streams) stream.close(CANCEL)
    await eventually(() => openCount).toBe(0)
    await eventually(() => proxy.counted().clientAborts).toBe(20)
  })
})

describe('http2-te-header-*.test', () => {
  test('TE: trailers goes on, and no other TE', async () => {
    const { proxy } = await startBoth((stream, headers) => {
      stream.respond({ ':status': 200, 'x-te': headers['te'] ?? 'none' })
      stream.end()
    })
    const { headers } = await answerOf(dial(proxy).request({ ':path': '/', te: 'trailers' }))
    expect(headers['x-te']).toBe('trailers')
    const { endpoint } = await serveHttp2((stream, asked) => {
      stream.respond({ ':status': 200, 'x-te': asked['te'] ?? 'none' })
      stream.end()
    })
    const plain = await startProxy({ stable: [endpoint] })
    const answer = await ask(plain.port, { headers: { te: 'gzip', connection: 'te' } })
    expect(answer.headers['x-te']).toBe('none')
  })
})

describe('http2-timeout.test, http2-target-crash.test and http2-invalid-target.test', () => {
  test('an upstream that is silent is a 504, and the session lives on for others', async () => {
    const upstream = await serveHttp2((stream, headers) => {
      if (headers[':path'] !== '/silent') answerOk(stream, headers)
    })
    const proxy = await startProxy({
      stable: [upstream.endpoint],
      listener: PRIOR_KNOWLEDGE,
      timeouts: { responseHeadMs: 1_000 },
    })
    const session = dial(proxy)
    const silent = answerOf(session.request({ ':path': '/silent' }))
    await eventually(() => proxy.counted().started).toBe(1)
    await proxy.advance(2_000)
    expect((await silent).headers[':status']).toBe(504)
    expect((await answerOf(session.request({ ':path': '/' }))).body).toBe('ok')
  })

  test('an upstream that crashes is a 502, and found again when it is back', async () => {
    const { proxy, upstream } = await startBoth((stream, headers) => {
      if (headers[':path'] === '/crash') stream.session!.destroy()
      else answerOk(stream, headers)
    })
    const session = dial(proxy)
    const crashed = session.request({ ':method': 'POST', ':path': '/crash' })
    crashed.end('body')
    expect((await answerOf(crashed)).headers[':status']).toBe(502)
    expect((await answerOf(session.request({ ':path': '/' }))).body).toBe('ok')
    expect(upstream.sessions.size).toBe(1)
  })

  test('an upstream that is not there is a 502 for many at once', async () => {
    const proxy = await startProxy({ stable: [http2Endpoint(1)], listener: PRIOR_KNOWLEDGE })
    const session = dial(proxy)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => answerOf(session.request({ ':path': '/' }))),
    )
    expect(answers.map(({ headers }) => headers[':status'])).toEqual(answers.map(() => 502))
  })
})

test('trailers-*.test: trailers pass from HTTP/2 to HTTP/2 and to HTTP/1.1', async () => {
  const { endpoint } = await serveHttp2((stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }))
    stream.end('hello')
  })
  const proxy = await startProxy({ stable: [endpoint], listener: PRIOR_KNOWLEDGE })
  const stream = dial(proxy).request({ ':path': '/', te: 'trailers' })
  let trailers: IncomingHttpHeaders = {}
  stream.on('trailers', (fields: IncomingHttpHeaders) => {
    trailers = fields
  })
  expect((await answerOf(stream)).body).toBe('hello')
  expect(trailers['x-sum']).toBe('abc')

  const plain = await startProxy({ stable: [endpoint] })
  const answer = await ask(plain.port, { headers: { te: 'trailers', connection: 'te' } })
  expect([answer.body, answer.trailers['x-sum']]).toEqual(['hello', 'abc'])
})
