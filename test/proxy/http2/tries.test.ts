/** Bodies over HTTP/2 whose request could not be sent at first: held back meanwhile, then they go on. */

import { expect, test } from 'vitest'
import { freePorts } from '../../../bench/load/children.ts'
import { startUpstream } from '../exchange/upstream.ts'
import { answerOf, connectHttp2, type Http2Client, startHttp2Proxy } from './proxy.ts'

const [NOBODY = 0] = await freePorts(1)

async function send(client: Http2Client, method: string) {
  const stream = client.open({ ':method': method, ':path': '/' }, false)
  stream.end('hello')
  return answerOf(stream)
}

test.for(['POST', 'PUT'])('a %s that the canary refuses goes to stable whole', async (method) => {
  const stable = await startUpstream()
  const proxy = await startHttp2Proxy({
    stable: [stable.port],
    canary: { endpoints: [NOBODY], weightBp: 9_999 },
    route: { fallback: true },
  })
  expect(await send(await connectHttp2(proxy), method)).toMatchObject({ status: 200, body: 'ok' })
  expect((await stable.requests[0]!.whole).toString()).toBe('hello')
})

test('a POST that an endpoint refuses goes to another one whole, after a wait', async () => {
  const good = await startUpstream()
  const proxy = await startHttp2Proxy({
    stable: [NOBODY, good.port],
    route: { retry: { attempts: 2, statuses: [], methods: null, perTryMs: null } },
  })
  const client = await connectHttp2(proxy)
  // Chance decides which endpoint is asked first.
  for (let i = 0; i < 8; i++) expect((await send(client, 'POST')).status).toBe(200)
  const bodies = await Promise.all(good.requests.map(({ whole }) => whole))
  expect(bodies.map(String)).toEqual(Array<string>(8).fill('hello'))
})
