/** Requests over HTTP/2 that are given up: what the peer is told, at any moment, and what becomes of the rest. */

import { constants } from 'node:http2'
import { describe, expect, test } from 'vitest'
import {
  DATA,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  RST_STREAM,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { seededRandom } from '../../sim/random.ts'
import { ALWAYS } from '../../../src/proxy/upstream/upstream.ts'
import { eventually } from '../exchange/eventually.ts'
import type { Asker } from './asker.ts'
import { type House, startHouse } from './house.ts'
import { startFrames, startHttp2 } from './servers.ts'

const OPEN = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: 1 })

test.for([
  ['of unknown length', undefined],
  ['of known length', 10],
] as const)('a body %s that is cancelled is never told as whole', async ([, contentLength]) => {
  const upstream = await startFrames(() => undefined)
  const house = startHouse(upstream.port)
  const length = contentLength === undefined ? {} : { contentLength }
  const asker = house.ask({ method: 'POST', body: null, ...length })
  await eventually(() => upstream.connections[0]?.count(HEADERS)).toBe(1)
  asker.sendData('abc')
  asker.upstream!.close()
  const [connection] = upstream.connections
  await eventually(() => connection!.count(RST_STREAM)).toBe(1)
  expect(connection!.frames.at(-1)!.payload.readUInt32BE(0)).toBe(constants.NGHTTP2_CANCEL)
  const ended = connection!.frames.filter(
    ({ type, flags }) => type !== SETTINGS && (flags & END_STREAM) !== 0,
  )
  expect(ended).toEqual([])
  expect(asker.failure).toBeNull()
})

test('cancelling in the turn in which an answer ends leaves the process alive', async () => {
  const upstream = await startFrames(({ type, stream }, connection) => {
    if (type === HEADERS) {
      connection.send(stream === 1 ? OPEN : '', headers(stream, [[':status', '200']], END_STREAM))
    }
  })
  const house = startHouse(upstream.port)
  for (let n = 0; n < 20; n++) {
    const asker = await house.ask({ method: 'POST', body: null }).settled()
    expect(asker.trailers).toBe('')
  }
  await eventually(() => upstream.connections[0]!.count(RST_STREAM)).toBe(20)
})

function answerAbc(stream: number): string {
  return headers(stream, [[':status', '200']]) + frame(DATA, { stream, flags: END_STREAM }, 'abc')
}

test('cancelling right after the last byte waits until that is sent', async () => {
  const upstream = await startFrames(({ type, stream }, connection) => {
    if (type === HEADERS) connection.send(stream === 1 ? OPEN : '', answerAbc(stream))
  })
  const house = startHouse(upstream.port)
  for (let n = 0; n < 20; n++) {
    const asker = house.ask({ method: 'POST', body: null })
    asker.onPiece = () => {
      asker.end()
      process.nextTick(() => process.nextTick(() => asker.upstream!.close()))
    }
    await eventually(() => asker.body).toBe('abc')
  }
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
  const ended = () =>
    upstream.connections[0]!.frames.filter(
      ({ type, flags }) => type === DATA && flags === END_STREAM,
    )
  await eventually(() => ended().length).toBe(20)
})

test('requests that are given up at any moment leave the process alive, and the others whole', async () => {
  const random = seededRandom(7)
  const upstream = await startHttp2((stream) => {
    stream.resume().on('aborted', () => undefined)
    const turn = random()
    if (turn < 0.2) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200 })
    stream.write('abc')
    if (turn < 0.6) stream.end('def')
    else setTimeout(() => void stream.end('def'), 3 * random())
  })
  const house = startHouse(upstream.port)
  const kept: Asker[] = []
  for (let n = 0; n < 400; n++) {
    const asker = house.ask({ method: 'POST', body: null })
    await eventually(() => asker.upstream!.isConnected).toBe(true)
    if (random() < 0.5) asker.sendData('x'.repeat(Math.floor(20_000 * random())))
    if (random() < 0.5) asker.end(random() < 0.5 ? 'x-sum: 1\r\n' : '')
    if (n % 4 === 0) kept.push(asker)
    else giveUpSome(asker, random)
  }
  for (const asker of kept) {
    if (!asker.isRequestDone) asker.end()
    await asker.settled()
    if (asker.failure === null) expect([asker.body, asker.trailers]).toEqual(['abcdef', ''])
    else expect(asker.failure).toEqual({ reason: 'reset', retry: ALWAYS })
  }
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

/** Takes three bytes of a body, and never its end. Then it says that, if anything. */
async function startStingy(goodbye: string) {
  const upstream = await startFrames(({ type, flags }, connection) => {
    if (type === SETTINGS && flags === 0) {
      connection.send(frame(SETTINGS, { stream: 0 }, `\0\x04${word(3)}`))
      connection.send(frame(SETTINGS, { stream: 0, flags: 1 }))
    }
    if (type === DATA) connection.send(goodbye)
  })
  return upstream
}

describe.each([
  ['that goes on', ''],
  ['that is going', frame(GOAWAY, { stream: 0 }, word(9) + word(0))],
])('on a session %s', (_, goodbye) => {
  test('a request whose end the peer has no room for, and which is given up, is forgotten in a while', async () => {
    const upstream = await startStingy(goodbye)
    const house = startHouse(upstream.port)
    const [asker, other] = await Promise.all([askToTheEnd(house), askToTheEnd(house)])
    await eventually(() => upstream.connections[0]!.count(DATA)).toBe(2)
    asker.upstream!.close()
    house.advance(60_000)
    house.advance(60_000)
    expect(house.openCount).toBe(1)

    // Nobody is left on the session.
    other.upstream!.close()
    house.advance(1_000)
    house.advance(3_000)
    expect(house.openCount).toBe(1)
    house.advance(3_000)
    await eventually(() => house.openCount).toBe(0)
    expect([asker.failure, other.failure]).toEqual([null, null])
  })
})

async function askToTheEnd(house: House): Promise<Asker> {
  const asker = house.ask({ method: 'POST', body: null })
  await eventually(() => asker.upstream!.isConnected).toBe(true)
  asker.sendData('abc')
  asker.end()
  return asker
}

/** At once, with the first piece of the answer, or in a moment. */
function giveUpSome(asker: Asker, random: () => number): void {
  const giveUp = (): void => asker.upstream!.close()
  const turn = random()
  if (turn < 0.2) giveUp()
  else if (turn < 0.4) process.nextTick(giveUp)
  else if (turn < 0.6) asker.onPiece = giveUp
  setTimeout(giveUp, 3 * random())
}
