/** Connections behind a proxy that says by the PROXY protocol for whom it speaks. */

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Setup } from '../exchange/proxy.ts'
import { Client, connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { BOTH, type House, HTTP2, secureOptions, startHouse, TLS } from './house.ts'
import { LOCAL_COMMAND, tlv, version2, withChecksum } from './proxy-headers.ts'

const GET = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n'

const startProxied = (setup: Omit<Setup, 'stable'> = {}): Promise<House> =>
  startHouse({
    trustedProxies: ['127.0.0.1'],
    ...setup,
    listener: { proxyProtocol: true, ...setup.listener },
  })

const HEADERS: readonly (readonly [name: string, header: string | Buffer, address: string])[] = [
  ['version 1', V1, '192.0.2.7'],
  ['version 1, IPv6', 'PROXY TCP6 2001:DB8::7 ::1 4711 80\r\n', '2001:db8::7'],
  ['version 1, unknown', 'PROXY UNKNOWN\r\n', '127.0.0.1'],
  ['version 2', version2(), '192.0.2.7'],
  ['version 2 with a checksum', withChecksum({ tail: tlv(0x02, 'a.example') }), '192.0.2.7'],
  [
    'version 2, local',
    version2({ command: LOCAL_COMMAND, kind: 0, addresses: Buffer.alloc(0) }),
    '127.0.0.1',
  ],
]

describe.each(HEADERS)('%s', (_, header, address) => {
  test('the client is who the header says', async () => {
    const house = await startProxied()
    const client = await connectClient(house.port)
    client.send(header)
    for (let i = 0; i < 2; i++) expect((await client.get('/')).body.toString()).toBe('hello')
    expect(house.told.map((fields) => fields.get('x-forwarded-for'))).toEqual([address, address])
  })

  test('also where everything comes at once, or byte by byte', async () => {
    const house = await startProxied()
    const bytes = Buffer.concat([Buffer.from(header), Buffer.from(GET)])
    const whole = await connectClient(house.port)
    whole.send(bytes)
    expect((await whole.answer()).status).toBe(200)
    const slow = await connectClient(house.port)
    for (const byte of bytes) {
      slow.send(Buffer.from([byte]))
      await new Promise<void>((resolve) => void setImmediate(resolve))
    }
    expect((await slow.answer()).status).toBe(200)
    expect(house.told.map((fields) => fields.get('x-forwarded-for'))).toEqual([address, address])
  })

  test('also over TLS, which comes after it', async () => {
    const house = await startProxied({ listener: { tls: TLS, protocols: BOTH } })
    for (const protocol of ['http/1.1', 'h2']) {
      const raw = await connectClient(house.port)
      raw.send(header)
      const { ca, servername } = secureOptions(house.port)
      const secure = connectTls({ socket: raw.socket, ca, servername, ALPNProtocols: [protocol] })
      onTestFinished(() => void secure.destroy())
      if (protocol === 'h2') await overHttp2(secure)
      else expect((await new Client(secure).get('/')).status).toBe(200)
    }
    const told = house.told.map((fields) => [
      fields.get('x-forwarded-for'),
      fields.get('x-forwarded-proto'),
    ])
    expect(told).toEqual([
      [address, 'https'],
      [address, 'https'],
    ])
  })

  test.each([HTTP2, BOTH])('also by HTTP/2 in cleartext (%o)', async (protocols) => {
    const house = await startProxied({ listener: { protocols } })
    const { socket } = await connectClient(house.port)
    socket.write(header)
    await overHttp2(socket)
    expect(house.told[0]!.get('x-forwarded-for')).toBe(address)
  })
})

async function overHttp2(socket: Client['socket']): Promise<void> {
  const session = connectHttp2('http://a.example', { createConnection: () => socket })
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  let body = ''
  stream.setEncoding('utf8').on('data', (text: string) => (body += text))
  await once(stream, 'end')
  expect(body).toBe('hello')
}

describe('refused', () => {
  test.each([
    ['no header', GET],
    ['a malformed one', 'PROXY TCP4 1.2.3.4 5.6.7.8 01111 99999\r\n'],
    ['a header for datagrams', version2({ kind: 0x12 })],
    ['a wrong checksum', version2({ tail: tlv(0x03, 'abcd') })],
  ])('%s', async (_, bytes) => {
    const house = await startProxied()
    const client = await connectClient(house.port)
    client.send(Buffer.concat([Buffer.from(bytes), Buffer.from(GET)]))
    expect(await client.reader.end()).not.toBe('open')
    expect(client.reader.receivedBytes).toBe(0)
    expect(house.refused).toEqual({ proxyHeader: 1 })
    expect(house.told).toEqual([])
    expect(house.reports[0]).toMatchObject({ rule: 'proxyHeader', address: '127.0.0.1' })
  })

  test('a peer that is not trusted, whatever it says', async () => {
    const house = await startProxied({ trustedProxies: ['192.0.2.0/24'] })
    const client = await connectClient(house.port)
    client.send(`${V1}${GET}`)
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ untrusted: 1 })
    expect(house.told).toEqual([])
  })

  test('a header that does not come in time', async () => {
    const house = await startProxied()
    const clients = [await connectClient(house.port), await connectClient(house.port)]
    clients[0]!.send(V1.slice(0, 20))
    await eventually(() => house.server.clientCount).toBe(2)
    await house.advance(9_000)
    expect(house.server.clientCount).toBe(2)
    await house.advance(2_000)
    for (const client of clients) expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ handshakeTimeout: 2 })
  })

  test('a header that is cut; but not a connection that only looks whether we are there', async () => {
    const house = await startProxied()
    const probe = await connectClient(house.port)
    probe.end()
    expect(await probe.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({})
    const client = await connectClient(house.port)
    client.send(V1.slice(0, 20))
    client.end()
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ proxyHeader: 1 })
  })
})

test('what the client says of others is believed where it is trusted itself', async () => {
  const house = await startProxied({ trustedProxies: ['127.0.0.1', '192.0.2.7'] })
  const told = async (header: string) => {
    const client = await connectClient(house.port)
    client.send(header)
    await client.get('/', 'X-Forwarded-For: 203.0.113.5\r\n')
    return house.told.at(-1)!.get('x-forwarded-for')
  }
  expect(await told(V1)).toBe('203.0.113.5, 192.0.2.7')
  expect(await told('PROXY TCP4 192.0.2.8 198.51.100.1 4711 80\r\n')).toBe('192.0.2.8')
})

test('the limit for an address is for the client, not for the proxy before us', async () => {
  const house = await startProxied({ limits: { connectionsPerAddress: 2 } })
  const connected = async (address: string) => {
    const client = await connectClient(house.port)
    client.send(`PROXY TCP4 ${address} 198.51.100.1 4711 80\r\n${GET}`)
    return client
  }
  const clients = [
    await connected('192.0.2.7'),
    await connected('192.0.2.7'),
    await connected('192.0.2.8'),
  ]
  for (const client of clients) expect((await client.answer()).status).toBe(200)
  const refused = await connected('192.0.2.7')
  expect(await refused.reader.end()).not.toBe('open')
  expect(house.refused).toEqual({ addressLimit: 1 })
  expect(house.reports[0]!.address).toBe('192.0.2.7')

  clients[0]!.end()
  await eventually(() => house.count('closed')).toBe(1)
  expect((await (await connected('192.0.2.7')).answer()).status).toBe(200)
})
