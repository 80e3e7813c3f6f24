/** Requests that are sent a second time while their answer is waited for: the first answer is taken. */

import { expect, test } from 'vitest'
import type { Route } from '../../../src/proxy/snapshot.ts'
import { connectClient } from './client.ts'
import { eventually } from './eventually.ts'
import { startProxy } from './proxy.ts'
import { answerOk, type Received, type Script, startUpstream } from './upstream.ts'

const RETRY = { attempts: 1, statuses: [503], methods: null, perTryMs: null }

/** Two endpoints; whichever is asked first is `slow`, the other one `quick`. */
async function start(slow: Script, quick: Script = answerOk, route: Partial<Route> = {}) {
  const received: Received[] = []
  const script: Script = (request) => {
    received.push(request)
    return received.length === 1 ? slow(request) : quick(request)
  }
  const [a, b] = await Promise.all([startUpstream(script), startUpstream(script)])
  const proxy = await startProxy({
    stable: [a.port, b.port],
    route: { hedgeMs: 1, retry: RETRY, ...route },
  })
  return { received, proxy, client: await connectClient(proxy.port) }
}

test('the second answer is taken where it comes first, and the first try is given up', async () => {
  const { received, proxy, client } = await start(() => undefined)
  expect((await client.get('/a')).body.toString()).toBe('ok')
  expect(received.map(({ target }) => target)).toEqual(['/a', '/a'])
  expect(received[0]!.socket.localPort).not.toBe(received[1]!.socket.localPort)
  await received[0]!.gone()
  expect(proxy.counted()).toMatchObject({ finished: 1, hedges: 1, hedgesWon: 1, errors: 0 })
})

test('the first answer is taken where it comes first, and the second try is given up', async () => {
  const { received, proxy, client } = await start(
    () => undefined,
    () => received[0]!.answer(200, 'first'),
  )
  expect((await client.get('/')).body.toString()).toBe('first')
  await received[1]!.gone()
  expect(proxy.counted()).toMatchObject({ hedges: 1, hedgesWon: 0 })
})

test('where the first try fails the second goes on', async () => {
  const { received, proxy, client } = await start(
    () => undefined,
    (second) => {
      received[0]!.reset()
      setImmediate(() => second.answer(200, 'second'))
    },
  )
  expect((await client.get('/')).body.toString()).toBe('second')
  expect(received).toHaveLength(2)
  expect(proxy.counted()).toMatchObject({ errors: 0, retries: 0 })
})

test.for([
  ['fails', (second: Received) => second.reset()],
  ['is answered 503', (second: Received) => second.answer(503)],
] as const)('where the second try %s the first goes on', async ([, quick]) => {
  const { received, client } = await start(
    () => undefined,
    async (second) => {
      quick(second)
      await second.gone()
      received[0]!.answer(200, 'first')
    },
  )
  expect((await client.get('/')).body.toString()).toBe('first')
})

test.for([
  ['a body', 'PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\nx'],
  ['a method that is not idempotent', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n'],
] as const)('a request with %s is sent once', async ([, request]) => {
  const { received, proxy, client } = await start(
    () => undefined,
    () => undefined,
  )
  client.send(request)
  await eventually(() => received.length).toBe(1)
  // One that is sent twice, by which time the first would have been too.
  const other = await connectClient(proxy.port)
  other.send('GET /other HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => received.length).toBe(3)
  expect(received.map(({ target }) => target)).toEqual(['/', '/other', '/other'])
})

test('a client that leaves ends both', async () => {
  const { received, client } = await start(
    () => undefined,
    () => undefined,
  )
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await eventually(() => received.length).toBe(2)
  client.end()
  await Promise.all(received.map((each) => each.gone()))
})
