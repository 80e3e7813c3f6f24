/** TLS to upstreams: what is verified, what is shown, what is agreed on. Over both versions of HTTP where it is the same. */

import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import type { UpstreamTls } from '../../../src/proxy/snapshot.ts'
import { NEVER } from '../../../src/proxy/upstream/upstream.ts'
import { startHouse } from './house.ts'
import { certificate, listen, startHttp2 } from './servers.ts'

type Protocol = 'http1' | 'http2'

const SERVER = {
  cert: certificate('a.example.cert.pem'),
  key: certificate('a.example.key.pem'),
}

const TLS: UpstreamTls = {
  ca: certificate('ca.pem'),
  identity: null,
  serverName: null,
  isVerified: true,
}

const IDENTITY = { cert: certificate('client.cert.pem'), key: certificate('client.key.pem') }

/** What a server has seen of its connections. */
interface Seen {
  readonly names: unknown[]
  readonly protocols: (string | false | null)[]
  readonly clients: (string | undefined)[]
  readonly areReused: boolean[]
}

/** Answers everything with 200 and an empty body. */
async function startServer(protocol: Protocol, options: TlsOptions = {}) {
  const seen: Seen = { names: [], protocols: [], clients: [], areReused: [] }
  const see = (socket: TLSSocket): void => {
    seen.names.push(Reflect.get(socket, 'servername'))
    seen.protocols.push(socket.alpnProtocol)
    const { CN } = socket.getPeerCertificate().subject ?? {}
    seen.clients.push(Array.isArray(CN) ? CN[0] : CN)
    seen.areReused.push(socket.isSessionReused())
  }
  const all = { ...SERVER, ...options }
  if (protocol === 'http2') {
    const { port, sessions } = await startHttp2((stream) => {
      see(sessions.at(-1)!.socket as TLSSocket)
      stream.respond({ ':status': 200 }, { endStream: true })
    }, all)
    return { port, seen }
  }
  const server = createHttpsServer(all, (request, response) => {
    see(request.socket as TLSSocket)
    response.end()
  })
  return { port: await listen(server), seen }
}

/** Asks once on a connection of its own. */
async function askOnce(port: number, protocol: Protocol, tls: Partial<UpstreamTls>) {
  const house = startHouse(port, { address: { protocol, tls: { ...TLS, ...tls } } })
  return await house.ask().settled()
}

describe.for(['http1', 'http2'] as const)('%s', (protocol) => {
  test('an address is verified as such, and not named', async () => {
    const { port, seen } = await startServer(protocol)
    const asker = await askOnce(port, protocol, {})
    expect([asker.failure, asker.head?.status]).toEqual([null, 200])
    expect(seen.names).toEqual([false])
    expect(seen.protocols).toEqual([protocol === 'http2' ? 'h2' : 'http/1.1'])
  })

  test('the name that is configured is asked for and verified', async () => {
    const { port, seen } = await startServer(protocol)
    const asker = await askOnce(port, protocol, { serverName: 'a.example' })
    expect([asker.failure, asker.head?.status]).toEqual([null, 200])
    expect(seen.names).toEqual(['a.example'])
  })

  test.for([
    ['from an unknown authority', { ca: certificate('other-ca.pem') }],
    ['from an authority that Node does not trust', { ca: null }],
    ['for another name', { serverName: 'b.example' }],
    ['for a name above', { serverName: 'www.a.example' }],
  ] as const)('a certificate %s is refused, unless none is asked for', async ([, tls]) => {
    const { port, seen } = await startServer(protocol)
    expect((await askOnce(port, protocol, tls)).failure).toEqual({
      reason: 'certificate',
      retry: NEVER,
    })
    expect(seen.names).toEqual([])
    const asker = await askOnce(port, protocol, { ...tls, isVerified: false })
    expect([asker.failure, asker.head?.status]).toEqual([null, 200])
  })

  test('our own certificate is shown where it is asked for', async () => {
    const options = { requestCert: true, rejectUnauthorized: true, ca: certificate('ca.pem') }
    const { port, seen } = await startServer(protocol, options)
    const asker = await askOnce(port, protocol, { identity: IDENTITY })
    expect([asker.failure, asker.head?.status]).toEqual([null, 200])
    expect(seen.clients).toEqual(['client'])
  })

  test.for(['TLSv1.2', 'TLSv1.3'] as const)(
    'a server that misses our certificate is a failure (%s)',
    async (maxVersion) => {
      const options = { requestCert: true, rejectUnauthorized: true, ca: certificate('ca.pem') }
      const { port, seen } = await startServer(protocol, { ...options, maxVersion })
      // With 1.3 the handshake is over for us before the server has looked.
      const reasons = maxVersion === 'TLSv1.2' ? ['tls'] : ['tls', 'reset']
      expect(reasons).toContain((await askOnce(port, protocol, {})).failure!.reason)
      expect(seen.clients).toEqual([])
    },
  )

  test('what is no TLS, and versions too old', async () => {
    const expected = { reason: 'tls', retry: NEVER }
    const plain = await listen(createHttpServer((_, response) => void response.end()))
    expect((await askOnce(plain, protocol, {})).failure).toEqual(expected)
    const options = {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'ALL:@SECLEVEL=0',
    } as const
    const { port } = await startServer(protocol, options)
    expect((await askOnce(port, protocol, {})).failure).toEqual(expected)
  })

  test('a second connection resumes the session of the first', async () => {
    const { port, seen } = await startServer(protocol)
    const house = startHouse(port, { address: { protocol, tls: TLS } })
    await house.ask().settled()
    // A ticket comes after the handshake.
    await eventually(async () => {
      await house.ask({ mayReuse: false }).settled()
      house.advance(10_000)
      return seen.areReused
    }).toContain(true)
    expect(seen.areReused[0]).toBe(false)
  })
})

test.for([
  ['chooses another protocol', { ALPNProtocols: ['http/1.1'] }, 'tls'],
  ['chooses none', {}, 'protocol'],
] as const)('a server that %s is not spoken to in HTTP/2', async ([, options, reason]) => {
  let bytes = ''
  const port = await listen(
    createTlsServer({ ...SERVER, ...options }, (socket) => {
      socket.on('error', () => undefined).on('data', (more: Buffer) => (bytes += more.toString()))
    }),
  )
  expect((await askOnce(port, 'http2', {})).failure).toEqual({ reason, retry: NEVER })
  expect(bytes).toBe('')
})
