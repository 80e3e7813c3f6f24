/** Trailers go on as trailers, both ways; what must not stand there is left out. */

import { expect, test } from 'vitest'
import { connectClient } from './client.ts'
import { valueOf } from './message.ts'
import { startProxy } from './proxy.ts'
import { startUpstream } from './upstream.ts'

test('of a request', async () => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(
    'POST / HTTP/1.1\r\nHost: test\r\nTrailer: x-checksum\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '2\r\nok\r\n0\r\nX-Checksum: abc \r\nX-Empty:\r\n\r\n',
  )
  expect((await client.answer()).status).toBe(200)
  const { head, trailers, whole } = upstream.requests[0]!
  expect((await whole).toString()).toBe('ok')
  expect(valueOf(head, 'trailer')).toBe('x-checksum')
  expect(trailers).toEqual([
    ['x-checksum', 'abc'],
    ['x-empty', ''],
  ])
})

test('of an answer, and the connection goes on', async () => {
  const upstream = await startUpstream((request) =>
    request.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nServer-Timing: db\r\n\r\n',
    ),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  for (let i = 0; i < 2; i++) {
    const answer = await client.get('/')
    expect(answer.body.toString()).toBe('ok')
    expect(answer.trailers).toEqual([['server-timing', 'db']])
  }
  expect(upstream.connectionCount).toBe(1)
})

test('not where the client cannot read them', async () => {
  const upstream = await startUpstream((request) =>
    request.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: 1\r\n\r\n',
    ),
  )
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send('GET / HTTP/1.0\r\n\r\n')
  const answer = await client.answer()
  expect(answer.body.toString()).toBe('ok')
})

test.for([
  'Host: evil',
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Anything: 1',
  'x_forwarded_for: 6.6.6.6',
  'Authorization: Basic eA==',
  'Cookie: a=1',
  'Set-Cookie: a=1',
  'TE: trailers',
  'X-Sluice-Variant: canary',
  'If-Match: x',
  'Content-Type: text/html',
  'Via: 1.1 other',
])('not what frames, routes or authenticates: %s', async (line) => {
  const upstream = await startUpstream()
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(
    `POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${line}\r\nX-Kept: 1\r\n\r\n`,
  )
  expect((await client.answer()).status).toBe(200)
  expect(upstream.requests[0]!.trailers).toEqual([['x-kept', '1']])
})

test.for([
  'no colon',
  ': no name',
  'X : 1',
  'X-A: \x01',
  ' folded: 1',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Connection: close',
])('not what is no field, or would frame the message anew: %j', async (line) => {
  const upstream = await startUpstream(() => undefined)
  const proxy = await startProxy({ stable: [upstream.port] })
  const client = await connectClient(proxy.port)
  client.send(
    `POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${line}\r\n\r\n`,
  )
  expect((await client.answer()).status).toBe(400)
  expect(upstream.requests.every(({ isWhole }) => !isWhole)).toBe(true)
})
