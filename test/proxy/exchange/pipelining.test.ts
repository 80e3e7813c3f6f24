/** Requests that a client sends before their predecessors are answered. */

import { expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { type Setup, startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

test('pipelined requests are answered in order, one at a time', async () => {
  let activeCount = 0
  let mostActive = 0
  const upstream = await startUpstream(async (received) => {
    mostActive = Math.max(mostActive, ++activeCount)
    const body = await received.whole
    await new Promise((resolve) => void setTimeout(resolve, 5 - received.connection))
    activeCount--
    received.answer(200, `${received.target} ${body.toString()}`)
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  const chunkedBody = 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  client.send(
    'GET /1 HTTP/1.1\r\nHost: test\r\n\r\n' +
      `POST /2 HTTP/1.1\r\nHost: test\r\n${chunkedBody}` +
      'POST /3 HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nde' +
      'GET /missing#fragment HTTP/1.1\r\nHost: test\r\n\r\n' +
      'GET /never HTTP/1.1\r\nHost: test\r\n\r\n',
  )
  expect((await client.answer()).body.toString()).toBe('/1 ')
  expect((await client.answer()).body.toString()).toBe('/2 abc')
  expect((await client.answer()).body.toString()).toBe('/3 de')
  expect((await client.answer()).status).toBe(400)
  expect(await client.reader.end()).toBe('ended')
  expect(client.reader.unread).toBe('')
  expect(upstream.targets).toEqual(['/1', '/2', '/3'])
  expect(mostActive).toBe(1)
})

test('what follows a request that closes the connection is not read', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(
    'GET /1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n',
  )
  expect((await client.answer()).status).toBe(200)
  expect(await client.reader.end()).toBe('ended')
  expect(client.reader.unread).toBe('')
  expect(upstream.targets).toEqual(['/1'])
})

test('a flood of 5000 pipelined requests is answered in order', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  const count = 5_000
  let requests = ''
  for (let i = 0; i < count; i++) requests += `GET /${i} HTTP/1.1\r\nHost: test\r\n\r\n`
  client.send(requests)
  for (let i = 0; i < count; i++) {
    expect((await client.answer()).status).toBe(200)
  }
  expect(upstream.targets).toEqual(Array.from({ length: count }, (_, i) => `/${i}`))
  expect(upstream.connectionCount).toBe(1)
})

test('local answers in a pipeline do not grow the stack', async () => {
  const proxy = await startProxy({ stable: [1], route: { hosts: ['known.example'] } })
  const client = await connectClient(proxy.port)
  const count = 20_000
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(count))
  client.reader.discard()
  await eventually(() => proxy.localCount(404)).toBe(count)
  expect(proxy.thread('closed')).toBe(0)
})

test('a client that does not read its answers is not asked for more requests', async () => {
  const body = Buffer.alloc(4_000, 'x')
  const upstream = await startUpstream(async (received) => {
    await received.whole
    received.answer(200, body)
  })
  const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 64 * 1024 } })
  const client = await connectClient(proxy.port)
  client.reader.hold()
  const count = 6_000
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(count))
  await eventually(() => upstream.requests.length).toBeGreaterThan(10)

  let seen = -1
  // At rest: nothing has come for three sweeps.
  while (seen !== upstream.requests.length) {
    seen = upstream.requests.length
    await proxy.sweeps(3)
  }
  // What the kernel holds of both sockets, at most 10 MiB, and the buffer.
  expect(seen * body.length).toBeLessThan(12 * 1024 * 1024)
  expect(seen).toBeLessThan(count)

  client.reader.resume()
  for (let i = 0; i < count; i++) {
    expect((await client.answer()).body.length).toBe(body.length)
  }
  expect(upstream.requests).toHaveLength(count)
})

test('an answer counts for its endpoint where the request before it has lost its route', async () => {
  const upstream = await startUpstream()
  const setup: Setup = { stable: [upstream.port] }
  const proxy = await startProxy(setup)
  const client = await connectClient(proxy.port)
  client.send('GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /2 HTTP/1.1\r\nHost: test\r\n\r\n')
  await proxy.connecting()
  proxy.use({ ...setup, route: { name: 'other' } })
  expect((await client.answer()).status).toBe(404)
  expect((await client.answer()).status).toBe(200)
  // Reports come about once a second.
  await proxy.advance(2_000)
  const counts = (): number[] => [...proxy.reports.values()].map((report) => report.requestCount)
  await eventually(counts).toEqual([1])
})
