/** Each sample is 1 000 heads, so that milliseconds a sample read as microseconds a head. */

import { expect, test } from 'vitest'
import { createPeer, forwardingLines } from '../../src/proxy/forwarding.ts'
import { ChunkedDecoder } from '../../src/proxy/http1/chunked.ts'
import { RequestHead } from '../../src/proxy/http1/request-head.ts'
import { ResponseHead } from '../../src/proxy/http1/response-head.ts'

const LIMITS = {
  headBytes: 16_384,
  headerCount: 100,
  fieldBytes: 8_192,
  bodyBytes: 0,
  bodyBytesPerSecond: 0,
  connections: 1,
  connectionsPerAddress: 1,
  streams: 1,
  upstreamConnections: 1,
  responseHeadBytes: 65_536,
  bufferBytes: 262_144,
}

/** What a browser sends: eight fields, 541 bytes. */
const BROWSER_HEAD = Buffer.from(
  [
    'GET /products/shoes?page=2&sort=price HTTP/1.1',
    'Host: shop.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Connection: keep-alive',
    'Referer: https://shop.example.com/products/shoes',
    'Cookie: session=8f14e45f-ceea-467f-ab7b-1d2c3b4a5968; theme=dark; _ga=GA1.2.1234567890.1700000000',
    '\r\n',
  ].join('\r\n'),
)

const ANSWER_HEAD = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'Content-Type: application/json; charset=utf-8',
    'Content-Length: 90',
    'ETag: W/"5a-Zr3kR2mUe0"',
    'Cache-Control: no-cache',
    'Date: Sat, 21 Nov 2026 09:00:00 GMT',
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    '\r\n',
  ].join('\r\n'),
)

const CHUNKED_BODY = Buffer.from(
  `${'400\r\n'.concat('x'.repeat(1_024), '\r\n').repeat(16)}0\r\n\r\n`,
)

test("a browser's request head, 1000 times", async ({ bench }) => {
  const head = new RequestHead(LIMITS)
  const peer = createPeer({
    address: '192.0.2.1',
    isTrusted: false,
    isSecure: false,
    clientCertificate: null,
  })
  const parsing = await bench('parse', () => {
    for (let i = 0; i < 1_000; i++) head.parse(BROWSER_HEAD, 0, BROWSER_HEAD.length)
  }).run({ time: 50 })
  const forwarding = await bench('parse, and all that goes on to the upstream', () => {
    for (let i = 0; i < 1_000; i++) {
      head.parse(BROWSER_HEAD, 0, BROWSER_HEAD.length)
      head.findCookie('session')
      head.keptLines(false)
      forwardingLines(peer, head)
    }
  }).run({ time: 50 })
  expect(head.target).toBe('/products/shoes?page=2&sort=price')
  expect(parsing).toBeDefined()
  expect(forwarding).toBeDefined()
})

test('the head of a small answer, 1000 times', async ({ bench }) => {
  const head = new ResponseHead(LIMITS.responseHeadBytes)
  const result = await bench('parse', () => {
    for (let i = 0; i < 1_000; i++) head.parse(ANSWER_HEAD, 0, ANSWER_HEAD.length, 'GET')
  }).run({ time: 50 })
  expect(head.contentLength).toBe(90)
  expect(result).toBeDefined()
})

test('a chunked body of 16 KiB in chunks of 1 KiB', async ({ bench }) => {
  const decoder = new ChunkedDecoder()
  const sink = {
    bodyBytes: 0,
    bodyBytesPerSecond: 0,
    onChunkData(_: Buffer, start: number, end: number): void {
      this.bodyBytes += end - start
    },
  }
  const result = await bench('decode', () => {
    decoder.reset()
    sink.bodyBytes = 0
    decoder.decode(CHUNKED_BODY, 0, CHUNKED_BODY.length, sink)
  }).run({ time: 50 })
  expect(sink.bodyBytes).toBe(16 * 1_024)
  expect(result).toBeDefined()
})
