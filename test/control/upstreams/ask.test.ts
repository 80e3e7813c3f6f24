/** Health checks against real servers: what passes, what does not, and in which words. */

import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { HealthQuestion } from '../../../src/control/config/schema-health.ts'
import { ask } from '../../../src/control/upstreams/ask.ts'
import type { HealthTarget } from '../../../src/control/upstreams/connect.ts'
import { certificate, listen, startHttp2 } from '../../proxy/upstream/servers.ts'

const NEVER = new AbortController().signal
const PASSED = { isPassed: true }
const TLS = { ca: certificate('ca.pem'), identity: null, serverName: 'a.example', isVerified: true }
const KEYS = { cert: certificate('a.example.cert.pem'), key: certificate('a.example.key.pem') }

function at(port: number, changes: Partial<HealthTarget> = {}): HealthTarget {
  const host = '127.0.0.1'
  return { name: host, host, port, protocol: 'http1', tls: null, ...changes }
}

function checkOf(question: HealthQuestion, timeoutMs = 5_000) {
  return { question, timeoutMs, port: null }
}

function http(changes: Partial<Extract<HealthQuestion, { protocol: 'http' }>> = {}) {
  const expectedStatuses = new Set([200])
  return checkOf({ protocol: 'http', path: '/healthz', host: null, expectedStatuses, ...changes })
}

function failed(reason: string) {
  return { isPassed: false, reason }
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

function plain(onConnection: (socket: Socket) => void): Promise<number> {
  return listen(createServer(onConnection))
}

test('over HTTP/1.1 the path is asked for, with the host of the endpoint', async () => {
  const asked: unknown[] = []
  const server = createHttp((request, response) => {
    asked.push([request.method, request.url, request.headers.host, request.headers['user-agent']])
    response.end('fine')
  })
  const port = await listen(server)
  expect(await ask(at(port), http({ path: '/healthz?deep=1' }), NEVER)).toEqual(PASSED)
  expect(asked).toEqual([['GET', '/healthz?deep=1', `127.0.0.1:${port}`, 'sluice-health-check']])
})

test('an endpoint by name is asked at its address, by its name', async () => {
  const hosts: unknown[] = []
  const port = await listen(
    createHttp((request, response) => {
      hosts.push(request.headers.host)
      response.end()
    }),
  )
  expect(await ask(at(port, { name: 'shop.example' }), http(), NEVER)).toEqual(PASSED)
  expect(hosts).toEqual([`shop.example:${port}`])
})

test('another host and another port are asked where the check says so', async () => {
  const hosts: unknown[] = []
  const port = await listen(
    createHttp((request, response) => {
      hosts.push(request.headers.host)
      response.end()
    }),
  )
  const check = { ...http({ host: 'shop.example.com' }), port }
  expect(await ask(at(await freePort()), check, NEVER)).toEqual(PASSED)
  expect(hosts).toEqual(['shop.example.com'])
})

test('a status that is not expected fails, and one that is passes, whatever it is', async () => {
  const port = await listen(createHttp((_, response) => response.writeHead(404).end()))
  expect(await ask(at(port), http(), NEVER)).toEqual(failed('answered 404'))
  expect(await ask(at(port), http({ expectedStatuses: new Set([404]) }), NEVER)).toEqual(PASSED)
})

test('a body without end costs no more than its bound', async () => {
  const chunk = Buffer.alloc(65_536)
  let isClosed = false
  const server = createHttp((_, response) => {
    const more = (): void => {
      while (response.write(chunk));
    }
    response.on('drain', more).on('close', () => (isClosed = true))
    more()
  })
  expect(await ask(at(await listen(server)), http(), NEVER)).toEqual(PASSED)
  await expect.poll(() => isClosed).toBe(true)
})

test('who does not answer in time has failed', async () => {
  let isClosed = false
  const port = await plain((socket) => socket.on('close', () => (isClosed = true)).resume())
  const late = { ...http(), timeoutMs: 60 }
  expect(await ask(at(port), late, NEVER)).toEqual(failed('did not answer within 60 ms'))
  await expect.poll(() => isClosed).toBe(true)
})

test.for([
  ['refused the connection', async () => freePort()],
  ['closed the connection before it answered', async () => plain((socket) => socket.end())],
  [
    'reset the connection',
    async () => plain((socket) => socket.once('data', () => socket.resetAndDestroy())),
  ],
] as const)('an endpoint that is down: it %s', async ([reason, start]) => {
  expect(await ask(at(await start()), http(), NEVER)).toEqual(failed(reason))
})

test('what is no HTTP has failed', async () => {
  const port = await plain((socket) => socket.end('220 mail.example ESMTP\r\n'))
  expect(await ask(at(port), http(), NEVER)).toMatchObject({ isPassed: false })
})

test('over TLS the certificate is verified as for requests', async () => {
  const port = await listen(createHttps(KEYS, (_, response) => response.end()))
  expect(await ask(at(port, { tls: TLS }), http(), NEVER)).toEqual(PASSED)
  const wrongName = await ask(
    at(port, { tls: { ...TLS, serverName: 'other.example' } }),
    http(),
    NEVER,
  )
  expect(wrongName).toMatchObject({ isPassed: false, reason: expect.stringContaining('ALTNAME') })
  const stranger = { ...TLS, ca: certificate('other-ca.pem') }
  expect(await ask(at(port, { tls: stranger }), http(), NEVER)).toMatchObject({ isPassed: false })
  const unverified = { ...stranger, isVerified: false, serverName: null }
  expect(await ask(at(port, { tls: unverified }), http(), NEVER)).toEqual(PASSED)
})

test.for([
  ['in cleartext', {}, null],
  ['over TLS', { ...KEYS }, TLS],
] as const)('over HTTP/2 %s', async ([, options, tls]) => {
  const paths: unknown[] = []
  const { port, sessions } = await startHttp2((stream, headers) => {
    paths.push(`${headers[':authority']}${headers[':path']}`)
    stream.respond({ ':status': paths.length === 1 ? 200 : 503 })
    stream.end('body')
  }, options)
  const target = at(port, { name: 'shop.example', protocol: 'http2', tls })
  expect(await ask(target, http(), NEVER)).toEqual(PASSED)
  expect(await ask(target, http(), NEVER)).toEqual(failed('answered 503'))
  const asked = `shop.example:${port}/healthz`
  expect(paths).toEqual([asked, asked])
  await expect
    .poll(() => sessions.filter(({ closed, destroyed }) => !closed && !destroyed))
    .toEqual([])
})

test('a server without HTTP/2 is no answer for an endpoint that speaks it', async () => {
  const port = await listen(createHttps(KEYS, (_, response) => response.end()))
  const target = at(port, { protocol: 'http2', tls: { ...TLS } })
  expect(await ask(target, http(), NEVER)).toMatchObject({ isPassed: false })
})

test('over TCP a connection is enough', async () => {
  const tcp = checkOf({ protocol: 'tcp' })
  expect(await ask(at(await plain((socket) => socket.resume())), tcp, NEVER)).toEqual(PASSED)
  expect(await ask(at(await freePort()), tcp, NEVER)).toEqual(failed('refused the connection'))
})

/** `HealthCheckResponse` with that status, as grpc frames it. */
function serving(status: number): Buffer {
  const message = status === 0 ? [] : [0x08, status]
  return Buffer.from([0, 0, 0, 0, message.length, ...message])
}

async function startGrpc(answer: Buffer, grpcStatus: string) {
  const asked: { path: unknown; body: Buffer }[] = []
  const { port } = await startHttp2((stream, headers) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      asked.push({ path: headers[':path'], body: Buffer.concat(chunks) })
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }))
      stream.end(answer)
    })
  })
  return { port, asked }
}

test.for([
  [serving(1), '0', PASSED],
  [serving(2), '0', failed('answered NOT_SERVING')],
  [serving(0), '0', failed('answered UNKNOWN')],
  [serving(9), '0', failed('answered status 9')],
  [Buffer.from('junk'), '0', failed('answered status -1')],
  [Buffer.alloc(0), '12', failed('answered grpc-status 12')],
] as const)('gRPC, case %#', async ([answer, grpcStatus, expected]) => {
  const { port, asked } = await startGrpc(answer, grpcStatus)
  const check = checkOf({ protocol: 'grpc', service: '' })
  expect(await ask(at(port, { protocol: 'http2' }), check, NEVER)).toEqual(expected)
  expect(asked).toEqual([{ path: '/grpc.health.v1.Health/Check', body: Buffer.alloc(5) }])
})

test('gRPC: a service is asked for by its name', async () => {
  const { port, asked } = await startGrpc(serving(1), '0')
  await ask(at(port), checkOf({ protocol: 'grpc', service: 'shop.v1' }), NEVER)
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 9, 0x0a, 7]), Buffer.from('shop.v1')])
  expect(asked.map(({ body }) => body)).toEqual([message])
})

test('gRPC: an answer without end is cut', async () => {
  const { port } = await startGrpc(Buffer.alloc(1_000_000), '0')
  const check = checkOf({ protocol: 'grpc', service: '' })
  expect(await ask(at(port), check, NEVER)).toEqual(
    failed('cannot be asked: Error: the answer is too long'),
  )
})

test('gRPC: a server that hangs, and one that speaks HTTP/1.1 alone, have failed', async () => {
  const check = checkOf({ protocol: 'grpc', service: '' }, 60)
  const silent = await plain((socket) => socket.resume())
  expect(await ask(at(silent), check, NEVER)).toEqual(failed('did not answer within 60 ms'))
  const old = await listen(createHttp((_, response) => response.end()))
  expect(await ask(at(old), { ...check, timeoutMs: 5_000 }, NEVER)).toMatchObject({
    isPassed: false,
  })
})

test('who closes ends what is on the way', async () => {
  const closing = new AbortController()
  const port = await plain((socket) => socket.once('data', () => closing.abort()))
  expect(await ask(at(port), http(), closing.signal)).toMatchObject({ isPassed: false })
})
