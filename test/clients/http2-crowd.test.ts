/** Streams whose bodies do not come take no more than their share of the connections to an upstream of HTTP/1.1. */

import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { startUpstream, type Upstream } from '../proxy/exchange/upstream.ts'
import { PRIOR_KNOWLEDGE } from './servers.ts'

async function start(): Promise<{ session: ClientHttp2Session; proxy: Proxy; upstream: Upstream }> {
  const upstream = await startUpstream()
  const proxy = await startProxy({
    stable: [upstream.port],
    listener: PRIOR_KNOWLEDGE,
    limits: { upstreamConnections: 4 },
  })
  const session = connect(`http://127.0.0.1:${proxy.port}`)
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  return { session, proxy, upstream }
}

function post(session: ClientHttp2Session, fields = {}): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': '/', ...fields })
  stream.on('error', () => undefined)
  return stream
}

async function statusOf(stream: ClientHttp2Stream): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  stream.on('response', (fields) => resolve(fields[':status'])).resume()
  return promise
}

test.for([{}, { 'content-type': 'application/grpc' }])(
  'further ones are refused, and those without a body are served: %j',
  async (fields) => {
    const { session, upstream } = await start()
    const open = [post(session, fields), post(session, fields)]
    await eventually(() => upstream.requests.length).toBe(2)
    const refused = post(session)
    expect(await statusOf(refused)).toBe(503)
    expect(await statusOf(session.request({ ':path': '/get' }))).toBe(200)

    open[0]!.end('whole')
    await eventually(() => upstream.requests[0]!.isWhole).toBe(true)
    const next = post(session)
    next.end('body')
    expect(await statusOf(next)).toBe(200)
  },
)

test('those that are reset make room', async () => {
  const { session, upstream } = await start()
  const open = [post(session), post(session)]
  await eventually(() => upstream.requests.length).toBe(2)
  for (const stream of open) stream.close(8)
  await eventually(() => upstream.openCount).toBe(0)
  const next = post(session)
  next.end('body')
  expect(await statusOf(next)).toBe(200)
})
