/**
 * A peer that says GOAWAY with an error at the moment in which we end a stream of which trailers have yet to go, and while
 * we are at work on another one: node:http2, which ends the session at once, would end the process (see `breach.ts`).
 */

import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  DATA,
  END_STREAM,
  frame,
  FrameReader,
  GOAWAY,
  HEADERS,
  headers,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { HELLO, pseudo } from '../../hostile/http2/build.ts'
import { connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { startProxy } from '../exchange/proxy.ts'
import { startUpstream } from '../exchange/upstream.ts'
import { startFrames } from '../upstream/servers.ts'

const PRIOR_KNOWLEDGE = { protocols: { http1: false, http2: true } }
const CODES = [1, 2, 8]
/** Whether both of two messages come in the same turn of the event loop is not in our hand. */
const ROUND_COUNT = 10

/** Of which more may come. */
const ANSWER = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'

const OPENING = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: 1 })

function goaway(code: number): string {
  return frame(GOAWAY, { stream: 0 }, word(0) + word(code))
}

test.for(CODES)('of a client it ends the session, and not the process (code %i)', async (code) => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startProxy({ stable: [upstream.port], listener: PRIOR_KNOWLEDGE })
  for (let round = 1; round <= ROUND_COUNT; round++) {
    const socket = connect(proxy.port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    const bodyBytes = countData(socket)
    // Its body stays open.
    const post = headers(1, pseudo({ ':method': 'POST', ':path': `/ended/${round}` }))
    const get = headers(3, pseudo({ ':path': `/open/${round}` }), END_STREAM)
    socket.write(HELLO + post + get, 'latin1')
    await eventually(() => upstream.requests.length).toBe(2 * round)
    const asked = (path: string) =>
      upstream.requests.find(({ target }) => target === `/${path}/${round}`)!
    asked('ended').send(ANSWER)
    await eventually(bodyBytes).toBe(3)

    asked('ended').send('0\r\nx-sum: 1\r\n\r\n')
    asked('open').send(ANSWER)
    socket.write(goaway(code), 'latin1')
    await eventually(() => proxy.thread('closed')).toBe(round)
  }
  expect(proxy.counted().finished).toBe(2 * ROUND_COUNT)
})

test.for(CODES)(
  'of an upstream it ends its requests, and not the process (code %i)',
  async (code) => {
    const upstream = await startFrames(({ type, stream, flags }, connection) => {
      if (type === SETTINGS && flags === 0) connection.send(OPENING)
      if (type === HEADERS && stream === 1) connection.send(headers(1, [[':status', '200']]))
    })
    const proxy = await startProxy({
      stable: [{ host: '127.0.0.1', port: upstream.port, protocol: 'http2' }],
    })
    for (let round = 1; round <= ROUND_COUNT; round++) {
      const [ended, open] = [await connectClient(proxy.port), await connectClient(proxy.port)]
      const post = 'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
      ended.send(post)
      await eventually(() => upstream.connections[round - 1]?.count(DATA)).toBe(1)
      open.send(post)
      await eventually(() => upstream.connections[round - 1]!.count(DATA)).toBe(2)

      ended.send('0\r\n\r\n')
      open.send('3\r\nabc\r\n')
      upstream.connections[round - 1]!.send(goaway(code))
      await ended.reader.end()
      expect((await open.answer()).status).toBe(502)
      open.end()
    }
    await eventually(() => proxy.counted().finished).toBe(2 * ROUND_COUNT)
  },
)

/** Returns how many bytes have come in DATA frames. */
function countData(socket: Socket): () => number {
  const reader = new FrameReader()
  let bytes = 0
  socket.on('data', (read: Buffer) => {
    for (const { type, payload } of reader.read(read)) if (type === DATA) bytes += payload.length
  })
  return () => bytes
}
