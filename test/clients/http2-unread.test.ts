/**
 * A client of HTTP/2 that asks and then reads nothing, so that a write of ours hangs when the session ends: by a close, by
 * a refusal, by a shutdown. Frames are made here: no client of others can be told not to read.
 */

import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { PRIOR_KNOWLEDGE, serve } from './servers.ts'

const MIB = 1024 * 1024
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const WINDOW_UPDATE = 8
const END_STREAM_AND_HEADERS = 0x5
const LARGEST_WINDOW = 0x7fffffff
const CANCEL = 8

/** `GET /` in cleartext for `a`, of HPACK's static table. */
const GET = Buffer.from([0x82, 0x84, 0x86, 0x41, 0x01, 0x61])

interface Frame {
  readonly flags?: number
  readonly stream?: number
  readonly payload?: Buffer
}

function frame(type: number, { flags = 0, stream = 0, payload = Buffer.alloc(0) }: Frame): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Asks for much on several streams, with windows that hold nothing back, and never reads. */
async function startUnread(): Promise<{ proxy: Proxy; socket: Socket }> {
  const { port } = await serve((_, response) => response.end(Buffer.alloc(32 * MIB)))
  const proxy = await startProxy({ stable: [port], listener: PRIOR_KNOWLEDGE })
  const socket = connect(proxy.port, '127.0.0.1').pause()
  socket.on('error', () => undefined)
  onTestFinished(() => void socket.destroy())
  const windows = Buffer.concat([Buffer.from([0, 4]), number(LARGEST_WINDOW)])
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(frame(SETTINGS, { payload: windows }))
  socket.write(frame(WINDOW_UPDATE, { payload: number(LARGEST_WINDOW - 65_535) }))
  for (let stream = 1; stream <= 7; stream += 2) {
    socket.write(frame(HEADERS, { flags: END_STREAM_AND_HEADERS, stream, payload: GET }))
  }
  await eventually(() => proxy.counted().responseBytes).toBeGreaterThan(0)
  // Nothing moves any more: what we hold is as much as we may, and a write waits for the client.
  let moved = -1
  while (moved !== proxy.counted().responseBytes) {
    moved = proxy.counted().responseBytes
    await proxy.sweeps(2)
  }
  return { proxy, socket }
}

test('may be cut off', async () => {
  const { proxy } = await startUnread()
  proxy.server.close()
  await eventually(() => proxy.thread('closed')).toBe(1)
  expect(proxy.bugs).toEqual([])
})

test('may be refused for its pings', async () => {
  const { proxy, socket } = await startUnread()
  const ping = frame(PING, { payload: Buffer.alloc(8) })
  socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => ping)))
  await proxy.sweeps(2)
  await proxy.advance(60_000)
  await eventually(() => proxy.thread('closed')).toBe(1)
  expect(proxy.bugs).toEqual([])
})

test('may be refused for its resets', async () => {
  const { proxy, socket } = await startUnread()
  for (let stream = 9; stream < 4_009; stream += 2) {
    socket.write(frame(HEADERS, { flags: END_STREAM_AND_HEADERS, stream, payload: GET }))
    socket.write(frame(RST_STREAM, { stream, payload: number(CANCEL) }))
  }
  await proxy.sweeps(2)
  await proxy.advance(60_000)
  await eventually(() => proxy.thread('closed')).toBe(1)
  expect(proxy.bugs).toEqual([])
})

test('does not keep a shutdown waiting for longer than it may', async () => {
  const { proxy } = await startUnread()
  await proxy.server.drain(200)
  await eventually(() => proxy.thread('closed')).toBe(1)
  expect(proxy.bugs).toEqual([])
})
