/** Requests over HTTP/2 that are given up: what the peer is told, at any moment, and what becomes of the rest. */

import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { END_STREAM, frame, HEADERS, headers, RST_STREAM, SETTINGS } from '../../hostile/frames.ts'
import { seededRandom } from '../../sim/random.ts'
import { eventually } from '../exchange/eventually.ts'
import type { Asker } from './asker.ts'
import { startHouse } from './house.ts'
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

test('requests that are given up at any moment leave the process alive and the books balanced', async () => {
  const random = seededRandom(7)
  const upstream = await startHttp2((stream) => {
    stream.resume().on('aborted', () => undefined)
    const turn = random()
    if (turn < 0.2) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200 })
    stream.write('abc')
    if (turn < 0.6) stream.end()
    else setTimeout(() => void stream.end('def'), 3 * random())
  })
  const house = startHouse(upstream.port)
  const askers: Asker[] = []
  for (let n = 0; n < 400; n++) {
    const asker = house.ask({ method: 'POST', body: null })
    askers.push(asker)
    const giveUp = (): void => asker.upstream!.close()
    await eventually(() => asker.upstream!.isConnected).toBe(true)
    const turn = random()
    if (turn < 0.3) asker.sendData('x'.repeat(Math.floor(20_000 * random())))
    if (turn > 0.2 && turn < 0.6) asker.end(turn < 0.4 ? 'x-sum: 1\r\n' : '')
    if (random() < 0.3) asker.onPiece = giveUp
    else if (random() < 0.7) setTimeout(giveUp, 3 * random())
    else if (random() < 0.5) giveUp()
  }
  for (const { upstream: place } of askers) setTimeout(() => place!.close(), 30)
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
  expect(askers.filter(({ trailers }) => trailers !== null).length).toBeGreaterThan(20)
})
