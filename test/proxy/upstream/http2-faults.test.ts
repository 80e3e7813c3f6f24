/** Peers that break the rules of HTTP/2, or break off: what the asker hears, and whether it may ask again. */

import { expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import {
  CONTINUATION,
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { encodeHeaders } from '../../hostile/hpack.ts'
import { ALWAYS, IF_IDEMPOTENT, NEVER } from '../../../src/proxy/upstream/upstream.ts'
import { startHouse } from './house.ts'
import { type FrameConnection, startFrames } from './servers.ts'

const OPEN = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: 1 })

/** The head of an answer on the first stream. */
function head(fields: readonly (readonly [string, string])[], flags = 0): string {
  return headers(1, [[':status', '200'], ...fields], flags)
}

function data(text: string, flags = 0): string {
  return frame(DATA, { stream: 1, flags }, text)
}

function reset(code: number, stream = 1): string {
  return frame(RST_STREAM, { stream }, word(code))
}

function goaway(lastStream: number, code: number): string {
  return frame(GOAWAY, { stream: 0 }, word(lastStream) + word(code))
}

/** An upstream that answers each request, the first of its connection, with these frames. */
async function startAnswering(...frames: readonly string[]) {
  return await startFrames(({ type }, connection) => {
    if (type === HEADERS) connection.send(OPEN, ...frames)
  })
}

const NO_ERROR = 0
const INTERNAL_ERROR = 2
const REFUSED_STREAM = 7
const CANCEL = 8
const ENHANCE_YOUR_CALM = 11

/** Before the final head. */
test.for([
  ['a reset', [reset(INTERNAL_ERROR)], 'reset', NEVER],
  ['a reset without an error', [reset(NO_ERROR)], 'reset', NEVER],
  ['a cancellation', [reset(CANCEL)], 'reset', NEVER],
  ['REFUSED_STREAM', [reset(REFUSED_STREAM)], 'reset', ALWAYS],
  ['a GOAWAY that leaves it out', [goaway(0, NO_ERROR)], 'reset', ALWAYS],
  ['a GOAWAY for an error that leaves it out', [goaway(0, ENHANCE_YOUR_CALM)], 'reset', ALWAYS],
  ['a GOAWAY for an error', [goaway(1, ENHANCE_YOUR_CALM)], 'reset', NEVER],
  ['no status', [headers(1, [['x-a', 'b']])], 'protocol', NEVER],
  ['a status that is none', [headers(1, [[':status', '20x']])], 'protocol', NEVER],
  ['a status beyond those there are', [headers(1, [[':status', '600']])], 'protocol', NEVER],
  ['two statuses', [head([[':status', '200']])], 'protocol', NEVER],
  ['101', [headers(1, [[':status', '101']])], 'protocol', NEVER],
  ['a pseudo-header field of requests', [head([[':path', '/']])], 'protocol', NEVER],
  ['a connection-specific field', [head([['connection', 'close']])], 'protocol', NEVER],
  ['a transfer coding', [head([['transfer-encoding', 'chunked']])], 'protocol', NEVER],
  ['an upper-case name', [head([['X-A', 'b']])], 'protocol', NEVER],
  [
    'two lengths',
    [
      head([
        ['content-length', '3'],
        ['content-length', '3'],
      ]),
    ],
    'protocol',
    NEVER,
  ],
  ['a length that is none', [head([['content-length', '+3']])], 'protocol', NEVER],
  [
    'a length that its end belies',
    [head([['content-length', '3']], END_STREAM)],
    'protocol',
    NEVER,
  ],
  ['201 fields', [head(Array.from({ length: 201 }, () => ['a', 'b']))], 'headTooLarge', NEVER],
  ['a head of 5 000 bytes', [head([['x-a', 'b'.repeat(5_000)]])], 'headTooLarge', NEVER],
  ['content before a head', [data('abc')], 'protocol', NEVER],
  [
    'a push',
    [frame(PUSH_PROMISE, { stream: 1, flags: 4 }, word(2) + encodeHeaders([[':method', 'GET']]))],
    'protocol',
    NEVER,
  ],
  [
    'a block of fields that never ends',
    [frame(HEADERS, { stream: 1 }, encodeHeaders([[':status', '200']])), ...continuations(2_000)],
    'reset',
    NEVER,
  ],
  [
    '17 interim answers',
    Array.from({ length: 17 }, () => headers(1, [[':status', '103']])),
    'protocol',
    NEVER,
  ],
  ['what is no HTTP/2 at all', ['HTTP/1.1 400 Bad Request\r\n\r\n'], 'protocol', NEVER],
] as const)('%s', async ([, frames, reason, retry]) => {
  const upstream = await startAnswering(...frames)
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.failure).toEqual({ reason, retry })
  expect(asker.head).toBeNull()
})

function continuations(count: number): string[] {
  return Array.from({ length: count }, () =>
    frame(CONTINUATION, { stream: 1 }, encodeHeaders([['x-a', 'b'.repeat(100)]])),
  )
}

/** After a head of unknown length and `abc`. */
test.for([
  ['a reset', reset(INTERNAL_ERROR), 'incomplete'],
  ['a reset without an error', reset(NO_ERROR), 'incomplete'],
  ['a cancellation', reset(CANCEL), 'incomplete'],
  ['REFUSED_STREAM', reset(REFUSED_STREAM), 'incomplete'],
  ['a GOAWAY for an error', goaway(1, ENHANCE_YOUR_CALM), 'incomplete'],
  ['trailers that do not end it', headers(1, [['x-a', 'b']]), 'incomplete'],
  ['a pseudo-header field in trailers', headers(1, [[':status', '200']], END_STREAM), 'incomplete'],
  ['a frame that is none', frame(DATA, { stream: 0 }, 'abc'), 'protocol'],
] as const)('an answer that ends in %s is not whole', async ([, broken, reason]) => {
  const upstream = await startAnswering(head([]), data('abc'), broken)
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.failure).toEqual({ reason, retry: NEVER })
  expect([asker.head!.status, asker.trailers]).toEqual([200, null])
})

test.for([
  ['less', 'abc'],
  ['more', 'abcabcabcabc'],
] as const)('an answer with %s content than it said is not whole', async ([, body]) => {
  const upstream = await startAnswering(head([['content-length', '10']]), data(body, END_STREAM))
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.failure).toEqual({ reason: 'incomplete', retry: NEVER })
})

/** How a connection ends under a request. */
const ENDINGS: readonly (readonly [string, (connection: FrameConnection) => void])[] = [
  ['a FIN', ({ socket }) => socket.end()],
  ['an RST', ({ socket }) => socket.resetAndDestroy()],
]

test.for(ENDINGS)('%s in the middle of an answer', async ([, end]) => {
  const upstream = await startAnswering(head([]), data('abc'))
  const asker = startHouse(upstream.port).ask()
  await eventually(() => asker.body).toBe('abc')
  end(upstream.connections[0]!)
  await asker.settled()
  expect(asker.failure).toEqual({ reason: 'incomplete', retry: NEVER })
})

test.for(ENDINGS)('%s of a connection that has not answered yet', async ([, end]) => {
  const upstream = await startFrames(({ type }, connection) => {
    if (type === HEADERS) end(connection)
  })
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.failure).toEqual({ reason: 'reset', retry: NEVER })
})

test.for(ENDINGS)('%s of a connection that has answered before', async ([, end]) => {
  const upstream = await startFrames(({ type, stream }, connection) => {
    if (type !== HEADERS) return
    if (stream === 1) connection.send(OPEN, head([], END_STREAM))
    else end(connection)
  })
  const house = startHouse(upstream.port)
  expect((await house.ask().settled()).failure).toBeNull()
  const asker = await house.ask().settled()
  expect(asker.failure).toEqual({ reason: 'reset', retry: IF_IDEMPOTENT })
})

test.for(ENDINGS)('%s after an answer that is whole, but not read yet', async ([, end]) => {
  const upstream = await startAnswering(head([]), data('abc'))
  const house = startHouse(upstream.port)
  const asker = house.ask()
  asker.onPiece = () => asker.upstream!.pause()
  await eventually(() => asker.body).toBe('abc')
  upstream.connections[0]!.send(data('def', END_STREAM))
  // Acknowledged when what came before it has been read.
  upstream.connections[0]!.send(frame(SETTINGS, { stream: 0 }))
  const { frames } = upstream.connections[0]!
  await eventually(
    () => frames.filter(({ type, flags }) => type === SETTINGS && flags === 1).length,
  ).toBe(2)
  end(upstream.connections[0]!)
  await asker.settled()
  expect(asker.failure).toBeNull()
  expect(asker.body).toBe('abcdef')
})

/** nghttp2 leaves such a field out and goes on; the answer is malformed all the same. */
test.for([
  ['a value with a line end', ['x-a', 'a\r\nset-cookie: evil=1']],
  ['a value with a NUL', ['x-a', 'evil=1\0']],
  ['a name with a colon', ['set-cookie: evil=1', 'a']],
  ['a name with a line end', ['x-a: b\r\nset-cookie', 'evil=1']],
  ['a name with a blank', ['x-a ', 'b']],
] as const)('%s', async ([, field]) => {
  const whole = await startAnswering(head([field], END_STREAM))
  const expected = { reason: 'protocol', retry: NEVER }
  expect((await startHouse(whole.port).ask().settled()).failure).toEqual(expected)
  const open = await startAnswering(head([field]))
  expect((await startHouse(open.port).ask().settled()).failure).toEqual(expected)
  const trailing = await startAnswering(head([]), data('abc'), headers(1, [field], END_STREAM))
  expect((await startHouse(trailing.port).ask().settled()).failure).toEqual(expected)
})

test('trailers of gRPC, and an answer that is nothing but trailers', async () => {
  const grpc = [['content-type', 'application/grpc']] as const
  const whole = await startAnswering(
    head(grpc),
    data('\0\0\0\0\0'),
    headers(1, [['grpc-status', '14']], END_STREAM),
  )
  const asker = await startHouse(whole.port).ask().settled()
  expect([asker.body.length, asker.trailers]).toEqual([5, 'grpc-status: 14\r\n'])

  const only = await startAnswering(head([...grpc, ['grpc-status', '14']], END_STREAM))
  const other = await startHouse(only.port).ask().settled()
  expect(other.head!.lines).toContain('grpc-status: 14\r\n')
  expect(other.head!.contentLength).toBe(0)
  expect(other.trailers).toBe('')
})
