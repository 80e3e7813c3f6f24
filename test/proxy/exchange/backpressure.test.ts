/** Who does not read is not sent to; who is slow gets everything in the end. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startHttp2 } from '../upstream/servers.ts'
import { eventually } from './eventually.ts'
import { type Client, connectClient } from './client.ts'
import { chunked } from './pieces.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

const MIB = 1024 * 1024
/** Far more than the kernel holds for two connections, which is at most 6 MiB and 4 MiB each. */
const HUGE = 64 * MIB
/** What may have left the sender when it stands still: the kernel's share and Sluice's buffers. */
const HELD = 32 * MIB

/** Sends the piece again and again up to `totalBytes`, as fast as the socket takes it. */
async function pour(
  socket: Socket,
  piece: Buffer,
  options: { totalBytes: number; sent: { bytes: number } },
): Promise<void> {
  const { sent, totalBytes } = options
  while (sent.bytes < totalBytes && !socket.destroyed) {
    sent.bytes += piece.length
    if (!socket.write(piece)) await once(socket, 'drain')
  }
}

/** Resolves when the count stays as it is for some turns of the event loop, without a number for a whole sweep. */
async function standstill(proxy: Proxy, count: () => number, turns?: number): Promise<void> {
  let seen = -1
  while (seen !== count()) {
    seen = count()
    if (turns === undefined) await proxy.sweeps(1)
    else for (let i = 0; i < turns; i++) await setImmediate()
  }
}

function residentBytes(): number {
  return process.memoryUsage.rss()
}

test.for([
  ['large pieces', 128 * 1024, 'content-length'],
  ['small pieces', 4_000, 'content-length'],
  ['large chunks', 128 * 1024, 'chunked'],
  ['small chunks', 1_500, 'chunked'],
] as const)('an upstream waits for a client that does not read: %s', async ([, size, framing]) => {
  const data = Buffer.alloc(size, 'abcdefgh')
  const piece =
    framing === 'chunked'
      ? Buffer.concat([Buffer.from(`${size.toString(16)}\r\n`), data, Buffer.from('\r\n')])
      : data
  const count = Math.ceil(HUGE / size)
  const sent = { bytes: 0 }
  const upstream = await startUpstream(async (received) => {
    const line =
      framing === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${count * size}`
    received.send(`HTTP/1.1 200 OK\r\n${line}\r\n\r\n`)
    await pour(received.socket, piece, { totalBytes: count * piece.length, sent })
    if (framing === 'chunked') received.send('0\r\n\r\n')
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  const before = residentBytes()
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await once(client.socket, 'data')
  client.reader.hold()
  await standstill(proxy, () => sent.bytes)
  expect(sent.bytes).toBeLessThan(HELD)
  expect(residentBytes() - before).toBeLessThan(2 * HELD)
  expect(proxy.counted().finished).toBe(0)

  client.reader.resume()
  const answer = await client.answer()
  expect(answer.body.length).toBe(count * size)
  expect(answer.body.subarray(0, size).equals(data)).toBe(true)
  expect(answer.body.subarray(-size).equals(data)).toBe(true)
})

test.for(['content-length', 'chunked'] as const)(
  'a client waits for an upstream that does not read: %s',
  async (framing) => {
    const upstream = await startUpstream(async (received) => {
      if (received.target !== '/upload') return received.answer(200, 'next')
      received.reader.hold()
      await resume
      received.reader.resume()
      received.answer(
        200,
        createHash('sha256')
          .update(await received.whole)
          .digest('hex'),
      )
    })
    const { promise: resume, resolve: letGo } = Promise.withResolvers<void>()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    const data = Buffer.alloc(8 * MIB, 'abcdefg')
    const body = Buffer.concat(Array<Buffer>(HUGE / data.length).fill(data))
    const raw = framing === 'chunked' ? chunked(body, () => 0.9, 60_000) : body
    const line =
      framing === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
    const before = residentBytes()
    client.send(`POST /upload HTTP/1.1\r\nHost: test\r\n${line}\r\n\r\n`)
    const sent = { bytes: 0 }
    const pouring = pourOut(client.socket, raw, sent)
    await upstream.request(0)
    await standstill(proxy, () => sent.bytes)
    expect(sent.bytes).toBeLessThan(HELD)
    expect(residentBytes() - before).toBeLessThan(2 * HELD)

    letGo()
    const answer = await client.answer()
    await pouring
    expect(answer.body.toString()).toBe(createHash('sha256').update(body).digest('hex'))
    expect(proxy.counted().requestBytes).toBe(body.length)
    expect((await client.get('/next')).status).toBe(200)
    expect(upstream.connectionCount).toBe(1)
  },
)

async function pourOut(socket: Socket, bytes: Buffer, sent: { bytes: number }): Promise<void> {
  const pieceBytes = 64 * 1024
  for (let at = 0; at < bytes.length && !socket.destroyed; at += pieceBytes) {
    sent.bytes = at
    if (!socket.write(bytes.subarray(at, at + pieceBytes))) await once(socket, 'drain')
  }
}

/** Sends the piece again and again, each when Sluice has had the one before, or all at once when `isLate`. */
async function pourStepByStep(
  socket: Socket,
  byteCount: number,
  options: { counted: () => number; isLate: () => boolean },
): Promise<void> {
  const piece = Buffer.alloc(20_000, 'x')
  for (let sent = 0; sent < byteCount; sent += piece.length) {
    socket.write(piece)
    while (options.counted() < sent + piece.length && !options.isLate()) await setImmediate()
  }
}

// A socket says that it is empty only when it was full before, which takes 64 KiB.
test('a client waits for the stream that its request is sent again on, as it has for the first', async () => {
  const streams: ServerHttp2Stream[] = []
  const upstream = await startHttp2((stream) => void streams.push(stream), {
    settings: { initialWindowSize: 1_000 },
  })
  const proxy = await startProxy({
    stable: [{ host: '127.0.0.1', port: upstream.port, protocol: 'http2' }],
    limits: { bufferBytes: 16 * 1024 },
  })
  const client = await connectClient(proxy.port)
  client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${HUGE}\r\n\r\n`)
  const sent = { bytes: 64 * 1024 }
  const taken = (): number => proxy.counted().requestBytes
  client.send(Buffer.alloc(sent.bytes))
  await eventually(() => [taken(), streams.length]).toEqual([sent.bytes, 1])
  streams[0]!.close(constants.NGHTTP2_REFUSED_STREAM)
  await eventually(() => streams.length).toBe(2)
  void pour(client.socket, Buffer.alloc(MIB), { totalBytes: HUGE, sent })
  await standstill(proxy, taken, 50)
  expect(taken()).toBeLessThan(MIB)
})

test("buffers smaller than the socket's own do not stop an answer for good", async () => {
  const byteCount = 12_000_000
  let isLate = false
  const counted = (): number => proxy.counted().responseBytes
  const upstream = await startUpstream((received) => {
    received.send(`HTTP/1.1 200 OK\r\ncontent-length: ${byteCount}\r\n\r\n`)
    return pourStepByStep(received.socket, byteCount, { counted, isLate: () => isLate })
  })
  const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 1 } })
  const client = await connectClient(proxy.port)
  client.reader.hold()
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await upstream.request(0)
  await standstill(proxy, counted)
  expect(counted()).toBeLessThan(byteCount)
  isLate = true
  client.reader.resume()
  expect((await client.answer()).body.length).toBe(byteCount)
})

test("buffers smaller than the socket's own do not stop a request for good", async () => {
  const byteCount = 12_000_000
  let isLate = false
  const upstream = await startUpstream(async (received) => {
    received.reader.hold()
    received.answer(200, String((await received.whole).length))
  })
  const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 1 } })
  const client = await connectClient(proxy.port)
  const counted = (): number => proxy.counted().requestBytes
  client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${byteCount}\r\n\r\n`)
  const pouring = pourStepByStep(client.socket, byteCount, { counted, isLate: () => isLate })
  const received = await upstream.request(0)
  await standstill(proxy, counted)
  expect(counted()).toBeLessThan(byteCount)
  isLate = true
  received.reader.resume()
  expect((await client.answer()).body.toString()).toBe(String(byteCount))
  await pouring
})

test('a kept upstream connection is never paused, whatever read was the last of an answer', async () => {
  // An answer is read to its end while its client reads nothing, and its last piece is one too many. How much
  // that is depends on the kernel, so it is measured first and then approached piece by piece.
  const upstream = await startUpstream((received) => {
    received.answer(200, Buffer.alloc(Number(received.target.slice(1)), 'x'))
  })
  const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 1 } })
  const holding = async (size: number): Promise<Client> => {
    const client = await connectClient(proxy.port)
    client.reader.hold()
    client.send(`GET /${size} HTTP/1.1\r\nHost: test\r\n\r\n`)
    return client
  }
  await holding(HUGE)
  await eventually(() => proxy.counted().responseBytes).toBeGreaterThan(256 * 1024)
  await standstill(proxy, () => proxy.counted().responseBytes)
  const capacity = proxy.counted().responseBytes
  const quick = await connectClient(proxy.port)
  for (let size = capacity; size > capacity - 256 * 1024; size -= 32 * 1024) {
    const client = await holding(size)
    await standstill(proxy, () => proxy.counted().responseBytes, 20)
    expect((await quick.get('/3')).body.length).toBe(3)
    client.reset()
  }
})

/** Asks for an answer of `byteCount` and reads nothing of it until all of it has reached Sluice. */
async function holdAnswer(
  client: Client,
  proxy: Proxy,
  options: { byteCount: number; line: string },
): Promise<void> {
  client.reader.hold()
  client.send(`GET / HTTP/1.1\r\nHost: test\r\n${options.line}\r\n`)
  await eventually(() => proxy.counted().finished).toBe(1)
  expect(proxy.counted().responseBytes).toBe(options.byteCount)
}

test.for([
  ['that is closed', 'Connection: close\r\n', 3_000],
  ['that is kept', '', 60_000],
] as const)(
  'the tail of an answer waits for a slow client, on a connection %s',
  async ([, line, advanceMs]) => {
    const byteCount = 24 * MIB
    const upstream = await startUpstream((received) => {
      received.answer(200, Buffer.alloc(byteCount, 'x'))
    })
    // Everything fits into the buffer, so the exchange is over long before the client has read it.
    const limits = { bufferBytes: 2 * byteCount }
    const timeouts = { bodyStallMs: 90_000, idleMs: 30_000 }
    const proxy = await startProxy({ stable: [upstream.port], limits, timeouts })
    const client = await connectClient(proxy.port)
    await holdAnswer(client, proxy, { byteCount, line })
    await proxy.advance(advanceMs)
    client.reader.resume()
    expect((await client.answer()).body.length).toBe(byteCount)
  },
)

test('a client that takes nothing of the tail for too long is cut off', async () => {
  const byteCount = 24 * MIB
  const upstream = await startUpstream((received) => {
    received.answer(200, Buffer.alloc(byteCount, 'x'))
  })
  const limits = { bufferBytes: 2 * byteCount }
  const proxy = await startProxy({ stable: [upstream.port], limits })
  const client = await connectClient(proxy.port)
  await holdAnswer(client, proxy, { byteCount, line: 'Connection: close\r\n' })
  await proxy.advance(29_000)
  expect(proxy.thread('closed')).toBe(0)
  await proxy.advance(31_000)
  await eventually(() => proxy.thread('closed')).toBe(1)
})

test('a client that takes nothing in the middle of an answer is cut off, and counts as gone', async () => {
  const sent = { bytes: 0 }
  const upstream = await startUpstream(async (request) => {
    request.send(`HTTP/1.1 200 OK\r\ncontent-length: ${HUGE}\r\n\r\n`)
    await pour(request.socket, Buffer.alloc(MIB), { totalBytes: HUGE, sent })
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.reader.hold()
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const received = await upstream.request(0)
  await standstill(proxy, () => sent.bytes)
  await proxy.advance(31_000)
  await proxy.advance(31_000)
  await eventually(() => proxy.counted()).toMatchObject({ finished: 1, clientAborts: 1, errors: 0 })
  expect(await received.gone()).not.toBe('open')
})
