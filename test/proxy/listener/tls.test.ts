/** TLS on a listener: certificates, protocols, sessions; and everything that can go wrong before it is agreed on. */

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sniCallback, TlsAcceptor } from '../../../src/proxy/listener/tls.ts'
import { connectClient } from '../exchange/client.ts'
import { eventually } from '../exchange/eventually.ts'
import { valueOf } from '../exchange/message.ts'
import { startUpstream } from '../exchange/upstream.ts'
import { startProxy } from '../exchange/proxy.ts'
import {
  A_EXAMPLE,
  B_EXAMPLE,
  BOTH,
  HTTP2,
  outcomeOf,
  pem,
  secureClient,
  secureOptions,
  secureSocket,
  startHouse,
  TLS,
} from './house.ts'

const MIB = 1024 * 1024

test('a request over TLS is answered, and its upstream knows that it was', async () => {
  const house = await startHouse({ listener: { tls: TLS } })
  const client = await secureClient(house.port)
  for (let i = 0; i < 3; i++) {
    const answer = await client.get('/', 'X-Forwarded-Proto: http\r\n')
    expect(answer.body.toString()).toBe('hello')
  }
  expect(house.told[2]!.get('x-forwarded-proto')).toBe('https')
  expect(house.told[2]!.get('x-forwarded-for')).toBe('127.0.0.1')
  expect(house.count('accepted')).toBe(1)
})

test('large bodies go both ways, also where one side is slow', async () => {
  const upstream = await startUpstream((received) => {
    void received.whole.then((body) => received.answer(200, body))
  })
  const proxy = await startProxy({
    stable: [upstream.port],
    listener: { tls: TLS },
    limits: { bufferBytes: 64 * 1024 },
  })
  const client = await secureClient(proxy.port)
  const body = Buffer.alloc(4 * MIB, 'abcdefg')
  client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n\r\n`)
  client.reader.hold()
  client.send(body)
  await eventually(() => upstream.requests[0]?.isWhole).toBe(true)
  client.reader.resume()
  const answer = await client.answer()
  expect(answer.body.equals(body)).toBe(true)
  expect((await client.get('/')).status).toBe(200)
})

test('pipelined requests that come as one record are answered in order', async () => {
  const house = await startHouse({ listener: { tls: TLS } })
  const client = await secureClient(house.port)
  client.send('GET /bytes/3 HTTP/1.1\r\nHost: t\r\n\r\nGET /bytes/5 HTTP/1.1\r\nHost: t\r\n\r\n')
  expect((await client.answer()).body.length).toBe(3)
  expect((await client.answer()).body.length).toBe(5)
})

test('an answer without a length that breaks off ends in a reset', async () => {
  const upstream = await startUpstream((received) => {
    received.send('HTTP/1.1 200 OK\r\n\r\nabc')
  })
  const proxy = await startProxy({ stable: [upstream.port], listener: { tls: TLS } })
  const client = await secureClient(proxy.port)
  client.send('GET / HTTP/1.0\r\nHost: test\r\n\r\n')
  await eventually(() => client.reader.receivedBytes).toBeGreaterThan(3)
  upstream.requests[0]!.reset()
  expect(await client.reader.end()).toBe('reset')
})

describe('SNI', () => {
  const listener = { tls: { ...TLS, certificates: [A_EXAMPLE, B_EXAMPLE] } }

  test.each([
    ['a.example', 'a.example'],
    ['A.Example', 'a.example'],
    ['localhost', 'a.example'],
    ['x.b.example', '*.b.example'],
    ['X.B.EXAMPLE', '*.b.example'],
    ['y.x.b.example', 'a.example'],
    ['b.example', 'a.example'],
    ['elsewhere.example', 'a.example'],
    ['', 'a.example'],
  ])('a client that asks for "%s" is shown the certificate of %s', async (servername, shown) => {
    const house = await startHouse({ listener })
    const socket = await secureSocket(house.port, { servername, rejectUnauthorized: false })
    expect(socket.getPeerCertificate().subject.CN).toBe(shown)
  })

  test('without a certificate for anybody, the first one is shown', async () => {
    const house = await startHouse({
      listener: { tls: { ...TLS, certificates: [B_EXAMPLE, A_EXAMPLE] } },
    })
    const shown = async (servername: string) => {
      const socket = await secureSocket(house.port, { servername, rejectUnauthorized: false })
      return socket.getPeerCertificate().subject.CN
    }
    expect([await shown('c.example'), await shown('a.example')]).toEqual([
      '*.b.example',
      'a.example',
    ])
  })
})

describe('the version', () => {
  test.each([
    ['TLSv1.2', 'TLSv1.2', 'served'],
    ['TLSv1.2', 'TLSv1.3', 'served'],
    ['TLSv1.3', 'TLSv1.3', 'served'],
    ['TLSv1.3', 'TLSv1.2', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
    ['TLSv1.2', 'TLSv1.1', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
  ] as const)(
    'where %s is the least, a client with %s is %s',
    async (minVersion, version, outcome) => {
      const house = await startHouse({ listener: { tls: { ...TLS, minVersion } } })
      const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }
      expect(await outcomeOf(house.port, options)).toBe(outcome)
      expect(house.refused).toEqual(outcome === 'served' ? {} : { handshake: 1 })
    },
  )
})

describe('ALPN', () => {
  test.each([
    [BOTH, ['http/1.1', 'h2'], 'h2'],
    [BOTH, ['http/1.1'], 'http/1.1'],
    [BOTH, undefined, false],
    [{ http1: true, http2: false }, ['h2', 'http/1.1'], 'http/1.1'],
    [HTTP2, ['http/1.1', 'h2'], 'h2'],
  ])('%o and a client with %j agree on %s', async (protocols, offered, agreed) => {
    const house = await startHouse({ listener: { tls: TLS, protocols } })
    const socket = await secureSocket(house.port, { ...(offered && { ALPNProtocols: offered }) })
    expect(socket.alpnProtocol).toBe(agreed)
    await eventually(() => house.count('accepted')).toBe(1)
  })

  test('nothing in common ends the handshake', async () => {
    const house = await startHouse({ listener: { tls: TLS, protocols: HTTP2 } })
    expect(await outcomeOf(house.port, { ALPNProtocols: ['http/1.1'] })).toBe(
      'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    )
    expect(house.refused).toEqual({ handshake: 1 })
  })

  test('HTTP/2 has to be asked for', async () => {
    const house = await startHouse({ listener: { tls: TLS, protocols: HTTP2 } })
    expect(await outcomeOf(house.port)).not.toBe('served')
    expect(house.refused).toEqual({ preface: 1 })
  })

  test('HTTP/2 is served over it', async () => {
    const house = await startHouse({ listener: { tls: TLS, protocols: BOTH } })
    const session = connectHttp2('https://a.example', {
      createConnection: () => connectTls(secureOptions(house.port, { ALPNProtocols: ['h2'] })),
    })
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/' })
    let body = ''
    stream.setEncoding('utf8').on('data', (text: string) => (body += text))
    await once(stream, 'end')
    expect(body).toBe('hello')
    expect(house.told[0]!.get('x-forwarded-proto')).toBe('https')
    session.close()
    await eventually(() => house.count('closed')).toBe(1)
  })
})

describe('sessions', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    '%s: one that one thread began is resumed by another',
    async (version) => {
      const [one, other] = [
        await startHouse({ listener: { tls: TLS } }),
        await startHouse({ listener: { tls: TLS } }),
      ]
      expect(await isResumed(one.port, other.port, version)).toBe(true)
      expect(await isResumed(one.port, one.port, version)).toBe(true)
    },
  )

  test('with other keys none is', async () => {
    const one = await startHouse({ listener: { tls: TLS } })
    const tls = { ...TLS, ticketKeys: Buffer.alloc(48, 'o') }
    const other = await startHouse({ listener: { tls } })
    expect(await isResumed(one.port, other.port, 'TLSv1.3')).toBe(false)
  })
})

describe('a handshake that does not come to an end', () => {
  test('a silent client is closed in time', async () => {
    const house = await startHouse({ listener: { tls: TLS }, timeouts: { handshakeMs: 3_000 } })
    const client = await connectClient(house.port)
    await eventually(() => house.server.clientCount).toBe(1)
    await house.advance(2_000)
    expect(house.server.clientCount).toBe(1)
    await house.advance(1_500)
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ handshakeTimeout: 1 })
  })

  test('so is one that dawdles', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const client = await connectClient(house.port)
    client.send(Buffer.from('16030102000100', 'hex'))
    await eventually(() => house.server.clientCount).toBe(1)
    await house.advance(11_000)
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ handshakeTimeout: 1 })
  })

  test('the deadline is over when the handshake is done', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const client = await secureClient(house.port)
    await eventually(() => house.count('accepted')).toBe(1)
    await house.advance(11_000)
    expect((await client.get('/')).status).toBe(200)
  })

  test('cleartext is refused', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const client = await connectClient(house.port)
    client.send('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
    expect(await client.reader.end()).not.toBe('open')
    expect(house.refused).toEqual({ handshake: 1 })
    expect(house.reports[0]).toMatchObject({ rule: 'handshake', address: '127.0.0.1' })
    expect(house.reports[0]!.found).toContain('http request')
  })

  test('a client that leaves is nobody’s fault', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    for (const leave of ['end', 'reset'] as const) {
      const client = await connectClient(house.port)
      client.send(Buffer.from('160301', 'hex'))
      await eventually(() => house.server.clientCount).toBe(1)
      client[leave]()
      await eventually(() => house.server.clientCount).toBe(0)
    }
    expect(house.refused).toEqual({})
    expect(await outcomeOf(house.port)).toBe('served')
  })

  test('on drain whoever has said nothing is not waited for', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const client = await connectClient(house.port)
    await eventually(() => house.server.clientCount).toBe(1)
    await house.server.drain(60_000)
    expect(await client.reader.end()).not.toBe('open')
  })
})

describe('new settings', () => {
  test('bring new certificates to those that come, and drop nobody', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const old = await secureClient(house.port)
    const waiting = connect(house.port, '127.0.0.1')
    onTestFinished(() => void waiting.destroy())
    await eventually(() => house.server.clientCount).toBe(2)

    await house.listen({ tls: { ...TLS, certificates: [B_EXAMPLE] } })
    expect(await shownBy(house.port)).toBe('*.b.example')
    expect((await old.get('/')).body.toString()).toBe('hello')

    // Whoever connected before is served by what was in force then.
    const late = connectTls({ socket: waiting, ca: pem('ca'), servername: 'a.example' })
    onTestFinished(() => void late.destroy())
    await once(late, 'secureConnect')
    expect(late.getPeerCertificate().subject.CN).toBe('a.example')

    await house.listen({ tls: TLS })
    expect(await shownBy(house.port)).toBe('a.example')
  })

  test('may turn a listener from TLS to cleartext and back', async () => {
    const house = await startHouse({ listener: { tls: TLS } })
    const old = await secureClient(house.port)
    await house.listen({ tls: null })
    expect((await (await connectClient(house.port)).get('/')).status).toBe(200)
    await house.listen({ tls: TLS })
    expect(await shownBy(house.port)).toBe('a.example')
    expect((await old.get('/')).status).toBe(200)
  })
})

describe('a callback that throws', () => {
  test('ends the handshake, and the next one goes on (SNI)', async () => {
    const { port, failures, secureCount } = await accepting({
      SNICallback: sniCallback(chooseOrThrow),
    })
    expect(await outcomeOf(port, { servername: 'x.example' })).not.toBe('served')
    await eventually(() => failures).toEqual(['thrown'])
    expect(await outcomeOf(port)).toBe('served')
    expect(secureCount()).toBe(1)
  })

  test('ends the handshake, and the next one goes on (ALPN)', async () => {
    const { port, failures } = await accepting({ ALPNCallback: agreeOrThrow })
    expect(await outcomeOf(port, { ALPNProtocols: ['http/1.1'] })).not.toBe('served')
    await eventually(() => failures).toEqual(['thrown'])
    expect(await outcomeOf(port, { ALPNProtocols: ['h2'] })).toBe('served')
  })
})

test('the answers of a connection that is closed by us arrive whole', async () => {
  const house = await startHouse({ listener: { tls: TLS } })
  const client = await secureClient(house.port)
  client.send(`GET /bytes/${MIB} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`)
  const answer = await client.answer()
  expect(answer.body.length).toBe(MIB)
  expect(valueOf(answer, 'connection')).toBe('close')
  expect(await client.reader.end()).toBe('ended')
})

async function isResumed(from: number, to: number, maxVersion: 'TLSv1.2' | 'TLSv1.3') {
  const first = await secureSocket(from, { maxVersion })
  const tickets: Buffer[] = []
  first.on('session', (ticket) => tickets.push(ticket))
  first.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  await once(first, 'data')
  const session = tickets.at(-1) ?? first.getSession()
  first.destroy()
  const second = await secureSocket(to, { maxVersion, ...(session && { session }) })
  return second.isSessionReused()
}

async function shownBy(port: number) {
  const socket = await secureSocket(port, { rejectUnauthorized: false })
  return socket.getPeerCertificate().subject.CN
}

function thrown(): never {
  throw new Error('thrown')
}

function chooseOrThrow(name: string): SecureContext {
  return name === 'a.example' ? createSecureContext(A_EXAMPLE) : thrown()
}

function agreeOrThrow({ protocols }: { protocols: string[] }): string {
  return protocols.includes('h2') ? 'h2' : thrown()
}

async function accepting(options: ConstructorParameters<typeof TlsAcceptor>[0]) {
  const { cert, key } = A_EXAMPLE
  const acceptor = new TlsAcceptor({ cert, key, ...options })
  const failures: string[] = []
  let secureCount = 0
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined)
    acceptor.accept(socket, {
      onSecure: (secure) => {
        secureCount++
        secure.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\n')
      },
      onInsecure: (error) => failures.push(error.message),
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address!.port : 0
  return { port, failures, secureCount: () => secureCount }
}
