import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { ERRORS, type ErrorCode } from '../../../src/control/coded-error.ts'
import { rawProblem } from '../../../src/control/api/problem.ts'
import { RUNNING, rolloutBase } from './fake-engine.ts'
import { serve, START } from './serve.ts'

/** A start of that many bytes. */
function padded(bytes: number): string {
  return JSON.stringify(START).padEnd(bytes)
}

/** What every answer with this code looks like. */
function problem(code: ErrorCode): object {
  const { status, title } = ERRORS[code]
  return {
    status,
    headers: { 'content-type': expect.stringMatching(/^application\/problem\+json\b/) },
    json: {
      code,
      status,
      title,
      type: expect.stringMatching(/^https:\/\/sluice\.dev\/problems\/[a-z-]+$/),
      detail: expect.stringMatching(/[^.]$/),
    },
  }
}

test.for([
  ['GET', '/'],
  ['GET', '/v1'],
  ['GET', '/v1/nothing'],
  ['DELETE', '/v1/rollouts'],
  ['POST', '/v1/rollouts/shop/explode'],
] as const)('%s %s is not there', async ([method, path]) => {
  const { ask } = await serve()
  const answer = await ask(method, path)
  expect(answer).toMatchObject(problem('notFound'))
  expect(answer.json).toMatchObject({ detail: `There is no ${method} ${path}`, instance: path })
})

test('the instance is the path without the query', async () => {
  const { ask } = await serve()
  expect((await ask('GET', '/v1/nothing?token=secret')).json.instance).toBe('/v1/nothing')
})

test('bad JSON is malformed, and says where', async () => {
  const { ask } = await serve()
  const answer = await ask('POST', '/v1/rollouts', { text: '{"route": shop}' })
  expect(answer).toMatchObject(problem('malformedRequest'))
  expect(answer.json.detail).toMatch(/^The body is not JSON: Unexpected token/)
})

test('a body of another type is refused', async () => {
  const { ask } = await serve()
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/yaml']) {
    const headers = { 'content-type': type }
    const answer = await ask('POST', '/v1/rollouts', { headers, text: JSON.stringify(START) })
    expect(answer).toMatchObject(problem('unsupportedMediaType'))
  }
})

test('a body of one MiB is read, a longer one is not', async () => {
  const { ask } = await serve()
  const fits = await ask('POST', '/v1/rollouts', { text: padded(1_048_576) })
  expect(fits.status).toBe(201)
  expect(await ask('POST', '/v1/rollouts', { text: padded(1_048_577) })).toMatchObject(
    problem('bodyTooLarge'),
  )
})

test('a long body in chunks is cut off as well', async () => {
  const { port } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(
    'POST /v1/rollouts HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n',
  )
  const chunk = ' '.repeat(65_536)
  for (let i = 0; i < 17; i++) socket.write(`10000\r\n${chunk}\r\n`)
  const answer = await text(socket)
  expect(answer).toMatch(/^HTTP\/1\.1 413 /)
})

test('a path that is not percent-encoded UTF-8 is malformed', async () => {
  const { ask } = await serve()
  expect(await ask('GET', '/v1/routes/%ff')).toMatchObject(problem('malformedRequest'))
})

test('a name longer than any is not found', async () => {
  const { ask } = await serve()
  expect(await ask('GET', `/v1/routes/${'x'.repeat(201)}`)).toMatchObject(problem('notFound'))
})

test('a bug shows its number and nothing else; the log has the rest', async () => {
  const served = await serve()
  served.failure = new TypeError('secret is not a function')
  const answer = await served.ask('POST', '/v1/rollouts', { body: START })
  expect(answer).toMatchObject(problem('internal'))
  expect(answer.text).not.toContain('secret')
  expect(answer.json.detail).toContain(answer.json.requestId)
  expect(served.logged).toEqual([
    [
      'an admin request struck a bug',
      {
        requestId: answer.json.requestId,
        path: '/v1/rollouts',
        error: expect.stringMatching(/^TypeError: secret is not a function\n +at /),
      },
    ],
  ])
})

test('a view that does not fit its schema is a bug', async () => {
  const { ask, put, logged } = await serve()
  put({ ...rolloutBase({ attempt: 0 }), ...RUNNING, phase: 'progressing' })
  expect(await ask('GET', '/v1/rollouts/shop')).toMatchObject(problem('internal'))
  expect(logged).toHaveLength(1)
})

test.for([
  ['no HTTP at all', 'hello\r\n\r\n', 400],
  [
    'header fields without end',
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
    431,
  ],
] as const)('%s is answered with a problem by the parser', async ([, bytes, status]) => {
  const { port } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  const answer = await text(socket)
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(head).toContain('application/problem+json')
  expect(JSON.parse(body)).toMatchObject({ status })
})

test('a request that arrives too slowly is told so', () => {
  expect(rawProblem('ERR_HTTP_REQUEST_TIMEOUT')).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
})

test('closing finishes what is at work and refuses what comes in the meantime', async () => {
  const served = await serve()
  const { promise, resolve } = Promise.withResolvers<void>()
  served.gate = promise
  const late = connect(served.port, '127.0.0.1')
  const refused = text(late)
  late.write('GET /v1/routes HTTP/1.1\r\nhost: localhost\r\n')
  const started = served.ask('POST', '/v1/rollouts', { body: START })
  await vi.waitFor(() => expect(served.arrivalCount).toBe(1))
  const closed = served.close()
  late.write('\r\n')
  expect(await refused).toMatch(/^HTTP\/1\.1 503 [^]*"code":"stopping"/)
  resolve()
  expect((await started).status).toBe(201)
  await closed
})
