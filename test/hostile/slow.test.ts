/**
 * More clients and upstreams that take their time, at every place where one can wait: each has an end, and those that
 * are slow for a reason have none.
 */

import { Buffer } from 'node:buffer'
import { expect, test } from 'vitest'
import { connectClient } from '../proxy/exchange/client.ts'
import { eventually } from '../proxy/exchange/eventually.ts'
import type { Received } from '../proxy/exchange/upstream.ts'
import {
  CONTINUATION,
  DATA,
  frame,
  HEADERS,
  PING,
  PREFACE,
  SETTINGS as SETTINGS_FRAME,
  WINDOW_UPDATE,
  word,
} from './frames.ts'
import { get, HELLO, post, pseudo } from './http2/build.ts'
import { encodeHeaders } from './hpack.ts'
import { drip, GRAIN_MS, Scene, SETTINGS } from './scene.ts'
import type { ListenerName } from './target.ts'

const { headMs, idleMs, bodyStallMs, responseHeadMs, handshakeMs, tunnelIdleMs } = SETTINGS.timeouts
/** Two spans in which a body may be too slow: the one in which it begins is not looked at. */
const SLOW_BODY_MS = 2 * bodyStallMs

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a.example\r\n'
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`
const WEBSOCKET =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
const BIG = Buffer.alloc(32 * 1024 * 1024, 'x')

interface Slow {
  readonly name: string
  /** Left out: `http1`. */
  readonly listener?: ListenerName
  readonly first: string
  /** Sent again and again. */
  readonly drip?: string
  /** Left out: 5 s. */
  readonly everyMs?: number
  readonly withinMs: number
  /** Left out: waits for the whole request and answers. */
  readonly answer?: (request: Received) => void
  /** Whether the client takes nothing. */
  readonly isDeaf?: boolean
}

async function answerWhole(request: Received): Promise<void> {
  await request.whole
  request.send(OK)
}

const CLIENTS: readonly Slow[] = [
  { name: 'a request line', first: 'GET', drip: 'T', withinMs: headMs },
  { name: 'empty lines', first: '\r\n', drip: '\r\n', withinMs: headMs },
  { name: 'the head of a second request', first: `${GET}\r\n${GET}`, drip: 'a', withinMs: headMs },
  {
    name: 'a body that never begins',
    first: `${POST}Content-Length: 5\r\n\r\n`,
    withinMs: bodyStallMs,
  },
  {
    name: 'a body after 100-continue',
    first: `${POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
    withinMs: responseHeadMs,
  },
  { name: 'a chunk size', first: CHUNKED, drip: '0', withinMs: SLOW_BODY_MS },
  { name: 'a chunk extension', first: `${CHUNKED}2;`, drip: 'a', withinMs: SLOW_BODY_MS },
  { name: 'chunks of a byte', first: CHUNKED, drip: '1\r\nx\r\n', withinMs: SLOW_BODY_MS },
  { name: 'trailers', first: `${CHUNKED}0\r\nX: `, drip: 'a', withinMs: SLOW_BODY_MS },
  {
    name: 'a body that is refused already',
    first: `${POST}Content-Length: 100000\r\n\r\n`,
    drip: 'a',
    withinMs: SLOW_BODY_MS,
    answer: (request) => request.send('HTTP/1.1 413 X\r\ncontent-length: 0\r\n\r\n'),
  },
  {
    name: 'a TLS handshake',
    listener: 'tls',
    first: '\u0016\u0003\u0001\u0002\0',
    drip: '\u0001',
    withinMs: handshakeMs,
  },
  { name: 'a TLS handshake that never begins', listener: 'tls', first: '', withinMs: handshakeMs },
  {
    name: 'a PROXY header',
    listener: 'proxied',
    first: 'PROXY ',
    drip: 'T',
    withinMs: handshakeMs,
  },
  {
    name: 'a PROXY header that never begins',
    listener: 'proxied',
    first: '',
    withinMs: handshakeMs,
  },
  {
    name: 'a request after the PROXY header',
    listener: 'proxied',
    first: 'PROXY UNKNOWN\r\nGET',
    drip: 'T',
    withinMs: headMs + handshakeMs,
  },
  { name: 'a preface', listener: 'both', first: 'PRI', drip: ' ', withinMs: headMs },
  { name: 'a preface that never begins', listener: 'http2', first: '', withinMs: headMs },
  { name: 'the frame after the preface', listener: 'http2', first: PREFACE, withinMs: headMs },
  { name: 'a first stream', listener: 'http2', first: HELLO, withinMs: idleMs },
  {
    name: 'a first stream, with pings',
    listener: 'http2',
    first: HELLO,
    drip: frame(PING, { stream: 0 }, '12345678'),
    withinMs: idleMs,
  },
  {
    name: 'the rest of a header block',
    listener: 'http2',
    first: HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())),
    withinMs: idleMs,
  },
  {
    name: 'a header block in continuations',
    listener: 'http2',
    first: HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())),
    drip: frame(CONTINUATION, { stream: 1 }),
    withinMs: idleMs,
  },
  { name: 'DATA that never comes', listener: 'http2', first: post([]), withinMs: bodyStallMs },
  {
    name: 'DATA of a byte',
    listener: 'http2',
    first: post([]),
    drip: frame(DATA, { stream: 1 }, 'x'),
    withinMs: SLOW_BODY_MS,
  },
  {
    name: 'DATA of nothing',
    listener: 'http2',
    first: post([]),
    drip: frame(DATA, { stream: 1 }),
    withinMs: SLOW_BODY_MS,
  },
  {
    name: 'a window that never opens',
    listener: 'http2',
    first: get().replace(HELLO, HELLO + frame(SETTINGS_FRAME, { stream: 0 }, `\0\u0004${word(0)}`)),
    withinMs: SLOW_BODY_MS,
    answer: (request) => request.answer(200, BIG),
  },
  {
    name: 'a window that opens byte by byte',
    listener: 'http2',
    first: get().replace(HELLO, HELLO + frame(SETTINGS_FRAME, { stream: 0 }, `\0\u0004${word(0)}`)),
    drip: frame(WINDOW_UPDATE, { stream: 1 }, word(1)),
    withinMs: 2 * SLOW_BODY_MS,
    answer: (request) => request.answer(200, BIG),
  },
  {
    name: 'an answer that nobody reads',
    first: `${GET}\r\n`,
    withinMs: SLOW_BODY_MS,
    answer: (request) => request.answer(200, BIG),
    isDeaf: true,
  },
  {
    name: 'a tunnel through which nothing comes',
    first: `${GET}${WEBSOCKET}`,
    everyMs: 300_000,
    withinMs: tunnelIdleMs,
    answer: (request) => request.send(SWITCH),
  },
]

test.for(CLIENTS)('a client does not keep its place by: $name', async (slow) => {
  const { first, listener = 'http1', everyMs = 5_000, answer = answerWhole } = slow
  const scene = await Scene.prepare(answer, listener === 'proxied')
  const client = await connectClient(scene.port(listener))
  if (slow.isDeaf === true) client.reader.hold()
  client.send(first)
  const between = slow.drip === undefined ? () => {} : drip(client, slow.drip)
  const isOver = async (): Promise<boolean> => {
    const { started, finished } = await scene.counts()
    return client.reader.ending !== 'open' || (started > 0 && started === finished)
  }
  // Who reads nothing sees no end.
  const isClosed = async (): Promise<boolean> =>
    slow.isDeaf === true ? (await scene.openCount()) === 0 : client.reader.ending !== 'open'
  const steps = { ms: everyMs, between, patienceMs: slow.withinMs + everyMs + GRAIN_MS }
  const isHttp2 = listener === 'http2'
  expect(await scene.until(isHttp2 ? isOver : isClosed, steps)).toBeLessThan(Infinity)
  for (const { isWhole } of await scene.recorder.entries())
    expect(isWhole).toBe(slow.first.includes('GET'))
})

const UPSTREAMS: readonly (Pick<Slow, 'name' | 'first' | 'drip' | 'everyMs'> & {
  statuses: RegExp
})[] = [
  { name: 'a head that never comes', first: '', statuses: /^HTTP\/1\.1 504 / },
  { name: 'a status line', first: 'HTTP/1.1 20', drip: '0', statuses: /^HTTP\/1\.1 50[24] / },
  { name: 'a field', first: 'HTTP/1.1 200 OK\r\nX: ', drip: 'a', statuses: /^HTTP\/1\.1 504 / },
  {
    name: 'interim answers',
    first: '',
    drip: 'HTTP/1.1 103 Early Hints\r\n\r\n',
    statuses: /^(?:HTTP\/1\.1 103 [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)*HTTP\/1\.1 50[24] /,
  },
]

test.for(UPSTREAMS)('an upstream does not keep a request by: $name', async (slow) => {
  const requests: Received[] = []
  const scene = await Scene.prepare((request) => {
    requests.push(request)
    request.send(slow.first)
  })
  const client = await connectClient(scene.port())
  client.send(`${GET}\r\n`)
  await eventually(() => requests.length).toBe(1)
  const isAnswered = (): boolean => slow.statuses.test(client.reader.unread)
  const between = (): void => {
    if (slow.drip !== undefined && !requests[0]!.socket.destroyed) requests[0]!.send(slow.drip)
  }
  const patienceMs = responseHeadMs + 5_000 + GRAIN_MS
  expect(await scene.until(isAnswered, { ms: 5_000, between, patienceMs })).toBeLessThan(Infinity)
  await eventually(() => scene.recorder.openCount).toBe(0)
})

test('an upstream that says little now and then is not cut off', async () => {
  const requests: Received[] = []
  const scene = await Scene.prepare((request) => {
    requests.push(request)
    request.send('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n')
  })
  const client = await connectClient(scene.port())
  client.send(`${GET}\r\n`)
  await eventually(() => requests.length).toBe(1)
  const between = (): void => requests[0]!.send(':\n\n')
  expect(await scene.untilGone(client, { ms: 20_000, between, patienceMs: 1_200_000 })).toBe(
    Infinity,
  )
  expect(client.reader.unread.match(/:\n\n/g)).toHaveLength(60)
})
