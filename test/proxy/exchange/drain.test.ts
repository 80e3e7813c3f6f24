/** How a proxy ends: nobody who was promised an answer goes without, and nothing lasts longer than it may. */

import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { eventually } from './eventually.ts'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

const MIB = 1024 * 1024
const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'

test('idle connections are closed, requests under way are answered with a close', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const idle = await connectClient(proxy.port)
  expect((await idle.get('/')).status).toBe(200)
  const fresh = await connectClient(proxy.port)
  const busy = await connectClient(proxy.port)
  const streaming = await connectClient(proxy.port)
  upstream.script = (received) =>
    received.target === '/busy'
      ? undefined
      : received.send('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc')
  busy.send(GET.replace('/', '/busy'))
  streaming.send(GET)
  await upstream.request(2)
  await eventually(() => streaming.reader.unread).toContain('abc')

  let isDrained = false
  const drained = proxy.server.drain(60_000).finally(() => {
    isDrained = true
  })
  expect(await idle.reader.end()).not.toBe('open')
  expect(await fresh.reader.end()).not.toBe('open')
  expect(await refusal(proxy.port)).toBe('ECONNREFUSED')
  expect(isDrained).toBe(false)

  const held = upstream.requests.find(({ target }) => target === '/busy')
  held!.answer(200, 'done')
  const answer = await busy.answer()
  expect(answer.body.toString()).toBe('done')
  expect(valueOf(answer, 'connection')).toBe('close')
  expect(await busy.reader.end()).toBe('ended')
  expect(isDrained).toBe(false)

  upstream.requests.find(({ target, connection }) => target === '/' && connection > 0)!.send('def')
  expect((await streaming.answer()).body.toString()).toBe('abcdef')
  expect(await streaming.reader.end()).toBe('ended')
  for (const client of [busy, streaming]) client.end()
  await drained
  expect(proxy.thread('closed')).toBe(proxy.thread('accepted'))
  await eventually(() => upstream.openCount).toBe(0)
})

test('a request whose head is half here is answered too', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost:')
  await proxy.sweeps(1)
  const drained = proxy.server.drain(60_000)
  client.send(' test\r\n\r\n')
  const answer = await client.answer()
  expect(answer.status).toBe(200)
  expect(valueOf(answer, 'connection')).toBe('close')
  client.end()
  await drained
})

test('requests that have arrived unread are answered, over idle connections and new ones', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const idle = await connectClient(proxy.port)
  expect((await idle.get('/')).status).toBe(200)
  const fresh = await connectClient(proxy.port)
  for (const client of [idle, fresh]) client.send(GET)
  const drained = proxy.server.drain(60_000)
  for (const client of [idle, fresh]) {
    const answer = await client.answer()
    expect(answer.status).toBe(200)
    expect(valueOf(answer, 'connection')).toBe('close')
    client.end()
  }
  await drained
})

test('the tail of the last answer is not cut off', async () => {
  const upstream = await startUpstream((received) => received.answer(200, Buffer.alloc(24 * MIB)))
  const proxy = await startProxy({ stable: [upstream.port], limits: { bufferBytes: 48 * MIB } })
  const client = await connectClient(proxy.port)
  client.reader.hold()
  client.send(GET)
  await eventually(() => proxy.counted().finished).toBe(1)
  const drained = proxy.server.drain(60_000)
  client.reader.resume()
  expect((await client.answer()).body.length).toBe(24 * MIB)
  expect(await client.reader.end()).toBe('ended')
  client.end()
  await drained
})

test('what is not finished in time is cut off', async () => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(GET)
  const received = await upstream.request(0)
  await proxy.server.drain(50)
  expect(await client.reader.end()).not.toBe('open')
  await received.gone()
  expect(proxy.thread('closed')).toBe(1)
  expect(proxy.counted()).toMatchObject({ finished: 1, clientAborts: 1, errors: 0 })
})

test('without connections it ends at once', async () => {
  const proxy = await startProxy({ stable: [] })
  await proxy.server.drain(60_000)
  expect(proxy.thread('accepted')).toBe(0)
})

/** Resolves with the code of the error that a connection meets. */
async function refusal(port: number): Promise<string | undefined> {
  const [error]: NodeJS.ErrnoException[] = await once(connect({ port, host: '127.0.0.1' }), 'error')
  return error?.code
}
