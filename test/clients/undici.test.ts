/** undici through Sluice: pipelining, many connections, bodies of every kind, aborts; and its HTTP/2 over TLS. */

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Dispatcher, Pool } from 'undici'
import { eventually } from '../proxy/exchange/eventually.ts'
import { type Proxy, startProxy } from '../proxy/exchange/proxy.ts'
import { bodyOf, CA, SECURE, serve, tell } from './servers.ts'

function poolOf(proxy: Proxy, options: Pool.Options = {}): Pool {
  const scheme = options.connect === undefined ? 'http' : 'https'
  const pool = new Pool(`${scheme}://127.0.0.1:${proxy.port}`, options)
  onTestFinished(() => pool.destroy())
  return pool
}

async function startSecure(listener: RequestListener) {
  const upstream = await serve(listener)
  const proxy = await startProxy({ stable: [upstream.port], listener: SECURE })
  const options = { connections: 1, pipelining: 50, allowH2: true, connect: { ca: CA } }
  return { proxy, pool: poolOf(proxy, options) }
}

describe('a pool in HTTP/1.1', () => {
  test('that pipelines gets its answers in order', async () => {
    let asked = 0
    const upstream = await serve((request, response) => {
      // Every second one is answered late.
      if (asked++ % 2 === 0) setImmediate(() => response.end(request.url))
      else response.end(request.url)
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const pool = poolOf(proxy, { connections: 2, pipelining: 10 })
    const paths = Array.from({ length: 200 }, (_, i) => `/${i}`)
    const bodies = await Promise.all(
      paths.map(async (path) => {
        const { statusCode, body } = await pool.request({ path, method: 'GET' })
        return [statusCode, await body.text()]
      }),
    )
    expect(bodies).toEqual(paths.map((path) => [200, path]))
    expect(proxy.thread('accepted')).toBe(2)
    expect(proxy.counted().codes).toEqual({ 'GET 200': 200 })
  })

  test('keeps its connections over many requests, and Sluice its own', async () => {
    const upstream = await serve((_, response) => response.end('ok'))
    const proxy = await startProxy({ stable: [upstream.port] })
    const pool = poolOf(proxy, { connections: 4 })
    for (let round = 0; round < 25; round++) {
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => pool.request({ path: '/', method: 'GET' })),
      )
      const bodies = await Promise.all(answers.map(({ body }) => body.text()))
      expect(bodies.every((body) => body === 'ok')).toBe(true)
    }
    expect(proxy.thread('accepted')).toBe(4)
    expect(proxy.thread('upstreamOpened')).toBeLessThanOrEqual(4)
    expect(proxy.counted().codes).toEqual({ 'GET 200': 200 })
  })

  test.for([
    ['a buffer', (): Buffer => Buffer.from('payload')],
    [
      'a stream of unknown length',
      (): Readable => Readable.from([Buffer.from('pay'), Buffer.from('load')]),
    ],
    ['nothing', (): null => null],
  ] as const)('sends %s', async ([what, body]) => {
    const upstream = await serve(async (request, response) => {
      response.end(JSON.stringify(await tell(request)))
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const answer = await poolOf(proxy).request({ path: '/', method: 'PUT', body: body() })
    expect(await answer.body.json()).toMatchObject({
      method: 'PUT',
      body: what === 'nothing' ? '' : 'payload',
    })
  })

  test('reads a body with trailers', async () => {
    const upstream = await serve((_, response) => {
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('body')
      response.addTrailers({ 'x-sum': 'abc' })
      response.end()
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const headers = { te: 'trailers' }
    const answer: Dispatcher.ResponseData = await poolOf(proxy).request({
      path: '/',
      method: 'GET',
      headers,
    })
    expect(await answer.body.text()).toBe('body')
    expect(answer.trailers).toMatchObject({ 'x-sum': 'abc' })
  })

  test('that gives up is seen to by the upstream', async () => {
    let isGone = false
    const upstream = await serve((request) => {
      request.socket.once('close', () => {
        isGone = true
      })
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const pool = poolOf(proxy)
    const giveUp = new AbortController()
    const asked = pool.request({ path: '/', method: 'GET', signal: giveUp.signal })
    await once(upstream.server, 'request')
    giveUp.abort()
    await expect(asked).rejects.toThrow(/abort/i)
    await eventually(() => isGone).toBe(true)
    expect(proxy.counted().clientAborts).toBe(1)
  })
})

describe('fetch', () => {
  test('reads a streamed answer in pieces, as they are sent', async () => {
    const goOn = Promise.withResolvers<void>()
    const upstream = await serve(async (_, response) => {
      response.write('first')
      await goOn.promise
      response.end('second')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/`)
    const reader = answer.body!.getReader()
    expect(String(Buffer.from((await reader.read()).value ?? []))).toBe('first')
    goOn.resolve()
    expect(String(Buffer.from((await reader.read()).value ?? []))).toBe('second')
    expect((await reader.read()).done).toBe(true)
  })

  test('sees the status and the fields of the upstream', async () => {
    const upstream = await serve((_, response) => {
      response.writeHead(418, { 'x-own': 'yes', 'set-cookie': ['a=1', 'b=2'] }).end('teapot')
    })
    const proxy = await startProxy({ stable: [upstream.port] })
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/`)
    expect([answer.status, await answer.text()]).toEqual([418, 'teapot'])
    expect(answer.headers.get('x-own')).toBe('yes')
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })
})

describe('HTTP/2 over TLS', () => {
  test('many requests share one connection', async () => {
    const { pool, proxy } = await startSecure((request, response) => {
      response.setHeader('x-via', request.headers.via ?? '')
      response.end(request.url)
    })
    const first = await pool.request({ path: '/0', method: 'GET' })
    expect(await first.body.text()).toBe('/0')
    expect(first.headers['x-via']).toMatch(/^2\.0 /)
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => pool.request({ path: `/${i}`, method: 'GET' })),
    )
    const bodies = await Promise.all(answers.map(({ body }) => body.text()))
    expect(bodies).toEqual(Array.from({ length: 100 }, (_, i) => `/${i}`))
    expect(proxy.thread('accepted')).toBe(1)
  })

  test('a large body goes there and back', async () => {
    const { pool } = await startSecure(async (request, response) =>
      response.end(await bodyOf(request)),
    )
    const body = randomBytes(4 * 1024 * 1024)
    const answer = await pool.request({ path: '/', method: 'POST', body })
    expect(Buffer.from(await answer.body.arrayBuffer()).equals(body)).toBe(true)
  })
})
