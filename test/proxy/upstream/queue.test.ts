/** Requests that wait for room on an HTTP/2 session; over HTTP/1.1 see `exchange/limits.test.ts`. */

import { expect, test } from 'vitest'
import { END_STREAM, frame, HEADERS, headers, SETTINGS, word } from '../../hostile/frames.ts'
import { NEVER } from '../../../src/proxy/upstream/upstream.ts'
import { eventually } from '../exchange/eventually.ts'
import { type House, startHouse } from './house.ts'
import { startFrames } from './servers.ts'

const MAX_CONCURRENT_STREAMS = '\0\x03'
const ONE_STREAM =
  frame(SETTINGS, { stream: 0 }, MAX_CONCURRENT_STREAMS + word(1)) +
  frame(SETTINGS, { stream: 0, flags: 1 })

/** An endpoint with one connection of one stream, whose requests wait; all are answered but those to `/never`. */
async function startNarrow(pendingLimit: number): Promise<House> {
  const upstream = await startFrames(({ type, stream, flags }, connection) => {
    if (type === SETTINGS && flags === 0) connection.send(ONE_STREAM)
    if (type !== HEADERS) return
    const path = connection.requests.at(-1)!.find(([name]) => name === ':path')![1]
    if (path !== '/never') connection.send(headers(stream, [[':status', '200']], END_STREAM))
  })
  const house = startHouse(upstream.port, { limits: { upstreamConnections: 1 } })
  // So that the peer's settings are known.
  await house.ask().settled()
  house.endpoint.pendingLimit = pendingLimit
  return house
}

test('a request waits for a stream, in order, and for no more than may', async () => {
  const house = await startNarrow(2)
  const first = house.ask({ target: '/never' })
  const [second, third, fourth] = [house.ask(), house.ask(), house.ask()]
  expect(house.endpoint.outstandingCount).toBe(3)
  expect(fourth.upstream).toBeNull()
  first.upstream!.close()
  expect((await second.settled()).head!.status).toBe(200)
  expect((await third.settled()).head!.status).toBe(200)
  expect(house.openedCount).toBe(1)
})

test('a second try is counted as one when it has its place', async () => {
  const house = await startNarrow(1)
  const { endpoint } = house
  const first = house.ask({ target: '/never' })
  endpoint.isRetryNext = true
  const second = house.ask({ target: '/never' })
  expect(endpoint.retryCount).toBe(0)
  first.upstream!.close()
  await eventually(() => endpoint.retryCount).toBe(1)
  second.upstream!.close()
  expect(endpoint.retryCount).toBe(0)
  await eventually(() => endpoint.outstandingCount).toBe(0)
})

test('it waits no longer than a connection may take to be made', async () => {
  const house = await startNarrow(1)
  const first = house.ask({ target: '/never' })
  const second = house.ask()
  const { connectMs } = house.context.table.timeouts
  house.endpoint.expireQueue(house.context.nowMs + connectMs - 1)
  expect(second.failure).toBeNull()
  house.endpoint.expireQueue(house.context.nowMs + connectMs)
  expect(second.failure).toEqual({ reason: 'overflow', retry: NEVER })
  expect(house.endpoint.outstandingCount).toBe(1)
  first.upstream!.close()
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

test('who gives up waits no more', async () => {
  const house = await startNarrow(1)
  const first = house.ask({ target: '/never' })
  house.ask().upstream!.close()
  const third = house.ask()
  expect(third.upstream).not.toBeNull()
  first.upstream!.close()
  expect((await third.settled()).head!.status).toBe(200)
})
