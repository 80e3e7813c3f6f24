/**
 * What the suite of fastify/fastify-reply-from asks of a proxy in HTTP/1.1, asked of Sluice in our own words. Each test
 * names the file that it is after; what was left out, and why, stands in README.md.
 */

import { Agent } from 'node:http'
import { connect } from 'node:http2'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectClient } from '../../proxy/exchange/client.ts'
import { eventually } from '../../proxy/exchange/eventually.ts'
import { valueOf } from '../../proxy/exchange/message.ts'
import { startProxy } from '../../proxy/exchange/proxy.ts'
import { startUpstream } from '../../proxy/exchange/upstream.ts'
import { PRIOR_KNOWLEDGE, serve, tell, type Told } from '../servers.ts'
import { ask, type Question } from './ask.ts'

/** Asks through Sluice; resolves with what the upstream was told. */
async function tellThrough(question: Question): Promise<Told> {
  const { port } = await serve(async (request, response) => {
    response.end(JSON.stringify(await tell(request)))
  })
  const proxy = await startProxy({ stable: [port] })
  return JSON.parse((await ask(proxy.port, question)).body) as Told
}

describe('strip-connection-headers.test: of a request', () => {
  test.for([
    ['x-custom', ['x-custom']],
    ['x-one, x-two', ['x-one', 'x-two']],
    ['keep-alive, X-Custom', ['x-custom']],
  ] as const)(
    'Connection: %s takes away what it names, and nothing else',
    async ([value, names]) => {
      const named = Object.fromEntries(names.map((name) => [name, 'x']))
      const { headers } = await tellThrough({
        headers: { ...named, 'x-kept': 'y', connection: value },
      })
      for (const name of names) expect(headers).not.toHaveProperty([name])
      expect(headers).toHaveProperty(['x-kept'], 'y')
    },
  )

  test.for(['x-forwarded-for', 'x-sluice-variant', 'via'])(
    'Connection: %s does not take away what Sluice adds',
    async (name) => {
      const { headers } = await tellThrough({ headers: { connection: name } })
      expect(headers).toHaveProperty([name])
    },
  )
})

test('strip-connection-headers-response.test: of an answer', async () => {
  const { port } = await serve((_, response) => {
    response.writeHead(200, {
      'keep-alive': 'timeout=5, max=1000',
      'proxy-connection': 'keep-alive',
      connection: 'keep-alive, x-hop-secret',
      'x-hop-secret': 'leaked',
      'x-kept': 'yes',
    })
    response.end('ok')
  })
  const proxy = await startProxy({ stable: [port] })
  const { headers, body } = await ask(proxy.port)
  expect(body).toBe('ok')
  expect(headers['keep-alive']).not.toBe('timeout=5, max=1000')
  expect(headers).not.toHaveProperty(['x-hop-secret'])
  expect(headers).not.toHaveProperty(['proxy-connection'])
  expect(headers['x-kept']).toBe('yes')
})

test('fix-GHSA-2q7r-29rg-6m5h.test: an encoded dot segment is a 400', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  expect((await ask(proxy.port, { path: '/ho/%2E%2E/hi' })).status).toBe(400)
  expect(upstream.requests).toEqual([])
})

test('fix-GHSA-v2v2-hph8-q5xp.test: a body is nobody’s to read, whatever its type says', async () => {
  const body = String.raw`"{\"method\":\"invalid_method\"}"`
  const headers = { 'content-type': 'application/json ; charset=utf-8' }
  expect(await tellThrough({ method: 'POST', headers, body })).toMatchObject({ body, headers })
})

test('padded-body.test: a body keeps its white space and its length', async () => {
  const body = '{\n  "hello": "world"\n}'
  const headers = { 'content-type': 'application/json', 'content-length': String(body.length) }
  expect(await tellThrough({ method: 'POST', headers, body })).toMatchObject({ body, headers })
})

test('text-event-stream-custom-parser.test: events may be posted', async () => {
  const body = 'data: test message\nevent: custom\ndata: another line\n\n'
  const headers = { 'content-type': 'text/event-stream' }
  expect(await tellThrough({ method: 'POST', headers, body })).toMatchObject({ body, headers })
})

describe('incomplete-request.test', () => {
  test('an answer before the request is whole closes the connection, and says so', async () => {
    const upstream = await startUpstream((request) => request.answer(200, 'early'))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1048576\r\n\r\na')
    const answer = await client.answer('POST')
    expect([answer.status, answer.body.toString()]).toEqual([200, 'early'])
    await proxy.advance(60_000)
    expect(await client.reader.end()).not.toBe('open')
  })

  test('after a whole request the connection is used again', async () => {
    const { port } = await serve(async (request, response) => {
      await tell(request)
      response.end('complete')
    })
    const proxy = await startProxy({ stable: [port] })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    const first = await ask(proxy.port, { method: 'POST', body: 'first', agent })
    const second = await ask(proxy.port, { method: 'POST', body: 'second', agent })
    expect(first.headers.connection).not.toBe('close')
    expect([second.reusedSocket, second.body]).toEqual([true, 'complete'])
  })
})

describe('on-invalid-upstream-response.test and http-invalid-target.test', () => {
  test.for([
    'HTTP/1.1 888 What\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 OK\r\n\r\n',
    'garbage\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
  ])('%j is a 502', async (text) => {
    const upstream = await startUpstream((request) => request.send(text))
    const proxy = await startProxy({ stable: [upstream.port] })
    const { status, headers } = await ask(proxy.port)
    expect(status).toBe(502)
    expect(headers['proxy-status']).toMatch(/error=http_(?:response|protocol)/)
  })
})

describe('http1-aborted-request.test and http1-aborted-request-fix-428.test', () => {
  test('what comes after the client has left goes nowhere', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    const received = await upstream.request(0)
    client.reset()
    expect(await received.gone()).not.toBe('open')
    expect(proxy.counted()).toMatchObject({ clientAborts: 1, codes: {} })
  })

  test('of many requests half are given up, and the others answered', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const clients = await Promise.all(Array.from({ length: 10 }, () => connectClient(proxy.port)))
    for (const [i, client] of clients.entries())
      client.send(`GET /${i} HTTP/1.1\r\nHost: t\r\n\r\n`)
    await eventually(() => upstream.requests.length).toBe(10)
    for (const client of clients.filter((_, i) => i % 2 === 0)) client.reset()
    await eventually(() => proxy.counted().clientAborts).toBe(5)
    for (const request of upstream.requests) request.answer(200, request.target)
    const kept = clients.filter((_, i) => i % 2 === 1)
    const bodies = await Promise.all(
      kept.map(async (client) => String((await client.answer()).body)),
    )
    expect(bodies).toEqual(['/1', '/3', '/5', '/7', '/9'])
  })
})

describe('http-retry.test, retry-on-503.test and retry-on-500.test', () => {
  test('a connection that was kept and is dead is tried once more', async () => {
    const upstream = await startUpstream((request) => {
      if (request.connection === 0 && upstream.requests.length > 1) request.reset()
      else request.answer(200, 'ok')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    expect((await ask(proxy.port)).status).toBe(200)
    expect((await ask(proxy.port)).status).toBe(200)
    expect(proxy.counted()).toMatchObject({ retries: 1, errors: 0 })
  })

  test('a POST is not', async () => {
    const upstream = await startUpstream((request) => {
      if (request.method === 'POST') request.reset()
      else request.answer(200, 'ok')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    expect((await ask(proxy.port)).status).toBe(200)
    expect((await ask(proxy.port, { method: 'POST', body: 'x' })).status).toBe(502)
    expect(upstream.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
  })

  test.for([500, 503])('%i is an answer, and not tried again', async (status) => {
    const upstream = await startUpstream((request) =>
      request.answer(status, 'unavailable', 'Retry-After: 1\r\n'),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const answer = await ask(proxy.port)
    expect([answer.status, answer.body, answer.headers['retry-after']]).toEqual([
      status,
      'unavailable',
      '1',
    ])
    expect(upstream.requests).toHaveLength(1)
  })
})

describe('undici-timeout.test, http-timeout.test and undici-timeout-body.test', () => {
  test('no head in time is a 504', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port], timeouts: { responseHeadMs: 1_000 } })
    const answer = ask(proxy.port)
    await upstream.request(0)
    await proxy.advance(2_000)
    const { status, headers } = await answer
    expect(status).toBe(504)
    expect(headers['proxy-status']).toContain('http_response_timeout')
  })

  test('a body that stops is cut, and not made whole', async () => {
    const upstream = await startUpstream((request) =>
      request.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    )
    const proxy = await startProxy({ stable: [upstream.port], timeouts: { bodyStallMs: 1_000 } })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    await eventually(() => client.reader.receivedBytes).toBeGreaterThan(0)
    await proxy.advance(3_000)
    await expect(client.answer()).rejects.toThrow(/in the middle of/)
    expect(proxy.counted().errors).toBe(1)
  })
})

describe('full-*.test', () => {
  test('full-querystring.test: a query passes as it is', async () => {
    const path = '/a?q=a%20b+c&q=%E2%82%AC&empty=&x[]=1;2&last'
    expect((await tellThrough({ path })).url).toBe(path)
  })

  test.for(['POST', 'PUT', 'PATCH', 'DELETE'])(
    'full-post.test, method.test: %s with a body',
    async (method) => {
      const body = JSON.stringify({ hello: 'world' })
      // By itself node:http frames no body of DELETE.
      const length = String(body.length)
      const headers = { 'content-type': 'application/json', 'content-length': length }
      expect(await tellThrough({ method, headers, body })).toMatchObject({ method, body, headers })
    },
  )

  test('full-delete-http2.test: DELETE without a body', async () => {
    const told = await tellThrough({ method: 'DELETE' })
    expect(told).toMatchObject({ method: 'DELETE', bytes: 0 })
    expect(told.headers).not.toHaveProperty(['content-type'])
  })

  test('get-with-body.test: GET with a body', async () => {
    const body = 'this is a body of GET'
    expect(
      await tellThrough({ headers: { 'content-length': String(body.length) }, body }),
    ).toMatchObject({ method: 'GET', body })
  })

  test('head-with-body.test: an answer to HEAD keeps its fields and has no body', async () => {
    const { port } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '7', 'x-kept': 'yes' }).end()
    })
    const proxy = await startProxy({ stable: [port] })
    expect(await ask(proxy.port, { method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '7', 'x-kept': 'yes' },
    })
  })

  test('host-header.test: Host is the client’s', async () => {
    const { headers } = await tellThrough({ headers: { host: 'shop.example:8080' } })
    expect(headers).toMatchObject({
      host: 'shop.example:8080',
      'x-forwarded-host': 'shop.example:8080',
    })
  })
})

describe('trailers-*.test', () => {
  test('trailers of the upstream reach a client that takes them', async () => {
    const upstream = await startUpstream((request) =>
      request.send(
        'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n',
      ),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const { body, trailers } = await ask(proxy.port, { headers: { te: 'trailers' } })
    expect([body, trailers['x-sum']]).toEqual(['hello', 'abc'])
  })

  test('a trailer that would route a message is left out', async () => {
    const upstream = await startUpstream((request) =>
      request.send(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nHost: evil\r\nX-Sum: abc\r\n\r\n',
      ),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    const { trailers } = await client.get('/', 'TE: trailers\r\nConnection: TE\r\n')
    expect(trailers).toEqual([['x-sum', 'abc']])
  })

  test('one that would frame it makes the answer malformed', async () => {
    const upstream = await startUpstream((request) =>
      request.send(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n',
      ),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    await expect(client.get('/', 'TE: trailers\r\n')).rejects.toThrow(/in the middle of/)
    expect(proxy.counted().errors).toBe(1)
  })
})

test('http2-http.test: HTTP/2 from the client, HTTP/1.1 to the upstream, without hop-by-hop fields', async () => {
  const upstream = await startUpstream((request) =>
    request.answer(200, 'ok', 'Connection: X-Hop\r\nX-Hop: x\r\nKeep-Alive: timeout=5\r\n'),
  )
  const proxy = await startProxy({ stable: [upstream.port], listener: PRIOR_KNOWLEDGE })
  const session = connect(`http://127.0.0.1:${proxy.port}`)
  onTestFinished(() => session.destroy())
  const answer = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const stream = session.request({ ':path': '/', te: 'trailers' })
    stream.on('response', resolve).on('error', reject).resume()
  })
  expect(answer[':status']).toBe(200)
  for (const name of ['connection', 'x-hop', 'keep-alive', 'transfer-encoding']) {
    expect(answer).not.toHaveProperty([name])
  }
  const { head } = await upstream.request(0)
  expect(head.startLine).toBe('GET / HTTP/1.1')
  expect(valueOf(head, 'host')).toBe(`127.0.0.1:${proxy.port}`)
})
