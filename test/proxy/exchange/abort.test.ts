/** A client that leaves: its request is cancelled upstream at once, and is nobody's error. */

import { expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { type Client, connectClient } from './client.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { type Script, startUpstream } from './upstream.ts'

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf'

const silent: Script = () => undefined

/** Begins to answer and never ends. */
const endless: Script = (received) =>
  received.send('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')

const LEAVING: Record<string, (client: Client) => void> = {
  FIN: (client) => client.end(),
  RST: (client) => client.reset(),
}

const CASES = [
  ['before the answer', GET, silent],
  ['in the middle of its body', POST, silent],
  ['in the middle of the answer', GET, endless],
] as const

async function expectGivenUp(proxy: Proxy): Promise<void> {
  await eventually(() => proxy.counted().finished).toBe(1)
  expect(proxy.counted()).toMatchObject({
    started: 1,
    clientAborts: 1,
    errors: 0,
    failures: {},
    codes: {},
    latencyCount: 0,
  })
}

for (const [sign, leave] of Object.entries(LEAVING)) {
  test.for(CASES)(`a client leaves with a ${sign} %s`, async ([, request, script]) => {
    const upstream = await startUpstream(script)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(request)
    const received = await upstream.request(0)
    if (script === endless) await eventually(() => client.reader.unread).toContain('abc')
    leave(client)
    await received.gone()
    await expectGivenUp(proxy)
    expect(upstream.requests).toHaveLength(1)
    await eventually(() => proxy.thread('closed')).toBe(1)
  })
}

test('a client that leaves while the upstream connection is being made is counted too', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(GET)
  await proxy.connecting()
  client.reset()
  await eventually(() => proxy.thread('closed')).toBe(1)
  await expectGivenUp(proxy)
  await eventually(() => proxy.thread('upstreamClosed')).toBe(proxy.thread('upstreamOpened'))
})

test('a client that leaves before it asked leaves no trace but its connection', async () => {
  const proxy = await startProxy({ stable: [1] })
  const client = await connectClient(proxy.port)
  client.send('GET / HT')
  client.reset()
  await eventually(() => proxy.thread('closed')).toBe(1)
  expect(proxy.counted().started).toBe(0)
})

test('a hundred clients that leave at once leave nothing behind', async () => {
  const upstream = await startUpstream(silent)
  const proxy = await startProxy({ stable: [upstream.port] })
  const clients = await Promise.all(Array.from({ length: 100 }, () => connectClient(proxy.port)))
  for (const client of clients) client.send(GET)
  await upstream.request(99)
  for (const client of clients) client.reset()
  await eventually(() => upstream.openCount).toBe(0)
  await eventually(() => proxy.counted().clientAborts).toBe(100)
  await eventually(() => proxy.thread('upstreamClosed')).toBe(100)
})
