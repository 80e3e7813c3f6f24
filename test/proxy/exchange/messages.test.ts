/** Messages without a body, interim answers, expectations, and what becomes of the connection after each. */

import { describe, expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { valueOf, valuesOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

describe('answers without a body', () => {
  test.for([
    ['a HEAD with a length', 'HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n', '1000'],
    ['a HEAD with chunks', 'HEAD', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', null],
    ['a HEAD without a word', 'HEAD', 'HTTP/1.1 200 OK\r\n\r\n', null],
    ['a 204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', null],
    ['a 304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n', '9'],
    ['a 304', 'GET', 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n', null],
  ] as const)('%s ends with its head, and both connections go on', async (row) => {
    const [, method, raw, length] = row
    const upstream = await startUpstream((received) =>
      received.target === '/next' ? received.answer(200, 'next') : received.send(raw),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`${method} / HTTP/1.1\r\nHost: test\r\n\r\n`)
    const answer = await client.answer(method)
    expect(answer.startLine).toBe(raw.split('\r\n')[0])
    expect(valueOf(answer, 'content-length')).toBe(length ?? undefined)
    expect(valueOf(answer, 'transfer-encoding')).toBeUndefined()
    expect((await client.get('/next')).body.toString()).toBe('next')
    expect(upstream.connectionCount).toBe(1)
  })
})

describe('interim answers', () => {
  const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nkeep-alive: x\r\n\r\n'

  test('103 is passed on before the final answer', async () => {
    const upstream = await startUpstream((received) => {
      received.send(EARLY_HINTS + EARLY_HINTS)
      received.answer(200, 'ok')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    const answer = await client.get('/')
    expect(answer.body.toString()).toBe('ok')
    expect(answer.interim.map((head) => head.startLine)).toEqual(
      Array(2).fill('HTTP/1.1 103 Early Hints'),
    )
    expect(valueOf(answer.interim[0]!, 'link')).toBe('</a.css>')
    expect(valueOf(answer.interim[0]!, 'keep-alive')).toBeUndefined()
    expect(proxy.counted().codes).toEqual({ 'GET 200': 1 })
  })

  test('an HTTP/1.0 client gets none', async () => {
    const upstream = await startUpstream((received) => {
      received.send(EARLY_HINTS)
      received.answer(200, 'ok')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.0\r\n\r\n')
    expect(await client.answer()).toMatchObject({ status: 200, interim: [] })
  })
})

describe('Expect: 100-continue', () => {
  const HEAD = 'POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n'

  test("the upstream's 100 is passed on, and then the body", async () => {
    const upstream = await startUpstream(async (received) => {
      received.send('HTTP/1.1 100 Continue\r\n\r\n')
      received.answer(200, await received.whole)
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(HEAD)
    expect(valueOf((await upstream.request(0)).head, 'expect')).toBe('100-continue')
    await eventually(() => client.reader.unread).toMatch(/^HTTP\/1\.1 100 Continue\r\n/)
    client.send('hello')
    const answer = await client.answer()
    expect(answer.body.toString()).toBe('hello')
    expect(answer.interim).toHaveLength(1)
    expect(valueOf(answer, 'connection')).toBeUndefined()
  })

  test('without one nothing is made up, and a client that goes on is served', async () => {
    const upstream = await startUpstream(async (received) =>
      received.answer(200, await received.whole),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(HEAD)
    await upstream.request(0)
    await proxy.sweeps(1)
    expect(client.reader.unread).toBe('')
    client.send('hello')
    expect(await client.answer()).toMatchObject({ status: 200, interim: [] })
    expect((await client.get('/next')).status).toBe(200)
  })

  test('a final answer instead of 100 is passed on, and neither connection is used again', async () => {
    const upstream = await startUpstream((received) => received.answer(401, 'who?'))
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(HEAD)
    const answer = await client.answer()
    expect(answer).toMatchObject({ status: 401, interim: [] })
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    await eventually(() => upstream.openCount).toBe(0)
  })

  test('an upstream that says nothing at all is late, not the client that waits for its word', async () => {
    const upstream = await startUpstream(() => undefined)
    const timeouts = { bodyStallMs: 30_000, responseHeadMs: 60_000 }
    const proxy = await startProxy({ stable: [upstream.port], timeouts })
    const client = await connectClient(proxy.port)
    client.send(HEAD)
    await upstream.request(0)
    await proxy.advance(50_000)
    expect(proxy.counted().finished).toBe(0)
    await proxy.advance(11_000)
    expect((await client.answer()).status).toBe(504)
    expect(proxy.counted()).toMatchObject({ errors: 1, failures: { responseTimeout: 1 } })
  })

  test('after the 100 it is the client that is late', async () => {
    const upstream = await startUpstream((received) =>
      received.send('HTTP/1.1 100 Continue\r\n\r\n'),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(HEAD)
    await eventually(() => client.reader.unread).toMatch(/^HTTP\/1\.1 100 Continue\r\n/)
    await proxy.advance(31_000)
    expect((await client.answer()).status).toBe(408)
    expect(proxy.counted()).toMatchObject({ errors: 0, failures: {} })
  })

  test('any other expectation is a 417 that no upstream hears of', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nExpect: cake\r\nContent-Length: 5\r\n\r\n')
    const answer = await client.answer()
    expect(answer.status).toBe(417)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    expect(upstream.requests).toEqual([])
    expect(proxy.localCount(417)).toBe(1)
  })
})

describe('the connection after an answer', () => {
  test.for([
    ['HTTP/1.1', '', true, undefined],
    ['HTTP/1.1', 'Connection: keep-alive\r\n', true, undefined],
    ['HTTP/1.1', 'Connection: close\r\n', false, 'close'],
    ['HTTP/1.1', 'Connection: foo, CLOSE\r\n', false, 'close'],
    ['HTTP/1.0', '', false, 'close'],
    ['HTTP/1.0', 'Connection: keep-alive\r\n', true, 'keep-alive'],
    ['HTTP/1.0', 'Connection: close\r\n', false, 'close'],
  ] as const)('%s with "%s" persists: %s', async ([version, line, isPersistent, connection]) => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`GET /1 ${version}\r\nHost: test\r\n${line}\r\n`)
    const answer = await client.answer()
    expect(answer.body.toString()).toBe('ok')
    expect(valueOf(answer, 'connection')).toBe(connection)
    if (isPersistent) expect((await client.get('/2')).status).toBe(200)
    else expect(await client.reader.end()).toBe('ended')
    expect(upstream.connectionCount).toBe(1)
  })

  test('an upstream that closes does not close the client', async () => {
    const upstream = await startUpstream((received) => {
      received.answer(200, received.target, 'connection: close\r\n')
      received.end()
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    for (const target of ['/1', '/2', '/3']) {
      const answer = await client.get(target)
      expect(answer.body.toString()).toBe(target)
      expect(valueOf(answer, 'connection')).toBeUndefined()
    }
    expect(upstream.connectionCount).toBe(3)
  })

  test('an HTTP/1.0 answer is passed on as HTTP/1.1, and its connection is not used again', async () => {
    const upstream = await startUpstream((received) => {
      received.send('HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    expect((await client.get('/1')).startLine).toBe('HTTP/1.1 200 OK')
    expect((await client.get('/2')).body.toString()).toBe('ok')
    expect(upstream.connectionCount).toBe(2)
  })

  test('a POST with Content-Length: 0 is whole at once, and its connections go on', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    for (let i = 0; i < 3; i++) {
      client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
      expect((await client.answer()).status).toBe(200)
      expect(valuesOf(upstream.requests[i]!.head, 'content-length')).toEqual(['0'])
    }
    expect(upstream.connectionCount).toBe(1)
    expect(proxy.thread('accepted')).toBe(1)
  })
})
