/**
 * @grpc/grpc-js at both ends, Sluice between: the list of gRPC's interoperability tests that applies to a proxy,
 * in cleartext and over TLS, and what becomes of the outcomes in Sluice's books.
 */

import { once } from 'node:events'
import { type ClientDuplexStream, Metadata, status, type StatusObject } from '@grpc/grpc-js'
import { beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { http2Endpoint, PRIOR_KNOWLEDGE, SECURE, serveHttp2 } from './servers.ts'
import {
  dialInterop,
  ECHO_INITIAL,
  ECHO_TRAILING,
  type Heard,
  INTEROP,
  type InteropClient,
  type Order,
  type Payload,
  payload,
  serveInterop,
} from './interop.ts'

/** The sizes of the original. */
const LARGE = { request: 271_828, response: 314_159 }
const STREAM_SIZES = [31_415, 9, 2_653, 58_979]
const REQUEST_SIZES = [27_182, 8, 1_828, 45_904]

type Call = ClientDuplexStream<Order, Payload>

async function ended(call: {
  once(event: 'status', listener: (s: StatusObject) => void): unknown
}) {
  return new Promise<StatusObject>((resolve) => {
    call.once('status', resolve)
  })
}

async function next(call: Call): Promise<number> {
  const [{ body }] = (await once(call, 'data')) as [Payload]
  return body.length
}

describe.for([
  ['in cleartext', false],
  ['over TLS', true],
] as const)('%s', ([, isSecure]) => {
  let proxy: Proxy
  let client: InteropClient
  let heard: Heard

  beforeEach(async () => {
    const service = await serveInterop()
    const listener = isSecure ? SECURE : PRIOR_KNOWLEDGE
    proxy = await startProxy({ stable: [http2Endpoint(service.port)], listener })
    client = dialInterop(proxy, isSecure)
    heard = service.heard
  })

  test('empty_unary', async () => {
    const { status: outcome, reply } = await client.unary(INTEROP.EmptyCall, {})
    expect([outcome.code, reply]).toEqual([status.OK, {}])
    expect(proxy.counted()).toMatchObject({ errors: 0, codes: { 'POST 200': 1 } })
  })

  test('large_unary', async () => {
    const order = { size: LARGE.response, ...payload(LARGE.request) }
    const { status: outcome, reply } = await client.unary(INTEROP.UnaryCall, order)
    expect(outcome.code).toBe(status.OK)
    expect(reply!.body.equals(payload(LARGE.response).body)).toBe(true)
    expect(proxy.counted().requestBytes).toBeGreaterThan(LARGE.request)
  })

  test('client_streaming', async () => {
    const reply = Promise.withResolvers<unknown>()
    const call = client.input(reply.resolve)
    for (const size of REQUEST_SIZES) call.write(payload(size))
    call.end()
    expect(await reply.promise).toEqual({ bytes: 74_922 })
  })

  test('server_streaming', async () => {
    const call = client.output(STREAM_SIZES)
    const outcome = ended(call)
    const sizes: number[] = []
    for await (const { body } of call as AsyncIterable<Payload>) sizes.push(body.length)
    expect(sizes).toEqual(STREAM_SIZES)
    expect((await outcome).code).toBe(status.OK)
  })

  test('ping_pong', async () => {
    const call = client.duplex()
    const outcome = ended(call)
    for (const [i, size] of STREAM_SIZES.entries()) {
      call.write({ size, ...payload(REQUEST_SIZES[i]!) })
      expect(await next(call)).toBe(size)
    }
    call.end()
    expect((await outcome).code).toBe(status.OK)
  })

  test('empty_stream', async () => {
    const call = client.duplex()
    const outcome = ended(call)
    const messages: unknown[] = []
    call.on('data', (message) => messages.push(message)).end()
    expect((await outcome).code).toBe(status.OK)
    expect(messages).toEqual([])
  })

  test('timeout_on_sleeping_server', async () => {
    const call = client.duplex({ deadline: Date.now() + 300 })
    call.write({ size: 0, ...payload(27_182) })
    expect((await ended(call)).code).toBe(status.DEADLINE_EXCEEDED)
    await eventually(() => heard.cancelled).toBe(1)
    expect(heard.metadata).toHaveLength(1)
  })

  test('cancel_after_begin', async () => {
    const call = client.input(() => undefined)
    const outcome = ended(call)
    call.write(payload(1))
    await eventually(() => heard.metadata.length).toBe(1)
    call.cancel()
    expect((await outcome).code).toBe(status.CANCELLED)
    await eventually(() => heard.cancelled).toBe(1)
    await eventually(() => proxy.counted().clientAborts).toBe(1)
  })

  test('cancel_after_first_response', async () => {
    const call = client.duplex()
    const outcome = ended(call)
    call.write({ size: 31_415, ...payload(27_182) })
    expect(await next(call)).toBe(31_415)
    call.cancel()
    expect((await outcome).code).toBe(status.CANCELLED)
    await eventually(() => heard.cancelled).toBe(1)
    await eventually(() => proxy.counted().clientAborts).toBe(1)
  })

  test('custom_metadata', async () => {
    const metadata = new Metadata()
    const bytes = Buffer.from([0xab, 0x00, 0xff, 0x0a, 0x0d])
    metadata.set(ECHO_INITIAL, 'test_initial_metadata_value')
    metadata.set(ECHO_TRAILING, bytes)
    const order = { size: LARGE.response, ...payload(LARGE.request) }
    const unary = await client.unary(INTEROP.UnaryCall, order, { metadata })
    expect(unary.initial!.get(ECHO_INITIAL)).toEqual(['test_initial_metadata_value'])
    expect(unary.status.metadata.get(ECHO_TRAILING)).toEqual([bytes])

    const call = client.duplex({ metadata })
    const [initial, outcome] = [once(call, 'metadata'), ended(call)]
    call.write({ size: 1 })
    expect(await next(call)).toBe(1)
    call.end()
    expect(((await initial)[0] as Metadata).get(ECHO_INITIAL)).toEqual([
      'test_initial_metadata_value',
    ])
    expect((await outcome).metadata.get(ECHO_TRAILING)).toEqual([bytes])
  })

  test('status_code_and_message', async () => {
    const wanted = { code: 2, message: 'test status message' } as const
    const unary = await client.unary(INTEROP.UnaryCall, { status: wanted })
    expect(unary.status).toMatchObject({ code: 2, details: wanted.message })
    const call = client.duplex()
    const outcome = ended(call)
    call.write({ status: wanted })
    expect(await outcome).toMatchObject({ code: 2, details: wanted.message })
    expect(proxy.counted()).toMatchObject({ errors: 2, codes: { 'POST 200': 2 } })
  })

  test('special_status_message', async () => {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n'
    const { status: outcome } = await client.unary(INTEROP.UnaryCall, {
      status: { code: 2, message },
    })
    expect(outcome).toMatchObject({ code: 2, details: message })
  })

  test.for([
    ['unimplemented_method', '/sluice.test.Interop/Nothing'],
    ['unimplemented_service', '/sluice.test.Nobody/Nothing'],
  ] as const)('%s', async ([, path]) => {
    const { status: outcome } = await client.unary({ ...INTEROP.EmptyCall, path }, {})
    expect(outcome.code).toBe(status.UNIMPLEMENTED)
  })

  test('many calls at once share a connection', async () => {
    const calls = Array.from({ length: 80 }, (_, i) => client.unary(INTEROP.UnaryCall, { size: i }))
    const sizes = (await Promise.all(calls)).map(({ reply }) => reply?.body.length)
    expect(sizes).toEqual(Array.from({ length: 80 }, (_, i) => i))
    expect(proxy.thread('accepted')).toBe(1)
    expect(proxy.counted().codes).toEqual({ 'POST 200': 80 })
  })
})

describe('outcomes', () => {
  test.for([
    [status.UNAVAILABLE, 1],
    [status.NOT_FOUND, 0],
  ] as const)(
    'an answer that is nothing but trailers with grpc-status %i',
    async ([code, errors]) => {
      const { endpoint } = await serveHttp2((stream) => {
        stream.respond(
          {
            'content-type': 'application/grpc',
            'grpc-status': String(code),
            'grpc-message': 'no%0A',
          },
          { endStream: true },
        )
      })
      const proxy = await startProxy({ stable: [endpoint], listener: PRIOR_KNOWLEDGE })
      const { status: outcome } = await dialInterop(proxy).unary(INTEROP.EmptyCall, {})
      expect(outcome).toMatchObject({ code, details: 'no\n' })
      expect(proxy.counted()).toMatchObject({ errors, codes: { 'POST 200': 1 } })
    },
  )

  test('an upstream that is down is UNAVAILABLE, and an error', async () => {
    const proxy = await startProxy({ stable: [http2Endpoint(1)], listener: PRIOR_KNOWLEDGE })
    const { status: outcome } = await dialInterop(proxy).unary(INTEROP.EmptyCall, {})
    expect(outcome.code).toBe(status.UNAVAILABLE)
    expect(proxy.counted()).toMatchObject({ errors: 1, failures: { refused: 1 } })
  })

  test('an upstream that resets the call half way is no OK', async () => {
    const { endpoint } = await serveHttp2((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.write(Buffer.from([0, 0, 0, 0, 0]), () => stream.close(2))
    })
    const proxy = await startProxy({ stable: [endpoint], listener: PRIOR_KNOWLEDGE })
    const { status: outcome } = await dialInterop(proxy).unary(INTEROP.EmptyCall, {})
    expect(outcome.code).not.toBe(status.OK)
    expect(proxy.counted().errors).toBe(1)
  })
})
