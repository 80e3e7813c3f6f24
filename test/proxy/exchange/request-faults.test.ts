/** Clients that are slow, or break the rules in the middle of a request. */

import { describe, expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

describe('too slow', () => {
  test('a head that comes byte by byte is a 408 when its time is over, however often it moves', async () => {
    const proxy = await startProxy({ stable: [1] })
    const client = await connectClient(proxy.port)
    const answering = client.answer()
    for (const byte of 'GET') {
      client.send(byte)
      await proxy.advance(7_000)
    }
    const answer = await answering
    expect(answer.status).toBe(408)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    expect(proxy.localCount(408)).toBe(1)
  })

  test('a connection that says nothing is closed without a word', async () => {
    const proxy = await startProxy({ stable: [1] })
    const client = await connectClient(proxy.port)
    await proxy.advance(19_000)
    expect(client.reader.ending).toBe('open')
    await proxy.advance(2_000)
    expect(await client.reader.end()).toBe('ended')
    expect(client.reader.receivedBytes).toBe(0)
  })

  test('an idle connection is closed after a longer time', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    expect((await client.get('/')).status).toBe(200)
    await proxy.advance(39_000)
    expect(client.reader.ending).toBe('open')
    expect((await client.get('/')).status).toBe(200)
    await proxy.advance(41_000)
    expect(await client.reader.end()).toBe('ended')
    expect(client.reader.unread).toBe('')
  })

  test('a head that begins when the idle time is nearly over has its own time', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    expect((await client.get('/')).status).toBe(200)
    await proxy.advance(38_000)
    client.send('GET / HTTP/1.1\r\n')
    await proxy.advance(15_000)
    client.send('Host: test\r\n\r\n')
    expect((await client.answer()).status).toBe(200)
  })

  test.for([
    ['a long body', 'Content-Length: 1000000\r\n\r\nabc'],
    ['a short body', 'Content-Length: 10\r\n\r\nabc'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('%s that stops is a 408', async ([, start]) => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\n${start}`)
    const answering = client.answer()
    const received = await upstream.request(0)
    await proxy.advance(20_000)
    expect(proxy.counted().finished).toBe(0)
    await proxy.advance(11_000)
    const answer = await answering
    expect(answer.status).toBe(408)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    await received.gone()
    expect(received.isWhole).toBe(false)
    expect(proxy.counted()).toMatchObject({ errors: 0, failures: {}, codes: { 'POST 408': 1 } })
  })

  test('a body that stops after the answer has begun is given up', async () => {
    const upstream = await startUpstream((received) =>
      received.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\nabc')
    await eventually(() => client.reader.unread).toContain('abc')
    await proxy.advance(31_000)
    expect(await client.reader.end()).not.toBe('open')
    expect(client.reader.unread).not.toContain('\r\n0\r\n')
    await upstream.requests[0]!.gone()
    expect(proxy.counted()).toMatchObject({ errors: 0, failures: {}, clientAborts: 1 })
  })

  test('an upstream that stops reading a body is its own fault', async () => {
    const upstream = await startUpstream((received) => received.reader.hold())
    const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 16_384 } })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${10 ** 9}\r\n\r\n`)
    client.send(Buffer.alloc(32 * 1024 * 1024))
    const answering = client.answer()
    await upstream.request(0)
    await proxy.sweeps(2)
    await proxy.advance(31_000)
    const answer = await answering
    expect(answer.status).toBe(504)
    expect(valueOf(answer, 'proxy-status')).toContain('error=connection_write_timeout')
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(proxy.counted()).toMatchObject({ errors: 1, failures: { writeStalled: 1 } })
  })
})

describe('too large', () => {
  test('a length above the limit is a 413 that no upstream hears of', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port], limits: { bodyBytes: 1_000 } })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1000)}`)
    expect((await client.answer()).status).toBe(200)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1001\r\n\r\n')
    const answer = await client.answer()
    expect(answer.status).toBe(413)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    expect(upstream.requests).toHaveLength(1)
    expect(proxy.localCount(413)).toBe(1)
  })

  test.for([
    ['one chunk', `3e9\r\n${'x'.repeat(1001)}\r\n0\r\n\r\n`],
    ['many chunks', '1\r\nx\r\n'.repeat(1001)],
  ])('chunks above the limit are a 413, and the upstream never sees an end: %s', async (row) => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port], limits: { bodyBytes: 1_000 } })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const received = await upstream.request(0)
    client.send(row[1]!)
    const answer = await client.answer()
    expect(answer.status).toBe(413)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    await received.gone()
    expect(received.isWhole).toBe(false)
    expect(proxy.counted()).toMatchObject({ codes: { 'POST 413': 1 }, errors: 0 })
  })

  test('more connections than allowed are closed at once', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port], limits: { connections: 2 } })
    const first = await connectClient(proxy.port)
    expect((await first.get('/')).status).toBe(200)
    const second = await connectClient(proxy.port)
    expect((await second.get('/')).status).toBe(200)
    const third = await connectClient(proxy.port)
    expect(await third.reader.end()).not.toBe('open')
    expect(third.reader.receivedBytes).toBe(0)
    expect(proxy.thread('refused')).toBe(1)
    expect(proxy.thread('accepted')).toBe(2)
    first.end()
    await eventually(() => proxy.thread('closed')).toBe(1)
    expect((await (await connectClient(proxy.port)).get('/')).status).toBe(200)
  })
})

describe('broken', () => {
  test.for([
    ['a size that is none', '3\r\nabc\r\nxyz\r\n'],
    ['a chunk longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['a size with a sign', '3\r\nabc\r\n-1\r\n'],
    ['a bare LF', '3\r\nabc\n0\r\n\r\n'],
  ])('a bad chunk is a 400, and the upstream never sees a whole body: %s', async ([, body]) => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${body}`)
    const answer = await client.answer()
    expect(answer.status).toBe(400)
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(await client.reader.end()).toBe('ended')
    await eventually(() => upstream.openCount).toBe(0)
    for (const received of upstream.requests) expect(received.isWhole).toBe(false)
    expect(proxy.counted()).toMatchObject({ codes: { 'POST 400': 1 }, errors: 0, failures: {} })
  })

  test('a bad chunk after the answer has begun breaks the answer off', async () => {
    const upstream = await startUpstream((received) =>
      received.send('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await eventually(() => client.reader.unread).toContain('abc')
    client.send('xyz\r\n')
    expect(await client.reader.end()).not.toBe('open')
    await upstream.requests[0]!.gone()
    expect(proxy.counted()).toMatchObject({ clientAborts: 1, errors: 0 })
  })

  test('garbage after a request gets its own 400, after the answer', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n\0\0garbage')
    expect((await client.answer()).status).toBe(200)
    expect((await client.answer()).status).toBe(400)
    expect(await client.reader.end()).toBe('ended')
  })

  test('a client that is closed and sends on and on is cut off after a while', async () => {
    const proxy = await startProxy({ stable: [1] })
    const client = await connectClient(proxy.port)
    client.send('NONSENSE\r\n\r\n')
    expect((await client.answer()).status).toBe(400)
    expect(await client.reader.end()).toBe('ended')
    client.send(Buffer.alloc(1_000_000))
    await proxy.advance(2_500)
    client.send(Buffer.alloc(1_000_000))
    await eventually(() => proxy.thread('closed')).toBe(1)
  })
})
