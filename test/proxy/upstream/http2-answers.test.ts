/** Answers over HTTP/2 as an exchange hears them, and requests as a server of Node's does. */

import { constants } from 'node:http2'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { eventually } from '../exchange/eventually.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../../src/proxy/http1/framing.ts'
import { startHouse } from './house.ts'
import { startHttp2 } from './servers.ts'

test('a request without a body is one frame, and its answer comes with head, content and end', async () => {
  const seen: unknown[] = []
  const upstream = await startHttp2((stream, headers, flags) => {
    seen.push(Object.entries(headers), flags)
    stream.respond({ ':status': 200, 'x-a': 'b', 'content-length': 5 })
    stream.end('hello')
  })
  const house = startHouse(upstream.port)
  const asker = await house
    .ask({ target: '/a?b', lines: 'Accept: x\r\ncookie: a=b; c=d\r\n', takesTrailers: true })
    .settled()
  expect(asker.failure).toBeNull()
  expect(asker.head).toMatchObject({ status: 200, bodyKind: BY_LENGTH, contentLength: 5 })
  expect(asker.head!.lines).toContain('x-a: b\r\n')
  expect([asker.body, asker.trailers]).toEqual(['hello', ''])
  expect(seen).toEqual([
    Object.entries({
      ':method': 'GET',
      ':scheme': 'http',
      ':path': '/a?b',
      ':authority': 'a.example',
      accept: 'x',
      cookie: 'a=b; c=d',
      te: 'trailers',
    }),
    0x05,
  ])
})

test('everything that was handed over is followed by the word that that was all', async () => {
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('first')
  })
  const house = startHouse(upstream.port)
  const asker = house.ask()
  await eventually(() => asker.body).toBe('first')
  await eventually(() => asker.isUnflushed).toBe(false)
  asker.upstream!.close()
})

test('and so is an end that comes alone', async () => {
  let end: (() => void) | undefined
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 200 })
    stream.write('first')
    end = () => stream.end()
  })
  const asker = startHouse(upstream.port).ask()
  await eventually(() => asker.body === 'first' && !asker.isUnflushed).toBe(true)
  end!()
  expect((await asker.settled()).trailers).toBe('')
})

test('requests share a connection', async () => {
  const upstream = await startHttp2((stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.end(headers[':path'])
  })
  const house = startHouse(upstream.port)
  const askers = [1, 2, 3].map((n) => house.ask({ target: `/${n}` }))
  for (const asker of askers) await asker.settled()
  expect(askers.map(({ body }) => body)).toEqual(['/1', '/2', '/3'])
  expect(house.openedCount).toBe(1)
})

test.for([
  ['a length that was said', { 'content-length': 3 }, BY_LENGTH],
  ['a length that was not', {}, CHUNKED],
] as const)('content of %s', async ([, headers, bodyKind]) => {
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 200, ...headers })
    stream.write('abc')
    stream.end()
  })
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.head!.bodyKind).toBe(bodyKind)
  expect([asker.body, asker.trailers]).toEqual(['abc', ''])
})

test.for([
  ['GET', 200, BY_LENGTH, 0],
  ['HEAD', 200, NO_BODY, -1],
  ['GET', 204, NO_BODY, -1],
  ['GET', 304, NO_BODY, -1],
] as const)(
  'an answer %s %i that ends with its head',
  async ([method, status, bodyKind, contentLength]) => {
    const upstream = await startHttp2((stream) => {
      stream.respond({ ':status': status }, { endStream: true })
    })
    const asker = await startHouse(upstream.port).ask({ method }).settled()
    expect(asker.head).toMatchObject({ status, bodyKind, contentLength })
    expect([asker.failure, asker.trailers]).toEqual([null, ''])
  },
)

test('the length of what HEAD asks for is passed on', async () => {
  const upstream = await startHttp2((stream) => {
    stream.respond({ ':status': 200, 'content-length': 12 }, { endStream: true })
  })
  const asker = await startHouse(upstream.port).ask({ method: 'HEAD' }).settled()
  expect(asker.head).toMatchObject({ bodyKind: NO_BODY, contentLength: 12 })
})

test.for([
  ['of unknown length', undefined],
  ['of known length', 11],
] as const)('a body %s arrives whole', async ([, contentLength]) => {
  const seen: unknown[] = []
  const upstream = await startHttp2(async (stream, headers) => {
    seen.push(headers['content-length'], await text(stream))
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const house = startHouse(upstream.port)
  const length = contentLength === undefined ? {} : { contentLength }
  await house.ask({ method: 'POST', body: 'hello world', ...length }).settled()
  expect(seen).toEqual([contentLength === undefined ? undefined : '11', 'hello world'])
})

test('an empty body that was announced is no body', async () => {
  const seen: unknown[] = []
  const upstream = await startHttp2((stream, headers, flags) => {
    seen.push(headers['content-length'], flags & 1)
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const asker = await startHouse(upstream.port).ask({ method: 'POST', contentLength: 0 }).settled()
  expect(asker.head!.status).toBe(200)
  expect(seen).toEqual(['0', 1])
})

test('trailers go both ways, without those that must not be any', async () => {
  const seen: unknown[] = []
  const upstream = await startHttp2((stream) => {
    stream.on('trailers', (trailers) => seen.push(Object.entries(trailers)))
    stream.resume().on('end', () => {
      stream.respond({ ':status': 200, trailer: 'x-sum' }, { waitForTrailers: true })
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'x-sum': '1', 'grpc-status': '14', authorization: 'x' }),
      )
      stream.end('abc')
    })
  })
  const house = startHouse(upstream.port)
  const asker = house.ask({ method: 'POST', body: null })
  await eventually(() => asker.upstream!.isConnected).toBe(true)
  asker.sendData('abc')
  asker.end('x-check: 7\r\nuser-agent: a\r\nuser-agent: b\r\n')
  await asker.settled()
  expect(seen).toEqual([
    [
      ['x-check', '7'],
      ['user-agent', 'a'],
    ],
  ])
  expect(asker.trailers).toBe('x-sum: 1\r\ngrpc-status: 14\r\n')
  expect(asker.body).toBe('abc')
})

test('interim answers come before the final one', async () => {
  const upstream = await startHttp2((stream) => {
    stream.additionalHeaders({ ':status': 103, link: '</a>; rel=preload' })
    stream.additionalHeaders({ ':status': 100 })
    stream.respond({ ':status': 200 }, { endStream: true })
  })
  const asker = await startHouse(upstream.port).ask().settled()
  expect(asker.informational).toMatchObject([
    { status: 103, lines: 'link: </a>; rel=preload\r\n' },
    { status: 100 },
  ])
  expect(asker.head!.status).toBe(200)
})

test('an answer that comes before the request is whole cancels the rest of it', async () => {
  const codes: number[] = []
  const upstream = await startHttp2((stream) => {
    stream.resume().on('close', () => codes.push(stream.rstCode))
    stream.respond({ ':status': 413 })
    stream.end('too much')
  })
  const house = startHouse(upstream.port)
  const asker = await house.ask({ method: 'POST', body: null }).settled()
  expect([asker.head!.status, asker.body, asker.trailers]).toEqual([413, 'too much', ''])
  await eventually(() => codes).toEqual([constants.NGHTTP2_CANCEL])
  await eventually(() => house.endpoint.outstandingCount).toBe(0)
})

test('a body waits for a peer that does not read, and the asker hears when it goes on', async () => {
  let release: (() => void) | undefined
  let receivedBytes = 0
  const upstream = await startHttp2((stream) => {
    release = () => {
      stream
        .on('data', (bytes: Buffer) => (receivedBytes += bytes.length))
        .on('end', () => {
          stream.respond({ ':status': 200 }, { endStream: true })
        })
    }
  })
  const house = startHouse(upstream.port)
  const asker = house.ask({ method: 'POST', body: null })
  await eventually(() => release).toBeDefined()
  asker.sendData(Buffer.alloc(1_000_000))
  expect(asker.upstream!.isFull).toBe(true)
  expect(asker.upstream!.unsentBytes).toBeGreaterThan(65_536)
  release!()
  await eventually(() => asker.drainCount).toBe(1)
  expect(asker.upstream!.isFull).toBe(false)
  asker.end()
  await asker.settled()
  expect(receivedBytes).toBe(1_000_000)
})

test('an answer that is not read stops the peer, and no other answer', async () => {
  let sentBytes = 0
  const upstream = await startHttp2((stream, headers) => {
    stream.respond({ ':status': 200 })
    if (headers[':path'] === '/small') return void stream.end('small')
    const more = (): void => {
      while (sentBytes < 4_000_000) {
        sentBytes += 100_000
        if (!stream.write(Buffer.alloc(100_000))) break
      }
      if (sentBytes < 4_000_000) stream.once('drain', more)
      else stream.end()
    }
    more()
  })
  const house = startHouse(upstream.port)
  const asker = house.ask({ target: '/large' })
  asker.onPiece = () => asker.upstream!.pause()
  await eventually(() => asker.pieces.length).toBeGreaterThan(0)
  for (let n = 0; n < 20; n++) {
    expect((await house.ask({ target: '/small' }).settled()).body).toBe('small')
  }
  expect(sentBytes).toBeLessThan(1_000_000)
  expect(asker.trailers).toBeNull()
  asker.onPiece = null
  asker.upstream!.resume()
  await asker.settled()
  expect(asker.body.length).toBe(4_000_000)
})

test('an answer that is read after the peer has said that it goes is whole', async () => {
  let isGone = false
  const upstream = await startHttp2((stream) => {
    const { session } = stream
    stream.respond({ ':status': 200 })
    stream.write('a'.repeat(10))
    setImmediate(() => stream.end('b'.repeat(50_000)))
    stream.on('close', () => {
      session!.destroy()
      isGone = true
    })
  })
  const house = startHouse(upstream.port)
  const asker = house.ask()
  asker.onPiece = () => asker.upstream!.pause()
  await eventually(() => isGone).toBe(true)
  asker.onPiece = null
  asker.upstream!.resume()
  await asker.settled()
  expect(asker.failure).toBeNull()
  expect(asker.body.length).toBe(50_010)
})
