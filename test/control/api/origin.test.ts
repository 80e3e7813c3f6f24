import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { bearer, serve, START, tokenOf } from './serve.ts'

/** Asks with exactly these header fields; undici would not send a foreign Host. */
async function askAs(port: number, fields: readonly string[], method = 'GET'): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const body = method === 'POST' ? JSON.stringify(START) : ''
  socket.end(
    [
      `${method} /v1/rollouts HTTP/1.1`,
      ...fields,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  )
  return text(socket)
}

test.for([
  'localhost',
  'localhost:9090',
  'LOCALHOST:1',
  '127.0.0.1:9090',
  '127.1.2.3',
  '[::1]',
  '[::1]:9090',
])('the host %s is ours', async (host) => {
  const { port } = await serve()
  expect(await askAs(port, [`host: ${host}`])).toMatch(/^HTTP\/1\.1 200 /)
})

test.for([
  'evil.example.com',
  'localhost.evil.example.com',
  '127.0.0.1.evil.example.com',
  'localhost@evil.example.com',
  '10.0.0.1:9090',
  '0.0.0.0',
  '[::]',
  '128.0.0.1',
  '',
])('the host "%s" is refused: its name may lead here by rebinding', async (host) => {
  const { port } = await serve()
  const answer = await askAs(port, [`host: ${host}`])
  expect(answer).toMatch(/^HTTP\/1\.1 403 /)
  expect(answer).toContain('"code":"forbidden"')
})

test.for([
  ['http://localhost:9090', 201],
  ['http://LOCALHOST:9090', 201],
  ['http://localhost:9091', 403],
  ['https://localhost:9090', 403],
  ['http://127.0.0.1:9090', 403],
  ['http://evil.example.com', 403],
  ['null', 403],
  ['', 403],
  ['nonsense', 403],
] as const)('a page of the origin "%s" is answered %i', async ([origin, status]) => {
  const { port, journal } = await serve()
  const answer = await askAs(port, ['host: localhost:9090', `origin: ${origin}`], 'POST')
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(answer.toLowerCase()).not.toContain('access-control-')
  expect(journal).toHaveLength(status === 201 ? 1 : 0)
})

test('with tokens any name and any origin will do, for who has one', async () => {
  const tokens = [tokenOf('ola', 'operator')]
  const { port } = await serve({ tokens: () => tokens })
  const { authorization } = bearer('ola')
  const fields = ['host: sluice.example.com', 'origin: https://console.example.com']
  expect(await askAs(port, fields)).toMatch(/^HTTP\/1\.1 401 /)
  expect(await askAs(port, [...fields, `authorization: ${authorization}`])).toMatch(
    /^HTTP\/1\.1 200 /,
  )
})

test('a preflight is granted nothing', async () => {
  const { ask } = await serve()
  const headers = {
    origin: 'http://evil.example.com',
    'access-control-request-method': 'POST',
  }
  const answer = await ask('OPTIONS', '/v1/rollouts', { headers })
  expect(answer.status).toBe(403)
  expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-'))).toEqual([])
})
