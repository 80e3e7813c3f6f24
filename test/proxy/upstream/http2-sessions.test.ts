/** The connections under requests over HTTP/2: when one is opened, shared, left alone, closed. */

import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import {
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  RST_STREAM,
  SETTINGS,
  word,
} from '../../hostile/frames.ts'
import { ALWAYS, IF_IDEMPOTENT, NEVER } from '../../../src/proxy/upstream/upstream.ts'
import type { Asker } from './asker.ts'
import { type House, startHouse } from './house.ts'
import { type FrameConnection, listen, startFrames, startHttp2 } from './servers.ts'

const MAX_CONCURRENT_STREAMS = '\0\x03'

/** SETTINGS with so many streams at a time, and the acknowledgement of ours. */
function opening(streamLimit: number): string {
  return (
    frame(SETTINGS, { stream: 0 }, MAX_CONCURRENT_STREAMS + word(streamLimit)) +
    frame(SETTINGS, { stream: 0, flags: 1 })
  )
}

const OK = [[':status', '200']] as const

/** Answers requests to `/now` at once, and those to `/never` never. */
async function startLimited(streamLimit: number) {
  return await startFrames(({ type, stream, flags }, connection) => {
    if (type === SETTINGS && flags === 0) connection.send(opening(streamLimit))
    if (type !== HEADERS) return
    const path = connection.requests.at(-1)!.find(([name]) => name === ':path')![1]
    if (path === '/now') connection.send(headers(stream, OK, END_STREAM))
  })
}

/** Gives up all that is left, so that the books can balance. */
function giveUp(...askers: readonly Asker[]): void {
  for (const { upstream } of askers) upstream?.close()
}

/** Asks once, so that the peer's settings are known. */
async function warmUp(house: House): Promise<void> {
  await house.ask({ target: '/now' }).settled()
}

test('requests that come while it connects share one connection', async () => {
  const upstream = await startLimited(100)
  const house = startHouse(upstream.port)
  const askers = Array.from({ length: 20 }, () => house.ask({ target: '/now' }))
  expect(house.endpoint.outstandingCount).toBe(20)
  for (const asker of askers) expect((await asker.settled()).head!.status).toBe(200)
  expect(house.openedCount).toBe(1)
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

test('no more requests go on a connection than the peer takes at a time', async () => {
  const upstream = await startLimited(2)
  const house = startHouse(upstream.port)
  await warmUp(house)
  const askers = Array.from({ length: 5 }, () => house.ask({ target: '/never' }))
  await eventually(() => upstream.connections.map(({ requests }) => requests.length)).toEqual([
    3, 3,
  ])
  giveUp(...askers)
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

test('before the peer has said how many it takes, a hundred go on a connection', async () => {
  const upstream = await startLimited(100)
  const house = startHouse(upstream.port)
  const askers = Array.from({ length: 101 }, () => house.ask({ target: '/never' }))
  expect(house.openedCount).toBe(2)
  giveUp(...askers)
  expect(house.endpoint.outstandingCount).toBe(0)
})

test('where all connections are full and no more may be opened there is no place', async () => {
  const upstream = await startLimited(1)
  const house = startHouse(upstream.port, { limits: { upstreamConnections: 2 } })
  await warmUp(house)
  const first = house.ask({ target: '/never' })
  const second = house.ask({ target: '/never' })
  await eventually(() => upstream.connections[1]?.requests.length).toBe(1)
  await eventually(() => house.endpoint.open(house.context, second, false)).toBeNull()
  giveUp(first)
  await eventually(() => upstream.connections[0]!.count(RST_STREAM)).toBe(1)
  expect((await house.ask({ target: '/now' }).settled()).head!.status).toBe(200)
  giveUp(second)
})

test('a peer that takes none at a time gets none once it has said so', async () => {
  const upstream = await startLimited(0)
  const house = startHouse(upstream.port, { limits: { upstreamConnections: 1 } })
  const asker = house.ask({ target: '/never' })
  await eventually(() => upstream.connections[0]?.frames.length ?? 0).toBeGreaterThan(0)
  await eventually(() => house.endpoint.open(house.context, asker, true)).toBeNull()
  giveUp(asker)
})

test('a second try goes over a new connection, and others at the same time over the same one', async () => {
  const upstream = await startLimited(100)
  const house = startHouse(upstream.port)
  await warmUp(house)
  house.advance(250)
  const tries = [1, 2, 3].map(() => house.ask({ target: '/now', mayReuse: false }))
  for (const asker of tries) await asker.settled()
  expect(upstream.connections.map(({ requests }) => requests.length)).toEqual([1, 3])
})

test('a connection without a request is closed in time, one with a request is not', async () => {
  const upstream = await startLimited(1)
  const house = startHouse(upstream.port)
  await warmUp(house)
  const asker = house.ask({ target: '/never' })
  await house.ask({ target: '/now' }).settled()
  expect(house.openCount).toBe(2)
  await eventually(() => house.endpoint.outstandingCount).toBe(1)
  house.advance(2_000)
  await eventually(() => house.openCount).toBe(1)
  expect(asker.failure).toBeNull()
  giveUp(asker)
})

test('an endpoint that is named no more lets its requests finish and closes', async () => {
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 200 })
    stream.resume().on('end', () => stream.end('done'))
  })
  const house = startHouse(upstream.port)
  const asker = house.ask({ method: 'POST', body: null })
  await eventually(() => asker.head).not.toBeNull()
  house.context.endpoints.retain(new Set())
  asker.end()
  expect((await asker.settled()).body).toBe('done')
  await eventually(() => house.openCount).toBe(0)
})

test('after a GOAWAY the requests under way finish, and new ones go elsewhere', async () => {
  const upstream = await startHttp2((stream, { ':path': path }) => {
    stream.respond({ ':status': 200 })
    if (path !== '/slow') return void stream.end('now')
    stream.session!.goaway(0, stream.id)
    stream.resume().on('end', () => stream.end('slow'))
  })
  const house = startHouse(upstream.port)
  const slow = house.ask({ method: 'POST', target: '/slow', body: null })
  await eventually(() => slow.head).not.toBeNull()
  expect((await house.ask().settled()).body).toBe('now')
  expect(house.openedCount).toBe(2)
  slow.end()
  expect((await slow.settled()).body).toBe('slow')
  await eventually(() => house.openCount).toBe(1)
})

test('a GOAWAY is believed where it says that requests were left out', async () => {
  const upstream = await startFrames(({ type, stream }, connection) => {
    if (type !== HEADERS || stream !== 5) return
    connection.send(opening(100), headers(1, OK), frame(GOAWAY, { stream: 0 }, word(3) + word(0)))
  })
  const house = startHouse(upstream.port)
  const [first, second, third] = [1, 2, 3].map(() => house.ask({ method: 'POST', body: null }))
  await third!.settled()
  expect(third!.failure).toEqual({ reason: 'reset', retry: ALWAYS })
  expect([first!.failure, second!.failure]).toEqual([null, null])
  upstream.connections[0]!.socket.end()
  expect((await first!.settled()).failure).toEqual({ reason: 'incomplete', retry: NEVER })
  expect((await second!.settled()).failure).toEqual({ reason: 'reset', retry: IF_IDEMPOTENT })
})

test.for([
  ['nobody listens', 'refused'],
  ['nobody is found', 'dns'],
] as const)('where %s all requests that wait fail', async ([, reason]) => {
  const server = createServer()
  const port = await listen(server)
  server.close()
  const address = reason === 'dns' ? { host: 'nobody.invalid' } : {}
  const house = startHouse(port, { address })
  const askers = [house.ask(), house.ask()]
  for (const asker of askers) {
    expect((await asker.settled()).failure).toEqual({ reason, retry: NEVER })
  }
  expect(house.openedCount).toBe(1)
})

/** Acknowledges no PING. */
async function startSilent(): Promise<{ port: number; connections: FrameConnection[] }> {
  return await startFrames(({ type, flags, stream }, connection) => {
    if (type === SETTINGS && flags === 0) connection.send(opening(100))
    if (type === HEADERS && stream === 1) connection.send(headers(1, OK, END_STREAM))
  })
}

test('a connection that is silent under requests is asked, then avoided, then closed', async () => {
  const upstream = await startSilent()
  const house = startHouse(upstream.port)
  await warmUp(house)
  house.advance(250)
  const [given, waiting] = [house.ask(), house.ask()]
  await eventually(() => upstream.connections[0]!.requests.length).toBe(3)
  house.advance(250)
  giveUp(given)
  await eventually(() => upstream.connections[0]!.count(PING)).toBe(1)
  house.advance(1_250)
  expect((await house.ask().settled()).head!.status).toBe(200)
  expect(house.openedCount).toBe(2)
  house.advance(5_000)
  expect((await waiting.settled()).failure).toEqual({ reason: 'reset', retry: IF_IDEMPOTENT })
})

test('one that answers a PING stays in use', async () => {
  const upstream = await startHttp2((stream, { ':path': path }) => {
    if (path === '/now') stream.respond({ ':status': 200 }, { endStream: true })
  })
  const house = startHouse(upstream.port)
  await warmUp(house)
  house.advance(250)
  const asker = house.ask()
  let pingCount = 0
  upstream.sessions[0]!.on('ping', () => pingCount++)
  giveUp(asker)
  await eventually(() => pingCount).toBe(1)
  await warmUp(house)
  house.advance(900)
  await warmUp(house)
  house.advance(900)
  await warmUp(house)
  expect(house.openedCount).toBe(1)
})

test('a connection that is not made in time is left for a new one', async () => {
  const held: Socket[] = []
  const port = await listen(createServer((socket) => void held.push(socket.pause())))
  // TLS begins with a server that says nothing.
  const tls = { ca: null, identity: null, serverName: null, isVerified: true }
  const house = startHouse(port, { address: { tls } })
  const first = house.ask()
  house.advance(900)
  const second = house.ask()
  expect(house.openedCount).toBe(1)
  house.advance(100)
  const expected = { reason: 'connectTimeout', retry: NEVER }
  expect((await first.settled()).failure).toEqual(expected)
  expect((await second.settled()).failure).toEqual(expected)
  const third = house.ask()
  expect(house.openedCount).toBe(2)
  giveUp(third)
})

test('a request that is given up while it connects is not sent', async () => {
  const upstream = await startLimited(100)
  const house = startHouse(upstream.port)
  const [given, kept] = [house.ask({ target: '/a' }), house.ask({ target: '/now' })]
  giveUp(given)
  await kept.settled()
  expect(upstream.connections[0]!.requests).toHaveLength(1)
  expect(given.failure).toBeNull()
})
