/** Bodies that trickle in take no more than their share of the connections to an upstream. */

import { beforeEach, expect, test } from 'vitest'
import { type Client, connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { valueOf } from './message.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { startUpstream, type Upstream } from './upstream.ts'

const STALL_MS = 30_000
/** What has to come in that time. */
const SHARE_BYTES = 30
const POST = 'POST /held HTTP/1.1\r\nHost: test\r\n'
const BY_LENGTH = `${POST}Content-Length: 10\r\n\r\n`
const FIRST = 'POST /first HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n'
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`

let upstream: Upstream
let proxy: Proxy
/** Two of four connections are taken by bodies that do not come. */
let first: Client[]

beforeEach(async () => {
  upstream = await startUpstream()
  const limits = { upstreamConnections: 4, bodyBytesPerSecond: 1 }
  const timeouts = { bodyStallMs: STALL_MS }
  proxy = await startProxy({ stable: [upstream.port], limits, timeouts })
  first = await Promise.all([0, 1].map(() => connectClient(proxy.port)))
  for (const client of first) client.send(FIRST)
  await eventually(() => upstream.requests.length).toBe(2)
})

/** A client whose request waits for its body. */
async function heldBack(start: string): Promise<Client> {
  const client = await connectClient(proxy.port)
  client.send(start)
  await proxy.sweeps(1)
  expect(upstream.targets).not.toContain('/held')
  return client
}

/** Resolves with the body that the upstream got. */
async function expectAnswered(client: Client): Promise<string> {
  expect((await client.answer()).status).toBe(200)
  const received = upstream.requests.find(({ target }) => target === '/held')
  return (await received!.whole).toString()
}

test.each([
  ['by length', BY_LENGTH, ['01234', '56789']],
  ['byte by byte', BY_LENGTH, Array.from('0123456789')],
  ['in chunks', CHUNKED, ['5\r\n01234\r\n', '5\r\n56789\r\n0', '\r\n\r\n']],
])('a request waits for its body: %s', async (_, head, pieces) => {
  const client = await heldBack(head)
  for (const piece of pieces) {
    expect(upstream.targets).not.toContain('/held')
    client.send(piece)
    await proxy.sweeps(1)
  }
  expect(await expectAnswered(client)).toBe('0123456789')
  expect((await client.get('/')).status).toBe(200)
})

test('those without a body are served meanwhile, and so are those that bring it along', async () => {
  await heldBack(BY_LENGTH)
  const client = await connectClient(proxy.port)
  expect((await client.get('/')).status).toBe(200)
  client.send(`${BY_LENGTH}0123456789`)
  expect(await expectAnswered(client)).toBe('0123456789')
})

test('a long body need not be whole', async () => {
  const client = await heldBack(`${POST}Content-Length: 100000\r\n\r\n`)
  client.send('x'.repeat(20_000))
  await eventually(() => upstream.targets).toContain('/held')
  client.send('x'.repeat(80_000))
  expect(await expectAnswered(client)).toHaveLength(100_000)
})

test('a client that waits for 100 (Continue) is refused at once: it would wait for ever', async () => {
  const client = await connectClient(proxy.port)
  client.send(BY_LENGTH.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))
  const answer = await client.answer()
  expect([answer.status, valueOf(answer, 'proxy-status')]).toEqual([
    503,
    expect.stringContaining('connection_limit_reached'),
  ])
  expect(upstream.targets).not.toContain('/held')
})

test('who calls it gRPC over HTTP/1.1 waits like everybody else', async () => {
  const client = await heldBack(
    `${POST}Content-Type: application/grpc\r\nContent-Length: 10\r\n\r\n`,
  )
  client.send('0123456789')
  expect(await expectAnswered(client)).toBe('0123456789')
})

test('when there is room again, the request goes without its body', async () => {
  const client = await heldBack(BY_LENGTH)
  first[0]!.send('x'.repeat(1_000))
  await eventually(() => upstream.targets).toContain('/held')
  client.send('0123456789')
  expect(await expectAnswered(client)).toBe('0123456789')
})

test('a client that leaves makes room too', async () => {
  await heldBack(BY_LENGTH)
  first[0]!.reset()
  await eventually(() => upstream.targets).toContain('/held')
})

test('a body that does not come is answered 408 and counted', async () => {
  const client = await heldBack(BY_LENGTH)
  await proxy.advance(STALL_MS + 1_000)
  const answer = await client.answer()
  expect([answer.status, valueOf(answer, 'connection')]).toEqual([408, 'close'])
  expect(upstream.targets).not.toContain('/held')
  expect(proxy.localCount(408)).toBe(1)
})

test('one that comes as fast as it has to is waited for', async () => {
  const client = await heldBack(`${POST}Content-Length: 80\r\n\r\n`)
  for (let i = 0; i < 2; i++) {
    for (const each of [client, ...first]) each.send('x'.repeat(SHARE_BYTES))
    await proxy.sweeps(1)
    await proxy.advance(STALL_MS - 10_000)
  }
  expect(upstream.targets).not.toContain('/held')
  client.send('x'.repeat(80 - 2 * SHARE_BYTES))
  expect(await expectAnswered(client)).toHaveLength(80)
})

test('a malformed chunk is refused at once', async () => {
  const client = await heldBack(CHUNKED)
  client.send('zz\r\n')
  expect((await client.answer()).status).toBe(400)
})
