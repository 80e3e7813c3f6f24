/** The fields of a message as the other side sees them. */

import { expect, test } from 'vitest'
import { connectClient } from './client.ts'
import { valueOf, valuesOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

test('the upstream sees what is meant for it, and nothing of what is hop-by-hop or forged', async () => {
  const upstream = await startUpstream()
  const canary = { endpoints: [upstream.port], weightBp: 10_000 }
  const proxy = await startProxy({ stable: [upstream.port], canary })
  const client = await connectClient(proxy.port)
  client.send(
    [
      'POST /a%2Fb?c=d HTTP/1.1',
      'Host: shop.example:8080',
      'Connection: keep-alive, X-Secret-Hop, content-length, host, x-forwarded-for',
      'X-Secret-Hop: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eA==',
      'TE: trailers',
      'Trailer: x-checksum',
      'Upgrade: h2c',
      'X-Sluice-Variant: stable',
      'x_sluice_variant: stable',
      'X-SLUICE-ROLLOUT: forged',
      'X-Forwarded-For: 1.2.3.4',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: other.example',
      'Forwarded: for=1.2.3.4',
      'Via: 1.0 fred',
      'Accept: */*',
      'X-Twice: 1',
      'X-Twice: 2',
      'Content-Length: 3',
      '',
      'abc',
    ].join('\r\n'),
  )
  expect((await client.answer()).status).toBe(200)
  const { head } = upstream.requests[0]!
  expect(head.startLine).toBe('POST /a%2Fb?c=d HTTP/1.1')
  expect(head.fields.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    ['accept', '*/*'],
    ['connection', 'te'],
    ['content-length', '3'],
    ['host', 'shop.example:8080'],
    ['te', 'trailers'],
    ['via', '1.0 fred'],
    ['via', '1.1 sluice-test'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-host', 'shop.example:8080'],
    ['x-forwarded-proto', 'http'],
    ['x-sluice-rollout', 'rollout-1'],
    ['x-sluice-variant', 'canary'],
    ['x-twice', '1'],
    ['x-twice', '2'],
  ])
})

test('a trusted peer is believed, and its chain goes on', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port], trustedProxies: ['127.0.0.0/8'] })
  const client = await connectClient(proxy.port)
  await client.get('/', 'X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n')
  const { head } = upstream.requests[0]!
  expect(valuesOf(head, 'x-forwarded-for')).toEqual(['1.2.3.4, 127.0.0.1'])
  expect(valuesOf(head, 'x-forwarded-proto')).toEqual(['https'])
  expect(valuesOf(head, 'x-forwarded-host')).toEqual(['test'])
})

test('without a rollout the variant is stable and no rollout is named', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  await (await connectClient(proxy.port)).get('/')
  const { head } = upstream.requests[0]!
  expect(valueOf(head, 'x-sluice-variant')).toBe('stable')
  expect(valueOf(head, 'x-sluice-rollout')).toBeUndefined()
})

test('the client sees the answer without what is hop-by-hop, with Via and Date', async () => {
  const upstream = await startUpstream((received) =>
    received.send(
      'HTTP/1.1 200 Fine\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n' +
        'proxy-authenticate: Basic\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nok',
    ),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const answer = await (await connectClient(proxy.port)).get('/')
  expect(answer.startLine).toBe('HTTP/1.1 200 Fine')
  expect(answer.fields).toEqual([
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['via', '1.1 sluice-test'],
    ['date', expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/)],
    ['content-length', '2'],
  ])
})

test("the upstream's Date stays", async () => {
  const date = 'Tue, 15 Nov 1994 08:12:31 GMT'
  const upstream = await startUpstream((received) => received.answer(200, '', `date: ${date}\r\n`))
  const proxy = await startProxy({ stable: [upstream.port] })
  const answer = await (await connectClient(proxy.port)).get('/')
  expect(valuesOf(answer, 'date')).toEqual([date])
})
