/** A bug ends the request that it struck, is told, and ends nothing else. */

import { expect, test } from 'vitest'
import { UPSTREAM_FAILURES } from '../../../src/proxy/failure.ts'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { type Proxy, startProxy } from './proxy.ts'
import { answerOk, startUpstream } from './upstream.ts'

/** Chance that throws when it is told to: a bug in the middle of an assignment. */
function brittleChance(): { random: () => number; bug: { isDue: boolean } } {
  const bug = { isDue: false }
  const random = (): number => {
    if (bug.isDue) throw new Error('a bug')
    return 0.5
  }
  return { random, bug }
}

function takeBugs(proxy: Proxy): unknown[] {
  return proxy.bugs.splice(0)
}

test('while a request is read: its connection is closed, others go on', async () => {
  const upstream = await startUpstream()
  const { random, bug } = brittleChance()
  const canary = { endpoints: [upstream.port], weightBp: 5_000 }
  const proxy = await startProxy({ stable: [upstream.port], canary }, random)
  const [struck, other] = [await connectClient(proxy.port), await connectClient(proxy.port)]
  expect((await other.get('/')).status).toBe(200)
  bug.isDue = true
  struck.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  expect(await struck.reader.end()).not.toBe('open')
  bug.isDue = false
  expect(takeBugs(proxy)).toEqual([new Error('a bug')])
  expect((await other.get('/')).status).toBe(200)
})

test('when a connection has been made: the request is answered so, its connection goes on', async () => {
  const upstream = await startUpstream()
  const { random, bug } = brittleChance()
  const canary = { endpoints: [upstream.port], weightBp: 5_000 }
  const proxy = await startProxy({ stable: [upstream.port] }, random)
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await proxy.connecting()
  proxy.use({ stable: [upstream.port], canary })
  bug.isDue = true
  const answer = await client.answer()
  bug.isDue = false
  expect(answer.status).toBe(UPSTREAM_FAILURES.internal.status)
  expect(valueOf(answer, 'proxy-status')).toContain('error=proxy_internal_error')
  expect(takeBugs(proxy)).toEqual([new Error('a bug')])
  expect((await client.get('/')).status).toBe(200)
})

test('when a dead connection makes a second try necessary: the request is answered so', async () => {
  const upstreams = await Promise.all([startUpstream(), startUpstream()])
  const { random, bug } = brittleChance()
  // Chance decides between them, also at the second try.
  const proxy = await startProxy({ stable: upstreams.map(({ port }) => port) }, random)
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 2; i++) expect((await client.get('/')).status).toBe(200)
  for (const upstream of upstreams) {
    upstream.script = (received) => {
      bug.isDue = true
      received.reset()
    }
  }
  const answer = await client.get('/')
  bug.isDue = false
  for (const upstream of upstreams) upstream.script = answerOk
  expect(answer.status).toBe(UPSTREAM_FAILURES.internal.status)
  expect(takeBugs(proxy)).toEqual([new Error('a bug')])
  expect((await client.get('/')).status).toBe(200)
})
