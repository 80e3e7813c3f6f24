/** The fields of a message as the other side sees them. */

import { describe, expect, test } from 'vitest'
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

describe('a request that has been here before', () => {
  test('is answered 508 and goes no further', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    for (const via of [
      '1.1 sluice-test',
      '1.0 a, 1.1 \tsluice-test (x)',
      '1.1 a,2.0 sluice-test',
    ]) {
      const answer = await client.get('/', `Via: ${via}\r\n`)
      expect(answer.status).toBe(508)
      expect(valueOf(answer, 'proxy-status')).toContain('error=proxy_loop_detected')
    }
    expect(upstream.requests).toEqual([])
    expect(proxy.localCount(508)).toBe(3)
  })

  test('is not one that came by another proxy with a similar name', async () => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    for (const via of ['1.1 sluice-test2', '1.1 sluice', '1.1 a (sluice-test)']) {
      expect((await client.get('/', `Via: ${via}\r\n`)).status).toBe(200)
    }
  })
})

async function askOptions(line: string) {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(`OPTIONS / HTTP/1.1\r\nHost: test\r\n${line}\r\n\r\n`)
  return { answer: await client.answer(), upstream }
}

describe('Max-Forwards of an OPTIONS', () => {
  test('is counted down', async () => {
    const { upstream } = await askOptions('Max-Forwards: 3')
    expect(valuesOf(upstream.requests[0]!.head, 'max-forwards')).toEqual(['2'])
  })

  test('of 0 ends here', async () => {
    const { answer, upstream } = await askOptions('Max-Forwards: 0')
    expect(answer.status).toBe(200)
    expect(valueOf(answer, 'allow')).toContain('GET')
    expect(upstream.requests).toEqual([])
  })

  test('that is no number is nothing to us', async () => {
    const { upstream } = await askOptions('Max-Forwards: few')
    expect(valuesOf(upstream.requests[0]!.head, 'max-forwards')).toEqual(['few'])
  })
})

describe('what proxies say of the way', () => {
  const LINES = 'X-Real-IP: 1.2.3.4\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /a\r\n'

  test.for([
    [[], []],
    [['127.0.0.0/8'], ['x-real-ip', 'x-forwarded-port', 'x-forwarded-prefix']],
  ] as const)('goes on from trusted ones only: %j', async ([trustedProxies, passed]) => {
    const upstream = await startUpstream()
    const proxy = await startProxy({ stable: [upstream.port], trustedProxies })
    const client = await connectClient(proxy.port)
    await client.get('/', `${LINES}X-Forwarded-Client-Cert: forged\r\nClient-Cert: forged\r\n`)
    const names = new Set(upstream.requests[0]!.head.fields.map(([name]) => name))
    const asked = [
      'x-real-ip',
      'x-forwarded-port',
      'x-forwarded-prefix',
      'x-forwarded-client-cert',
      'client-cert',
    ]
    expect(asked.filter((name) => names.has(name))).toEqual(passed)
  })
})
