/** Bodies arrive byte for byte, however they are framed and cut, in both directions. */

import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { seededRandom } from '../../sim/random.ts'
import { type Client, connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { chunked, randomBytes, randomSize, writePieces } from './pieces.ts'
import { startProxy } from './proxy.ts'
import { type Received, startUpstream } from './upstream.ts'

interface Exchange {
  readonly seed: number
  readonly method: 'POST' | 'PUT' | 'GET'
  readonly request: 'length' | 'chunked' | 'none'
  readonly requestBytes: number
  readonly response: 'length' | 'chunked' | 'untilClose'
  readonly responseBytes: number
  readonly cutCount: number
  /** Answers before the request is whole. */
  readonly isEager: boolean
}

const byteCount = fc.oneof(
  { weight: 4, arbitrary: fc.nat(300) },
  { weight: 3, arbitrary: fc.nat(70_000) },
  { weight: 2, arbitrary: fc.nat(400_000) },
  { weight: 1, arbitrary: fc.nat(3_000_000) },
)

const exchange: fc.Arbitrary<Exchange> = fc.record({
  seed: fc.integer(),
  method: fc.constantFrom('POST', 'PUT', 'GET'),
  request: fc.constantFrom('length', 'chunked', 'none'),
  requestBytes: byteCount,
  response: fc.constantFrom('length', 'chunked', 'untilClose'),
  responseBytes: byteCount,
  cutCount: fc.nat(20),
  isEager: fc.boolean(),
})

/** What is to be sent, made from the seed, so that both ends know it. */
function bodiesOf(plan: Exchange): { request: Buffer; response: Buffer } {
  const random = seededRandom(plan.seed)
  return {
    request: randomBytes(plan.request === 'none' ? 0 : plan.requestBytes, random),
    response: randomBytes(plan.responseBytes, random),
  }
}

async function sendRequest(client: Client, plan: Exchange, index: number): Promise<void> {
  const random = seededRandom(plan.seed + 1)
  const { request } = bodiesOf(plan)
  const framing = {
    none: '',
    length: `Content-Length: ${request.length}\r\n`,
    chunked: 'Transfer-Encoding: chunked\r\n',
  }[plan.request]
  const head = Buffer.from(`${plan.method} /${index} HTTP/1.1\r\nHost: test\r\n${framing}\r\n`)
  const body = plan.request === 'chunked' ? chunked(request, random) : request
  const { cutCount } = plan
  await writePieces(client.socket, Buffer.concat([head, body]), { cutCount, random })
}

async function sendAnswer(received: Received, plan: Exchange): Promise<void> {
  const random = seededRandom(plan.seed + 2)
  const { response } = bodiesOf(plan)
  if (!plan.isEager) await received.whole
  const framing = {
    untilClose: 'connection: close\r\n',
    length: `content-length: ${response.length}\r\n`,
    chunked: 'transfer-encoding: chunked\r\n',
  }[plan.response]
  const head = Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n`)
  const body = plan.response === 'chunked' ? chunked(response, random) : response
  // The last piece stays back until the request is whole: an answer that ends first would cut it off.
  const start = Buffer.concat([head, body.subarray(0, -1)])
  await writePieces(received.socket, start, { cutCount: plan.cutCount, random })
  await received.whole
  received.send(body.subarray(-1))
  if (plan.response === 'untilClose') received.end()
}

test(
  'every body arrives as it was sent, and the connection goes on',
  { timeout: 60_000 },
  async () => {
    let plans: readonly Exchange[] = []
    const upstream = await startUpstream((received) =>
      sendAnswer(received, plans[Number(received.target.slice(1))]!),
    )
    const proxy = await startProxy({ stable: [upstream.port] })
    onTestFinished(() => expect(upstream.faults).toEqual([]))

    await fc.assert(
      fc.asyncProperty(fc.array(exchange, { minLength: 1, maxLength: 4 }), async (list) => {
        plans = list
        upstream.requests.length = 0
        const client = await connectClient(proxy.port)
        for (const [index, plan] of list.entries()) {
          const { request, response } = bodiesOf(plan)
          const sent = sendRequest(client, plan, index)
          const answer = await client.answer()
          await sent
          expect(answer.status).toBe(200)
          expect(answer.body.equals(response), 'the response body').toBe(true)
          const received = upstream.requests[index]!
          expect((await received.whole).equals(request), 'the request body').toBe(true)
          if (valueOf(answer, 'connection') === 'close') break
        }
        client.end()
        expect(await client.reader.end()).toBe('ended')
        expect(client.reader.unread).toBe('')
      }),
      { numRuns: 60 },
    )
  },
)

test('an HTTP/1.0 client gets a body that ends with the connection', async () => {
  const plan = { seed: 7, cutCount: 5, isEager: false, request: 'none', requestBytes: 0 } as const
  const upstream = await startUpstream((received) =>
    sendAnswer(received, {
      ...plan,
      method: 'GET',
      response: received.target === '/chunked' ? 'chunked' : 'untilClose',
      responseBytes: 300_000,
    }),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const random = seededRandom(7)
  const expected = randomBytes(300_000, random)
  for (const target of ['/chunked', '/until-close']) {
    const client = await connectClient(proxy.port)
    client.send(`GET ${target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`)
    const answer = await client.answer()
    expect(valueOf(answer, 'transfer-encoding')).toBeUndefined()
    expect(valueOf(answer, 'connection')).toBe('close')
    expect(answer.body.equals(expected)).toBe(true)
  }
})

test('bodies of many sizes around the limits of buffers arrive', async () => {
  const sizes = [0, 1, 8_191, 8_192, 8_193, 65_535, 65_536, 131_071, 131_072, 131_073, 5_000_000]
  const random = seededRandom(3)
  const body = randomBytes(5_000_000, random)
  const upstream = await startUpstream(async (received) => {
    const size = Number(received.target.slice(1))
    received.answer(200, (await received.whole).subarray(0, size))
  })
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  for (const size of [...sizes, ...sizes.toReversed(), randomSize(100_000, random)]) {
    client.send(`POST /${size} HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`)
    client.send(body.subarray(0, size))
    const answer = await client.answer()
    expect(answer.body.equals(body.subarray(0, size)), `${size} bytes`).toBe(true)
  }
  expect(upstream.connectionCount).toBe(1)
  expect(proxy.counted()).toMatchObject({ finished: 2 * sizes.length + 1, errors: 0, failures: {} })
})
