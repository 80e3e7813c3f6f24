/** Load generators as plain clients: a few thousand requests, and not one that fails. */

import { expect, test } from 'vitest'
import { startProxy } from '../proxy/exchange/proxy.ts'
import { PRIOR_KNOWLEDGE, SECURE, serve, serveHttp2 } from './servers.ts'
import { lacks, run } from './program.ts'

const COUNT = 3_000

test.skipIf(lacks('h2load')).for([
  ['HTTP/1.1', { listener: {}, scheme: 'http', args: ['--h1', '-m1'] }],
  ['HTTP/2 in cleartext', { listener: PRIOR_KNOWLEDGE, scheme: 'http', args: ['-m10'] }],
  ['HTTP/2 over TLS', { listener: SECURE, scheme: 'https', args: ['-m10'] }],
  ['HTTP/1.1 over TLS', { listener: SECURE, scheme: 'https', args: ['--h1', '-m1'] }],
] as const)('h2load, %s: every answer is a 200', async ([, { listener, scheme, args }]) => {
  const { port } = await serve((_, response) => response.end('hello'))
  const proxy = await startProxy({ stable: [port], listener })
  const url = `${scheme}://127.0.0.1:${proxy.port}/`
  const { stdout } = await run('h2load', [`-n${COUNT}`, '-c8', ...args, url])
  const text = stdout.toString()
  expect(text).toContain(
    `${COUNT} total, ${COUNT} started, ${COUNT} done, ${COUNT} succeeded, 0 failed, 0 errored, 0 timeout`,
  )
  expect(text).toContain(`status codes: ${COUNT} 2xx, 0 3xx, 0 4xx, 0 5xx`)
  expect(proxy.counted()).toMatchObject({ errors: 0, codes: { 'GET 200': COUNT } })
  expect(proxy.thread('accepted')).toBe(8)
})

test.skipIf(lacks('h2load'))('h2load, HTTP/2 on both sides, with bodies', async () => {
  const { endpoint } = await serveHttp2((stream) => {
    stream.respond({ ':status': 200 })
    stream.resume().on('end', () => stream.end('hello'))
  })
  const proxy = await startProxy({ stable: [endpoint], listener: PRIOR_KNOWLEDGE })
  const url = `http://127.0.0.1:${proxy.port}/`
  const args = [`-n${COUNT}`, '-c4', '-m20', '-d', import.meta.filename, url]
  const { stdout } = await run('h2load', args)
  expect(stdout.toString()).toContain(`status codes: ${COUNT} 2xx, 0 3xx, 0 4xx, 0 5xx`)
  expect(proxy.counted()).toMatchObject({ errors: 0, codes: { 'POST 200': COUNT } })
})

test.skipIf(lacks('wrk'))('wrk: every answer is a 200', async () => {
  const { port } = await serve((_, response) => response.end('hello'))
  const proxy = await startProxy({ stable: [port] })
  const args = ['-t1', '-c16', '-d1s', `http://127.0.0.1:${proxy.port}/`]
  const { stdout } = await run('wrk', args)
  const text = stdout.toString()
  expect(text).not.toMatch(/Non-2xx|Socket errors/)
  expect(Number(/(\d+) requests in/.exec(text)?.[1])).toBeGreaterThan(100)
  expect(proxy.counted().errors).toBe(0)
})
