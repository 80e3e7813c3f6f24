/**
 * Slow and greedy clients of the real process: each has an end and is counted, the memory they can take is bounded,
 * and others do not feel them.
 */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../clients/servers.ts'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { answerOk, startUpstream } from '../proxy/exchange/upstream.ts'
import { type House, startHouse } from './house.ts'

const MIB = 1024 * 1024

const REFUSED_CONNECTIONS = 'sluice_refused_connections_total'
const REFUSED_REQUESTS = 'sluice_refused_requests_total'

/** Of a body of which the rest is to come. */
const POST = 'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n'
const DRIP_MS = 50
/** Twenty times the least rate, which is per second. */
const STEADY_CHUNK = `64\r\n${'x'.repeat(100)}\r\n`

test('heads and bodies that trickle are answered 408 and counted; a slow body that keeps its pace is not', async () => {
  const upstream = await startUpstream(answerOk)
  const house = await startHouse(upstream, {
    proxyEntries: ['timeouts: { head: 1s, bodyStall: 1500ms, idle: 60s }'],
  })
  const steady = await connectClient(house.port)
  steady.send(POST)
  const stop = drip(steady, STEADY_CHUNK)

  for (let round = 1; round <= 2; round++) {
    const head = await connectClient(house.port)
    const body = await connectClient(house.port)
    head.send('GET / HTTP/1.1\r\nHost: test\r\nX: ')
    body.send(POST)
    const stops = [drip(head, 'x'), drip(body, '1\r\nx\r\n')]
    expect((await head.answer()).status).toBe(408)
    expect((await body.answer()).status).toBe(408)
    for (const each of stops) each()
    await eventuallyMetric(house, [REFUSED_REQUESTS, 'reason="timeout"'], 2 * round)
  }

  stop()
  steady.send('0\r\n\r\n')
  expect((await steady.answer()).status).toBe(200)
  expect(upstream.requests.filter(({ isWhole }) => isWhole)).toHaveLength(1)
})

test('connections beyond a limit are closed at once and counted by reason', async () => {
  const upstream = await startUpstream()
  const house = await startHouse(upstream, {
    proxyEntries: ['limits: { connections: 8, connectionsPerAddress: 5 }'],
  })
  const one = await clientsFrom(house, '127.0.0.1', 5)
  for (const socket of await clientsFrom(house, '127.0.0.1', 3)) await closed(socket)
  await eventuallyMetric(house, [REFUSED_CONNECTIONS, 'reason="addressLimit"'], 3)

  const other = await clientsFrom(house, '127.0.0.2', 3)
  await eventuallyMetric(house, ['sluice_downstream_connections', ''], 8)
  for (const socket of await clientsFrom(house, '127.0.0.3', 2)) await closed(socket)
  await eventuallyMetric(house, [REFUSED_CONNECTIONS, 'reason="limit"'], 2)

  one[0]!.destroy()
  other[0]!.destroy()
  await eventuallyMetric(house, ['sluice_downstream_connections', ''], 6)
  const next = await connectClient(house.port)
  expect((await next.get('/')).status).toBe(200)
  expect(upstream.requests).toHaveLength(1)
})

test('clients that do not read hold no more than their buffers, and others are served', async () => {
  const count = 300
  const big = Buffer.alloc(8 * MIB, 'x')
  const bufferBytes = 64 * 1024
  const upstream = await serve((request, response) => {
    request.resume()
    response.end(request.url === '/small' ? 'ok' : big)
  })
  const house = await startHouse(upstream, {
    proxyEntries: ['limits: { buffer: 64KiB }', 'timeouts: { bodyStall: 5s, upstreamIdle: 1s }'],
  })
  await askSmall(house)
  const before = house.residentBytes()

  const deaf = await clientsFrom(house, '127.0.0.1', count)
  for (const socket of deaf) socket.pause().write('GET /big HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventuallyMetric(house, ['sluice_requests_active', ''], count)
  let most = before
  await expect
    .poll(
      async () => {
        most = Math.max(most, house.residentBytes())
        await askSmall(house)
        return house.metric('sluice_client_aborts_total')
      },
      { timeout: 60_000 },
    )
    .toBe(count)

  // Each holds what it may and two reads more; and what the runtime wants for itself.
  expect(most - before).toBeLessThan(count * (bufferBytes + 2 * 64 * 1024) + 64 * MIB)
  for (const socket of deaf) socket.resume()
  await Promise.all(deaf.map(closed))
  for (const metric of ['requests_active', 'downstream_connections', 'upstream_connections']) {
    await eventuallyMetric(house, [`sluice_${metric}`, ''], 0)
  }
}, 90_000)

test('a client that pauses its upload for long, but moves now and then, is waited for; the upstream gets all', async () => {
  const bodies: Buffer[] = []
  const upstream = await startUpstream(async (received) => {
    bodies.push(await received.whole)
    received.answer(200)
  })
  const house = await startHouse(upstream, {
    proxyEntries: ['timeouts: { bodyStall: 2s }', 'limits: { bodyRate: 0 }'],
  })
  const slow = await connectClient(house.port)
  slow.send(POST)
  const stop = drip(slow, '1\r\ny\r\n', 500)
  // Others that send nothing are refused meanwhile, one after the other: so long it lasts.
  for (let round = 0; round < 2; round++) {
    const silent = await connectClient(house.port)
    silent.send(POST)
    expect((await silent.answer()).status).toBe(408)
  }
  stop()
  slow.send('0\r\n\r\n')
  expect((await slow.answer()).status).toBe(200)
  expect(bodies).toHaveLength(1)
  expect(bodies[0]!.toString()).toMatch(/^y{4,}$/)
})

/** Sends it at once and again and again; returns what stops it. */
function drip(client: Client, text: string, everyMs = DRIP_MS): () => void {
  client.send(text)
  const timer = setInterval(() => {
    if (client.socket.writable) client.send(text)
  }, everyMs)
  const stop = (): void => clearInterval(timer)
  onTestFinished(stop)
  return stop
}

async function clientsFrom(
  { port }: House,
  localAddress: string,
  count: number,
): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () =>
    connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined),
  )
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

/** Resolves when its other side has closed or reset it. */
function closed(socket: Socket): Promise<void> {
  socket.resume()
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

async function askSmall({ port }: House): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/small`)
  expect([response.status, await response.text()]).toEqual([200, 'ok'])
}

async function eventuallyMetric(
  house: House,
  [name, label]: readonly [name: string, label: string],
  value: number,
): Promise<void> {
  await expect.poll(() => house.metric(name, label), { timeout: 60_000 }).toBe(value)
}
