/** Upgrades to WebSocket as extended CONNECT (RFC 8441): asked for where the peer allows it, both halves of a tunnel. */

import type { ServerHttp2Stream } from 'node:http2'
import { expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import { NEVER } from '../../../src/proxy/upstream/upstream.ts'
import { END_STREAM, frame, HEADERS, headers, SETTINGS, word } from '../../hostile/frames.ts'
import { startHouse } from './house.ts'
import { startFrames, startHttp2 } from './servers.ts'

/** The example of RFC 6455 section 1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const UPGRADE = {
  isUpgrade: true,
  lines: `sec-websocket-key: ${KEY}\r\nsec-websocket-version: 13\r\n`,
}

const ALLOWED = { settings: { enableConnectProtocol: true } }

/** Opens a tunnel; returns both of its ends. */
async function openTunnel() {
  const streams: ServerHttp2Stream[] = []
  const seen: unknown[] = []
  const upstream = await startHttp2((stream, fields) => {
    streams.push(stream)
    seen.push(Object.entries(fields))
    stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat' })
  }, ALLOWED)
  const house = startHouse(upstream.port)
  const asker = house.ask(UPGRADE)
  await eventually(() => asker.switched).not.toBeNull()
  return { house, asker, stream: streams[0]!, seen }
}

test('a request to upgrade is an extended CONNECT, its answer the 101 that a client expects', async () => {
  const { asker, seen } = await openTunnel()
  expect(seen).toEqual([
    Object.entries({
      ':protocol': 'websocket',
      ':method': 'CONNECT',
      ':scheme': 'http',
      ':path': '/',
      ':authority': 'a.example',
      'sec-websocket-version': '13',
    }),
  ])
  expect(asker.switched!.status).toBe(101)
  expect(asker.switched!.lines).toContain(`sec-websocket-accept: ${ACCEPT}\r\n`)
  expect(asker.switched!.lines).toContain('sec-websocket-protocol: chat\r\n')
  expect(asker.head).toBeNull()
  asker.upstream!.close()
})

test('bytes go both ways, and each half ends by itself', async () => {
  const { house, asker, stream } = await openTunnel()
  stream.on('data', (bytes: Buffer) => stream.write(bytes.toString().toUpperCase()))
  asker.sendData('hello')
  await eventually(() => asker.body).toBe('HELLO')
  let hasEnded = false
  stream.on('end', () => (hasEnded = true))
  asker.end()
  await eventually(() => hasEnded).toBe(true)
  expect(asker.trailers).toBeNull()
  stream.end('goodbye')
  await eventually(() => asker.trailers).toBe('')
  expect(asker.body).toBe('HELLOgoodbye')
  asker.upstream!.close()
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
  expect(asker.failure).toBeNull()
})

test('the peer may end its half first', async () => {
  const { asker, stream } = await openTunnel()
  const received: string[] = []
  stream.on('data', (bytes: Buffer) => received.push(bytes.toString()))
  stream.end()
  await eventually(() => asker.trailers).toBe('')
  asker.sendData('late')
  asker.end()
  asker.upstream!.close()
  await eventually(() => received.join('')).toBe('late')
})

test('a tunnel that the peer resets fails', async () => {
  const { asker, stream } = await openTunnel()
  stream.close(2)
  await eventually(() => asker.failure).toEqual({ reason: 'incomplete', retry: NEVER })
})

test('a tunnel that is closed is cancelled', async () => {
  const { house, asker, stream } = await openTunnel()
  asker.upstream!.close()
  await eventually(() => stream.rstCode).toBe(8)
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
  expect(asker.failure).toBeNull()
})

test('an answer that does not agree is passed on as it is', async () => {
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 403 })
    stream.end('no')
  }, ALLOWED)
  const house = startHouse(upstream.port)
  const asker = await house.ask(UPGRADE).settled()
  expect([asker.head!.status, asker.body, asker.switched]).toEqual([403, 'no', null])
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

test('a peer that does not allow it is not asked', async () => {
  let requestCount = 0
  const upstream = await startHttp2(() => requestCount++)
  const house = startHouse(upstream.port)
  const expected = { reason: 'upgrade', retry: NEVER }
  expect((await house.ask(UPGRADE).settled()).failure).toEqual(expected)
  // And not where its settings are known already.
  const again = house.ask(UPGRADE)
  expect(again.failure).toBeNull()
  expect((await again.settled()).failure).toEqual(expected)
  expect([requestCount, house.openedCount]).toEqual([0, 1])
  expect(house.endpoint.outstandingCount).toBe(0)
})

test('it waits for what the peer allows, which other requests do not', async () => {
  const upstream = await startFrames(({ type, stream, flags }, connection) => {
    const isExtended = connection.requests.at(-1)?.[0]?.[0] === ':protocol'
    if (type === HEADERS) connection.send(headers(stream, [[':status', '200']], isExtended ? 0 : 1))
    if (type === SETTINGS && (flags & END_STREAM) === 0)
      connection.send(frame(SETTINGS, { stream: 0 }))
  })
  const house = startHouse(upstream.port)
  const tunnel = house.ask(UPGRADE)
  expect((await house.ask().settled()).head!.status).toBe(200)
  expect(tunnel.upstream!.isConnected).toBe(false)
  upstream.connections[0]!.send(frame(SETTINGS, { stream: 0 }, `\0\x08${word(1)}`))
  await eventually(() => tunnel.failure).toEqual({ reason: 'upgrade', retry: NEVER })
})
