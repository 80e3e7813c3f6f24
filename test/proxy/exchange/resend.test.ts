/** Requests that are sent again because nobody has worked on them: each try has that once, and it is no retry. */

import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { startHttp2 } from '../upstream/servers.ts'
import { connectClient } from './client.ts'
import { startProxy } from './proxy.ts'
import { type Script, startUpstream } from './upstream.ts'

/** Every connection dies with its second request. */
function dyingKept(status: () => number): Script {
  const seen = new Set<number>()
  return (received) => {
    if (seen.has(received.connection)) return received.reset()
    seen.add(received.connection)
    received.answer(status())
  }
}

test('the try on stable is sent again too, when the one on the canary was', async () => {
  let canaryStatus = 200
  const stable = await startUpstream(dyingKept(() => 200))
  const canary = await startUpstream(dyingKept(() => canaryStatus))
  let draw = 0.9
  const proxy = await startProxy(
    {
      stable: [stable.port],
      canary: { endpoints: [canary.port], weightBp: 5_000 },
      route: { fallback: true },
    },
    () => draw,
  )
  const client = await connectClient(proxy.port)
  await client.get('/stable')
  draw = 0.1
  await client.get('/canary')
  canaryStatus = 500
  expect((await client.get('/both')).status).toBe(200)
  expect(canary.targets).toEqual(['/canary', '/both', '/both'])
  expect(stable.targets).toEqual(['/stable', '/both', '/both'])
})

test('a POST that is refused twice over HTTP/2 is tried again', async () => {
  let count = 0
  const upstream = await startHttp2((stream) => {
    if (++count < 3) return stream.close(constants.NGHTTP2_REFUSED_STREAM)
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const proxy = await startProxy({
    stable: [{ host: '127.0.0.1', port: upstream.port, protocol: 'http2' }],
    route: { retry: { attempts: 1, statuses: [], methods: null, perTryMs: null } },
  })
  const client = await connectClient(proxy.port)
  client.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n')
  expect((await client.answer()).status).toBe(200)
  expect(count).toBe(3)
})
