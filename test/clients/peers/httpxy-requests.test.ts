/**
 * What the suite of unjs/httpxy asks of a proxy for plain requests, asked of Sluice in our own words. Each test names the
 * file that it is after; what was left out, and why, stands in README.md.
 */

import { Agent } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Agent as FetchAgent, fetch } from 'undici'
import { connectClient } from '../../proxy/exchange/client.ts'
import { eventually } from '../../proxy/exchange/eventually.ts'
import { valueOf } from '../../proxy/exchange/message.ts'
import { startProxy } from '../../proxy/exchange/proxy.ts'
import { startUpstream } from '../../proxy/exchange/upstream.ts'
import { bodyOf, CA, SECURE, serve, tell } from '../servers.ts'
import { ask, serveSecure } from './ask.ts'

const MIB = 1024 * 1024

describe('http-proxy.test', () => {
  test('a request comes with its method and the Host that the client named', async () => {
    const { port } = await serve(async (request, response) => {
      response.end(JSON.stringify(await tell(request)))
    })
    const proxy = await startProxy({ stable: [port] })
    const { body } = await ask(proxy.port, { method: 'POST' })
    expect(JSON.parse(body)).toMatchObject({
      method: 'POST',
      headers: { host: `127.0.0.1:${proxy.port}`, 'x-forwarded-for': '127.0.0.1' },
    })
  })

  test('server-sent events pass', async () => {
    const { port } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(':ok\n\n')
      response.end('data: hello\n\n')
    })
    const proxy = await startProxy({ stable: [port] })
    const { body, headers } = await ask(proxy.port)
    expect([headers['content-type'], body]).toEqual(['text/event-stream', ':ok\n\ndata: hello\n\n'])
  })

  test('a stream of events that the upstream cuts is cut for the client', async () => {
    const { port } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(':ok\n\n', () => response.destroy())
    })
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    expect(await client.reader.end()).not.toBe('open')
    expect(proxy.counted()).toMatchObject({ errors: 1, codes: { 'GET 200': 1 } })
  })

  test('an upstream that is not there is a 502', async () => {
    const proxy = await startProxy({ stable: [1] })
    expect((await ask(proxy.port)).status).toBe(502)
  })

  test('an upstream that does not answer in time is a 504', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port], timeouts: { responseHeadMs: 3_000 } })
    const answer = ask(proxy.port)
    await upstream.request(0)
    await proxy.advance(4_000)
    expect((await answer).status).toBe(504)
  })

  test('HTTP/1.0 without a Host is served', async () => {
    const { port } = await serve((request, response) => {
      response.end(JSON.stringify(request.headers))
    })
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.0\r\n\r\n')
    const { status, body } = await client.answer()
    expect(status).toBe(200)
    expect(JSON.parse(body.toString())).toMatchObject({ 'x-forwarded-for': '127.0.0.1' })
  })
})

describe('middleware/web-incoming.test', () => {
  test.for(['DELETE', 'OPTIONS'])(
    '%s without a body gets no framing of its own',
    async (method) => {
      const upstream = await startUpstream()
      const proxy = await startProxy({ stable: [upstream.port] })
      const client = await connectClient(proxy.port)
      client.send(`${method} / HTTP/1.1\r\nHost: test\r\n\r\n`)
      expect((await client.answer(method)).status).toBe(200)
      const { head } = await upstream.request(0)
      expect(valueOf(head, 'transfer-encoding')).toBeUndefined()
      expect([undefined, '0']).toContain(valueOf(head, 'content-length'))
    },
  )

  test.for(['DELETE', 'OPTIONS'])('the chunked body of %s goes on chunked', async (method) => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(
      `${method} / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n`,
    )
    await client.answer(method)
    const received = await upstream.request(0)
    expect(String(await received.whole)).toBe('body')
    expect(valueOf(received.head, 'content-length')).toBeUndefined()
  })

  test('what a client says of X-Forwarded-* is not believed unless it is trusted', async () => {
    const { port } = await serve((request, response) => {
      response.end(JSON.stringify(request.headers))
    })
    const headers = { 'x-forwarded-for': '192.0.2.3', 'x-forwarded-proto': 'https' }
    const [wary, trusting] = await Promise.all([
      startProxy({ stable: [port] }),
      startProxy({ stable: [port], trustedProxies: ['127.0.0.1'] }),
    ])
    const seen = await Promise.all(
      [wary, trusting].map(async (proxy) => JSON.parse((await ask(proxy.port, { headers })).body)),
    )
    expect(seen).toMatchObject([
      { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-proto': 'http' },
      { 'x-forwarded-for': '192.0.2.3, 127.0.0.1', 'x-forwarded-proto': 'https' },
    ])
  })

  test('the body of a POST is whole, with a length and without', async () => {
    const { port } = await serve(async (request, response) => response.end(await bodyOf(request)))
    const proxy = await startProxy({ stable: [port] })
    const body = 'x'.repeat(8_192)
    for (const headers of [{ 'content-length': '8192' }, { 'transfer-encoding': 'chunked' }]) {
      expect((await ask(proxy.port, { method: 'POST', headers, body })).body).toBe(body)
    }
  })

  test('a client that waits for 100 gets it', async () => {
    const { port } = await serve(async (request, response) => response.end(await bodyOf(request)))
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send(
      'POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
    )
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(0)
    client.send('body')
    const { interim, body } = await client.answer('POST')
    expect(interim.map(({ startLine }) => startLine)).toEqual(['HTTP/1.1 100 Continue'])
    expect(body.toString()).toBe('body')
  })

  test('a client that leaves takes its request with it', async () => {
    let isGone = false
    const { port } = await serve((request) => {
      request.socket.once('close', () => {
        isGone = true
      })
    })
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await eventually(() => proxy.counted().started).toBe(1)
    client.reset()
    await eventually(() => isGone).toBe(true)
    expect(proxy.counted()).toMatchObject({ clientAborts: 1, errors: 0 })
  })

  test('a redirection is the client’s to follow', async () => {
    const { port } = await serve((_, response) => {
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    const proxy = await startProxy({ stable: [port] })
    expect(await ask(proxy.port, { method: 'POST', body: 'x' })).toMatchObject({
      status: 307,
      headers: { location: '/elsewhere' },
    })
    expect(proxy.counted().started).toBe(1)
  })
})

describe('early-response.test', () => {
  test('an upload that is answered early goes on, and the connection stays usable or is closed', async () => {
    const { port } = await serve((request, response) => {
      if (Number(request.headers['content-length']) > 65_536) {
        response.writeHead(413).end('too large')
      } else response.end('ok')
    })
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send(`POST /big HTTP/1.1\r\nHost: test\r\nContent-Length: ${8 * MIB}\r\n\r\n`)
    client.send(Buffer.alloc(8 * MIB, 'x'))
    client.send('GET /small HTTP/1.1\r\nHost: test\r\n\r\n')
    const answer = await client.answer('POST')
    expect([answer.status, answer.body.toString()]).toEqual([413, 'too large'])
    if (valueOf(answer, 'connection') === 'close') {
      expect(await client.reader.end()).not.toBe('open')
    } else expect((await client.answer()).status).toBe(200)
    expect((await ask(proxy.port, { path: '/small' })).body).toBe('ok')
  })

  test('an upstream that sends its head early still gets the whole body', async () => {
    const { port } = await serve(async (request, response) => {
      response.flushHeaders()
      response.end(String((await bodyOf(request)).length))
    })
    const proxy = await startProxy({ stable: [port] })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${4 * MIB}\r\n\r\n`)
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(0)
    client.send(Buffer.alloc(4 * MIB, 'x'))
    expect((await client.answer('POST')).body.toString()).toBe(String(4 * MIB))
  })
})

describe('request-smuggling.test', () => {
  const HIDDEN = 'GET /secret HTTP/1.1\r\nHost: test\r\n\r\n'
  const CHUNKED = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`

  test.for([
    ['DELETE', 'keep-alive'],
    ['DELETE', 'keep-alive, upgrade'],
    ['DELETE', 'Transfer-Encoding, upgrade'],
    ['OPTIONS', 'Transfer-Encoding, upgrade'],
    ['OPTIONS', 'keep-alive, upgrade'],
  ])(
    'a request in the body of %s with Connection: %s stays a body',
    async ([method, connection]) => {
      const upstream = await startUpstream()
      const proxy = await startProxy({ stable: [upstream.port] })
      const client = await connectClient(proxy.port)
      client.send(
        `${method} /poc HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: ${connection}\r\n\r\n${CHUNKED}`,
      )
      const { status } = await client.answer(method)
      // Sluice may also refuse a Connection that names what frames the message; what it may not do is split it.
      expect([200, 400]).toContain(status)
      expect(upstream.targets.every((target) => target === '/poc')).toBe(true)
      for (const received of upstream.requests) expect(String(await received.whole)).toBe(HIDDEN)
    },
  )
})

describe('http2-proxy.test and https-proxy.test', () => {
  test.for([
    ['HTTP/1.1', false],
    ['HTTP/2', true],
  ] as const)('over TLS in %s, to an upstream in cleartext and over TLS', async ([, allowH2]) => {
    const plain = await serve((_, response) => response.end('plain'))
    const secure = await serveSecure((_, response) => response.end('secure'))
    const dispatcher = new FetchAgent({ allowH2, connect: { ca: CA } })
    onTestFinished(() => dispatcher.destroy())
    for (const [place, body] of [
      [plain.port, 'plain'],
      [secure.endpoint, 'secure'],
    ] as const) {
      const proxy = await startProxy({ stable: [place], listener: SECURE })
      const answer = await fetch(`https://127.0.0.1:${proxy.port}/`, { dispatcher })
      expect([answer.status, await answer.text()]).toEqual([200, body])
    }
  })

  test('an upstream whose certificate nobody vouches for is a 502', async () => {
    const { endpoint } = await serveSecure((_, response) => response.end('secure'), { ca: null })
    const proxy = await startProxy({ stable: [endpoint] })
    const { status, headers } = await ask(proxy.port)
    expect(status).toBe(502)
    expect(headers['proxy-status']).toContain('tls_certificate_error')
  })

  test('unless it was said that this does not matter', async () => {
    const { endpoint } = await serveSecure((_, response) => response.end('secure'), {
      ca: null,
      isVerified: false,
    })
    const proxy = await startProxy({ stable: [endpoint] })
    expect((await ask(proxy.port)).body).toBe('secure')
  })
})

test('server.test: a connection that is kept serves many requests', async () => {
  const { port } = await serve((_, response) => response.end('ok'))
  const proxy = await startProxy({ stable: [port] })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  for (let i = 0; i < 20; i++) expect((await ask(proxy.port, { agent })).reusedSocket).toBe(i > 0)
  expect([proxy.thread('accepted'), proxy.thread('upstreamOpened')]).toEqual([1, 1])
})
