/** gRPC as an exchange knows it, here over HTTP/1.1 for want of frames: outcomes, failures, deadlines. */

import { describe, expect, test } from 'vitest'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { type Script, startUpstream } from './upstream.ts'

const REQUEST =
  'POST /shop.Shop/Buy HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc+proto\r\nTE: trailers\r\n'

function answering(status: string, trailers: string): Script {
  return async (request) => {
    await request.whole
    request.send(
      `HTTP/1.1 ${status} X\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`,
    )
  }
}

async function ask(script: Script, lines = '') {
  const upstream = await startUpstream(script)
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(`${REQUEST}${lines}Content-Length: 0\r\n\r\n`)
  return { answer: await client.answer(), proxy, upstream }
}

describe('an outcome is an error by its grpc-status', () => {
  test.for([
    ['200', 'grpc-status: 0\r\n', 0],
    ['200', 'grpc-status: 5\r\n', 0],
    ['200', 'Grpc-Status: 14\r\ngrpc-message: x\r\n', 1],
    ['200', 'grpc-message: x\r\ngrpc-status: 13\r\n', 1],
    ['200', 'grpc-status: 99\r\n', 1],
    ['200', 'grpc-status: nonsense\r\n', 1],
    ['200', '', 1],
    ['503', '', 1],
    ['500', 'grpc-status: 0\r\n', 0],
  ] as const)('%s with %j: %i', async ([status, trailers, errorCount]) => {
    const { answer, proxy } = await ask(answering(status, trailers))
    expect(answer.status).toBe(Number(status))
    expect(proxy.counted().errors).toBe(errorCount)
  })

  test('also in an answer that is nothing but a head', async () => {
    const { proxy } = await ask((request) => request.answer(200, '', 'grpc-status: 14\r\n'))
    expect(proxy.counted()).toMatchObject({ finished: 1, errors: 1, codes: { 'POST 200': 1 } })
  })

  test('and by the rule of the route', async () => {
    const upstream = await startUpstream(answering('200', 'grpc-status: 5\r\n'))
    const errors = { statuses: [], grpcStatuses: [5] }
    const proxy = await startProxy({ stable: [upstream.port], route: { errors } })
    const client = await connectClient(proxy.port)
    client.send(`${REQUEST}Content-Length: 0\r\n\r\n`)
    await client.answer()
    expect(proxy.counted().errors).toBe(1)
  })

  test('not where the request is no gRPC', async () => {
    const upstream = await startUpstream(answering('200', 'grpc-status: 14\r\n'))
    const proxy = await startProxy({ stable: [upstream.port] })
    await (await connectClient(proxy.port)).get('/', 'content-type: application/grpc-web\r\n')
    expect(proxy.counted().errors).toBe(0)
  })
})

describe('a failure of ours', () => {
  test('is told as a grpc-status', async () => {
    const { answer, proxy } = await ask((request) => request.reset())
    expect(answer.status).toBe(200)
    expect(valueOf(answer, 'content-type')).toBe('application/grpc')
    expect(valueOf(answer, 'grpc-status')).toBe('14')
    expect(valueOf(answer, 'grpc-message')).toMatch(/^the upstream closed the connection/)
    expect(valueOf(answer, 'proxy-status')).toContain('error=connection_terminated')
    expect(proxy.counted()).toMatchObject({ errors: 1, failures: { reset: 1 } })
  })
})

describe('a deadline', () => {
  test('is kept, and told as one', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`${REQUEST}grpc-timeout: 2S\r\nContent-Length: 0\r\n\r\n`)
    const received = await upstream.request(0)
    await proxy.advance(3_000)
    const answer = await client.answer()
    expect(valueOf(answer, 'grpc-status')).toBe('4')
    expect(await received.gone()).not.toBe('open')
    expect(proxy.counted().failures).toEqual({ deadline: 1 })
  })

  test('does not strike early', async () => {
    const upstream = await startUpstream(() => undefined)
    const proxy = await startProxy({ stable: [upstream.port] })
    const client = await connectClient(proxy.port)
    client.send(`${REQUEST}grpc-timeout: 20S\r\nContent-Length: 0\r\n\r\n`)
    const received = await upstream.request(0)
    await proxy.advance(19_000)
    received.answer(200, '', 'grpc-status: 0\r\n')
    expect(valueOf(await client.answer(), 'grpc-status')).toBe('0')
  })
})
