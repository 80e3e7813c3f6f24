import { expect, test } from 'vitest'
import {
  type AnswerFraming,
  responseText,
  trailerLines,
} from '../../../src/proxy/upstream/response-text.ts'

const GET: AnswerFraming = { method: 'GET', isWhole: false, switchLines: null }

test.for([
  [GET, ['200'], 'HTTP/1.1 200 \r\ntransfer-encoding: chunked\r\n\r\n'],
  [{ ...GET, isWhole: true }, ['200'], 'HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n'],
  [GET, ['200', 'content-length', '3'], 'HTTP/1.1 200 \r\ncontent-length: 3\r\n\r\n'],
  [
    GET,
    ['200', 'a', 'b', 'content-length', '3'],
    'HTTP/1.1 200 \r\na: b\r\ncontent-length: 3\r\n\r\n',
  ],
  [
    GET,
    ['200', 'x-content-length', '3'],
    'HTTP/1.1 200 \r\nx-content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
  [{ ...GET, method: 'HEAD', isWhole: true }, ['200'], 'HTTP/1.1 200 \r\n\r\n'],
  [{ ...GET, isWhole: true }, ['204'], 'HTTP/1.1 204 \r\n\r\n'],
  [{ ...GET, isWhole: true }, ['304', 'etag', '"a"'], 'HTTP/1.1 304 \r\netag: "a"\r\n\r\n'],
  [GET, ['103', 'link', '</a>'], 'HTTP/1.1 103 \r\nlink: </a>\r\n\r\n'],
  [
    GET,
    ['200', 'a', '', 'a', '\xe9'],
    'HTTP/1.1 200 \r\na: \r\na: \xe9\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
] as const)('%o %j', ([framing, [status, ...fields], text]) => {
  expect(responseText([':status', status, ...fields], framing)).toBe(text)
})

test('the proof of having read the request is told once, by us', () => {
  const framing = { ...GET, switchLines: 'sec-websocket-accept: ours\r\n' }
  const raw = [':status', '200', 'a', 'b', 'sec-websocket-accept', 'x', 'sec-websocket-accept', '']
  expect(responseText(raw, framing)).toBe(
    'HTTP/1.1 101 Switching Protocols\r\na: b\r\nsec-websocket-accept: ours\r\n\r\n',
  )
  expect(responseText(raw, GET)).toContain('sec-websocket-accept: x\r\n')
})

test('only an answer that agrees to switch becomes a 101', () => {
  const framing = { ...GET, switchLines: 'upgrade: websocket\r\n' }
  const texts = ['200', '299', '101', '403'].map((status) =>
    responseText([':status', status, 'a', 'b'], framing),
  )
  const switched = 'HTTP/1.1 101 Switching Protocols\r\na: b\r\nupgrade: websocket\r\n\r\n'
  expect(texts).toEqual([
    switched,
    switched,
    'HTTP/1.1 101 \r\na: b\r\n\r\n',
    'HTTP/1.1 403 \r\na: b\r\ntransfer-encoding: chunked\r\n\r\n',
  ])
})

test.for([
  [],
  ['a', 'b'],
  ['a', 'b', ':status', '200'],
  [':status', ''],
  [':status', '20'],
  [':status', '2000'],
  [':status', '600'],
  [':status', '099'],
  [':status', '200 OK\r\na: b'],
  [':status', '200', ':status', '200'],
  [':status', '200', ':path', '/'],
  [':status', '200', '', 'b'],
  [':status', '200', 'A', 'b'],
  [':status', '200', 'a b', 'c'],
  [':status', '200', 'a:b', 'c'],
  [':status', '200', 'a\r\nb', 'c'],
  [':status', '200', 'a', 'b\r\nc: d'],
  [':status', '200', 'a', 'b\nc: d'],
  [':status', '200', 'a', 'b\rc: d'],
  [':status', '200', 'a', 'b\0'],
  [':status', '200', 'connection', 'close'],
  [':status', '200', 'keep-alive', 'timeout=5'],
  [':status', '200', 'proxy-connection', 'close'],
  [':status', '200', 'transfer-encoding', 'chunked'],
  [':status', '200', 'upgrade', 'h2c'],
] as const)('%j is refused', (raw) => {
  expect(responseText(raw, GET)).toBeNull()
})

test('trailers are lines too, and refused for the same reasons', () => {
  expect(trailerLines(['grpc-status', '0', 'a', 'b'])).toBe('grpc-status: 0\r\na: b\r\n')
  for (const raw of [
    [':status', '200'],
    ['a', 'b\r\nc: d'],
    ['connection', 'close'],
  ]) {
    expect(trailerLines(raw)).toBeNull()
  }
})
