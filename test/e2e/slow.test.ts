/**
 * Slow and greedy clients of the real process: each has an end and is counted, the memory they can take is bounded,
 * and others do not feel them.
 */

import { expect, test } from 'vitest'
import { type Client, connectClient } from '../proxy/exchange/client.ts'
import { answerOk, startUpstream } from '../proxy/exchange/upstream.ts'
import { type House, startHouse } from './house.ts'

const TIMEOUTS = 'timeouts: { head: 1s, bodyStall: 1s, idle: 60s }'

const REFUSED_CONNECTIONS = 'sluice_refused_connections_total'
const REFUSED_REQUESTS = 'sluice_refused_requests_total'

test('a head and a body that trickle are answered 408 and counted', async () => {
  const upstream = await startUpstream(answerOk)
  const house = await startHouse(upstream, { proxyEntries: [TIMEOUTS] })
  const head = await connectClient(house.port)
  const body = await connectClient(house.port)
  head.send('GET / HTTP/1.1\r\nHost: test\r\nX: ')
  body.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n')
  const trickles = [drip(head, 10), drip(body, 10)]
  expect((await head.answer()).status).toBe(408)
  expect((await body.answer()).status).toBe(408)
  for (const stop of trickles) stop()
  await eventuallyMetric(house, [REFUSED_REQUESTS, 'reason="timeout"'], 2)
})

test('a body that comes slowly, but as fast as it has to, is waited for', async () => {
  const upstream = await startUpstream(answerOk)
  const house = await startHouse(upstream, {
    proxyEntries: [TIMEOUTS, 'limits: { bodyRate: 1KiB }'],
  })
  const client = await connectClient(house.port)
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 12000\r\n\r\n')
  for (let i = 0; i < 40; i++) {
    client.send('x'.repeat(300))
    await pause(100)
  }
  expect((await client.answer()).status).toBe(200)
  expect(await house.metric(REFUSED_REQUESTS)).toBe(0)
})

test('connections beyond a limit are closed at once and counted by reason', async () => {
  const upstream = await startUpstream()
  const house = await startHouse(upstream, {
    proxyEntries: ['limits: { connections: 8, connectionsPerAddress: 5 }'],
  })
  const kept = await clients(house.port, 5)
  for (const client of kept) expect((await client.get('/')).status).toBe(200)
  for (const client of await clients(house.port, 3)) {
    expect(await client.reader.end()).not.toBe('open')
  }
  await eventuallyMetric(house, [REFUSED_CONNECTIONS, 'reason="addressLimit"'], 3)
  // Of other addresses there may be three more.
  for (const client of kept) expect((await client.get('/')).status).toBe(200)
  kept[0]!.end()
  await expect.poll(() => house.metric('sluice_downstream_connections')).toBe(4)
  const next = await connectClient(house.port)
  expect((await next.get('/')).status).toBe(200)
})

function clients(port: number, count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, () => connectClient(port)))
}

/** Sends a byte now and then; returns what stops it. */
function drip(client: Client, everyMs: number): () => void {
  const timer = setInterval(() => {
    if (client.socket.writable) client.send('x')
  }, everyMs)
  return () => clearInterval(timer)
}

async function eventuallyMetric(
  house: House,
  [name, label]: readonly [string, string],
  value: number,
): Promise<void> {
  await expect.poll(() => house.metric(name, label)).toBe(value)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
