/** How HTTP/2 sessions end: by draining, by idling, by a bug, and by abuse, in raw frames. */

import { once } from 'node:events'
import { constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import { startUpstream } from '../exchange/upstream.ts'
import { answerOf, connectHttp2, type Http2Proxy, startHttp2Proxy } from './proxy.ts'

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants
const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const GOAWAY = 7
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const END_STREAM = 1
const END_HEADERS = 4
const ANY_STREAM = 2 ** 31 - 1

function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: readonly number[] = [],
): Buffer {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, Buffer.from(payload)])
}

/** `:method: GET, :scheme: http, :path: /, :authority: test`. */
const GET = [0x82, 0x86, 0x84, 0x01, 4, ...Buffer.from('test')]
const POST = [0x83, ...GET.slice(1)]

function get(streamId: number): Buffer {
  return frame(HEADERS, END_STREAM | END_HEADERS, streamId, GET)
}

class RawClient {
  readonly socket: Socket
  isClosed = false
  #bytes = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.socket = socket
    socket
      .on('data', (bytes: Buffer) => (this.#bytes = Buffer.concat([this.#bytes, bytes])))
      .on('error', () => undefined)
      .on('close', () => (this.isClosed = true))
  }

  /** Those of one type. */
  payloads(type: number): Buffer[] {
    const found: Buffer[] = []
    for (let at = 0; at + 9 <= this.#bytes.length; at += 9 + this.#bytes.readUIntBE(at, 3)) {
      const end = at + 9 + this.#bytes.readUIntBE(at, 3)
      if (this.#bytes[at + 3] === type) found.push(this.#bytes.subarray(at + 9, end))
    }
    return found
  }

  get goawayCodes(): number[] {
    return this.payloads(GOAWAY).map((payload) => payload.readUInt32BE(4))
  }
}

async function connectRaw(proxy: Http2Proxy): Promise<RawClient> {
  const socket = connect({ port: proxy.port, host: '127.0.0.1', noDelay: true })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`)
  socket.write(frame(SETTINGS, 0, 0))
  return new RawClient(socket)
}

test('draining is announced, then named, and what is under way is finished', async () => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const raw = await connectRaw(proxy)
  raw.socket.write(get(1))
  const answer = client.get('/')
  await upstream.request(1)
  for (const session of proxy.sessions) session.drain()
  await eventually(() => raw.goawayCodes).toEqual([NGHTTP2_NO_ERROR])
  expect(raw.payloads(GOAWAY)[0]!.readUInt32BE(0)).toBe(ANY_STREAM)
  raw.socket.write(get(3))
  await upstream.request(2)
  raw.socket.write(frame(PING, 1, 0, [...raw.payloads(PING)[0]!]))
  await eventually(() => raw.goawayCodes.length).toBe(2)
  expect(raw.payloads(GOAWAY)[1]!.readUInt32BE(0)).toBe(3)
  for (const received of upstream.requests) received.answer(200, 'ok')
  expect((await answer).body).toBe('ok')
  await eventually(() => raw.payloads(DATA).filter(({ length }) => length > 0).length).toBe(2)
  raw.socket.end()
  await eventually(() => proxy.sessions.size).toBe(0)
})

test('a client that does not answer the PING is told after a second, and cut off in the end', async () => {
  const proxy = await startHttp2Proxy({ stable: [] })
  const raw = await connectRaw(proxy)
  await eventually(() => raw.payloads(SETTINGS).length).toBe(2)
  for (const session of proxy.sessions) session.drain()
  await eventually(() => raw.goawayCodes.length).toBe(1)
  await proxy.advance(1_100)
  await eventually(() => raw.goawayCodes.length).toBe(2)
  await proxy.advance(2_100)
  await eventually(() => raw.isClosed).toBe(true)
})

test('a session without requests ends in time; one with requests does not', async () => {
  const upstream = await startUpstream(() => undefined)
  const timeouts = { headMs: 1_000, idleMs: 5_000 }
  const proxy = await startHttp2Proxy({ stable: [upstream.port], timeouts })
  const fresh = await connectRaw(proxy)
  const used = await connectHttp2(proxy)
  const answer = used.get('/')
  const received = await upstream.request(0)
  await proxy.advance(1_100)
  await eventually(() => fresh.goawayCodes).toEqual([NGHTTP2_NO_ERROR])
  received.answer(200, 'ok')
  expect((await answer).body).toBe('ok')
  await proxy.advance(4_000)
  expect(used.session.destroyed).toBe(false)
  await proxy.advance(1_100)
  await eventually(() => used.session.destroyed).toBe(true)
})

test('a bug ends the stream it struck, is told, and ends nothing else', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  const { requestHead } = proxy.context
  requestHead.parse = () => {
    throw new Error('a bug')
  }
  const struck = client.get('/')
  expect((await struck).resetCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  Reflect.deleteProperty(requestHead, 'parse')
  expect(proxy.bugs.splice(0)).toEqual([new Error('a bug')])
  expect((await client.get('/')).status).toBe(200)
})

test('malformed fields that node:http2 leaves out make the request malformed', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const raw = await connectRaw(proxy)
  const field = [0, 3, ...Buffer.from('x:a'), 1, 0x62]
  raw.socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 1, [...GET, ...field]))
  await eventually(() => raw.payloads(DATA).join('')).toContain('400 ')
  expect(upstream.requests).toEqual([])
  expect(proxy.refusals).toMatchObject([{ rule: 'malformed', address: '192.0.2.1' }])
})

test('however the header block is cut', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const raw = await connectRaw(proxy)
  const block = [...GET, 0, 3, ...Buffer.from('x a'), 1, 0x62]
  const padded = [2, 0, 0, 0, 0, 15, ...block.slice(0, 3), 0, 0]
  const bytes = Buffer.concat([
    frame(HEADERS, END_STREAM | 0x8 | 0x20, 1, padded),
    frame(CONTINUATION, 0, 1, []),
    frame(CONTINUATION, 0, 1, block.slice(3, 12)),
    frame(CONTINUATION, END_HEADERS, 1, block.slice(12)),
    get(3),
  ])
  for (const byte of bytes) {
    raw.socket.write(Buffer.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await eventually(() => raw.payloads(DATA).join('')).toContain('400 ')
  await eventually(() => upstream.requests.length).toBe(1)
})

const FLOODS: readonly (readonly [string, (index: number) => Buffer])[] = [
  ['SETTINGS', () => frame(SETTINGS, 0, 0)],
  ['PING', () => frame(PING, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8])],
  ['PRIORITY', () => frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1])],
  ['WINDOW_UPDATE', () => frame(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1])],
  ['unknown frames', () => frame(0xbe, 0, 0)],
  ['empty DATA', () => frame(DATA, 0, 1)],
  [
    'requests and resets',
    (index) =>
      Buffer.concat([get(2 * index + 3), frame(RST_STREAM, 0, 2 * index + 3, [0, 0, 0, 8])]),
  ],
]

test.each(FLOODS)('a flood of %s is ended', async (_name, unit) => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const raw = await connectRaw(proxy)
  raw.socket.write(frame(HEADERS, END_HEADERS, 1, POST))
  await eventually(() => upstream.requests.length).toBe(1)
  raw.socket.write(Buffer.concat(Array.from({ length: 3_000 }, (_, index) => unit(index))))
  await eventually(() => raw.isClosed).toBe(true)
  expect(raw.goawayCodes).toEqual([NGHTTP2_ENHANCE_YOUR_CALM])
  expect(proxy.refusals).toMatchObject([{ refused: 'connection', rule: 'flood' }])
  expect(upstream.requests.length).toBeLessThan(300)
})

test('resets are no flood as long as as many requests are answered', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  for (let round = 0; round < 300; round++) {
    const stream = client.open({ ':path': '/' })
    stream.close(constants.NGHTTP2_CANCEL)
    expect((await client.get('/')).status).toBe(200)
  }
  expect(proxy.refusals).toEqual([])
})

test('a long download is no flood of WINDOW_UPDATE', async () => {
  const body = Buffer.alloc(32 * 1024 * 1024)
  const upstream = await startUpstream((received) => received.answer(200, body))
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const client = await connectHttp2(proxy)
  expect((await answerOf(client.open({ ':path': '/' }))).body.length).toBe(body.length)
  expect(proxy.refusals).toEqual([])
})

test('a stream that was passed over does not come to be', async () => {
  const upstream = await startUpstream()
  const proxy = await startHttp2Proxy({ stable: [upstream.port] })
  const raw = await connectRaw(proxy)
  raw.socket.write(Buffer.concat([get(1), get(7), get(5)]))
  await eventually(() => raw.isClosed).toBe(true)
  expect(raw.goawayCodes).toEqual([NGHTTP2_PROTOCOL_ERROR])
  expect(proxy.refusals).toMatchObject([{ rule: 'protocol' }])
})

test('a breach of the protocol is counted as one', async () => {
  const proxy = await startHttp2Proxy({ stable: [] })
  const raw = await connectRaw(proxy)
  raw.socket.write(frame(DATA, 0, 0))
  await eventually(() => raw.isClosed).toBe(true)
  expect(raw.goawayCodes).toEqual([NGHTTP2_PROTOCOL_ERROR])
  expect(proxy.refusals).toMatchObject([{ refused: 'connection', rule: 'protocol' }])
})
