/** Each sample is 1 000 requests, so that milliseconds a sample read as microseconds a request. */

import { expect, test } from 'vitest'
import type { AccessEnd } from '../../src/proxy/access/entry.ts'
import { AccessRecord } from '../../src/proxy/access/record.ts'
import { ThreadContext } from '../../src/proxy/context.ts'
import type { AccessLog } from '../../src/proxy/snapshot.ts'
import { compileTable } from '../../src/proxy/table.ts'
import { createTallyBuffer, segment } from '../../src/analyzer/tally.ts'
import { ROUTE, snapshotOf } from '../../test/proxy/routes.ts'

/** What a browser sends, and a trace. */
const HEAD = Buffer.from(
  [
    'GET /products/shoes?page=2&sort=price HTTP/1.1',
    'Host: shop.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Connection: keep-alive',
    'Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '\r\n',
  ].join('\r\n'),
)

const PEER = { address: '192.0.2.1', isSecure: false }

const END: AccessEnd = {
  failure: null,
  fault: null,
  ending: null,
  status: 200,
  grpcStatus: -1,
  isError: false,
  route: 'shop',
  variant: 'stable',
  endpoint: '127.0.0.1:9001',
  requestBytes: 0,
  responseBytes: 5_230,
  retryCount: 0,
  isRescue: false,
}

/** A record over a head that was parsed; its lines are written at once. */
function createRecord(accessLog: AccessLog | null) {
  const sent = { bytes: 0 }
  const context: ThreadContext = new ThreadContext({
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    random: Math.random,
    report: () => undefined,
    access: {
      send: (lines) => {
        // As a message to control would: the batch becomes one run of bytes.
        sent.bytes += Buffer.from(lines, 'latin1').length
        context.accessLog.acknowledge(lines.length)
      },
      nowMs: () => performance.now(),
      wallMs: () => Date.now(),
    },
  })
  context.use(compileTable(snapshotOf([ROUTE], { accessLog }), context))
  context.requestHead.parse(HEAD, 0, HEAD.length)
  const record = new AccessRecord(context)
  function serve(count: number): void {
    for (let i = 0; i < count; i++) {
      record.begin(context.requestHead, PEER)
      record.noteResponseHead()
      if (record.isOn) record.finish({ ...END, responseBytes: i })
      if (i % 100 === 0) context.accessLog.flush()
    }
    context.accessLog.flush()
  }
  return { sent, serve }
}

test.for([
  ['off', null],
  ['on, and nothing to write', { mode: 'errors', ratio: 0 }],
  ['on, and every request written', { mode: 'all', ratio: 0 }],
] as const)('the access log is %s, 1000 requests', async ([name, rule], { bench }) => {
  const { sent, serve } = createRecord(rule)
  const result = await bench(name, () => serve(1_000)).run({ time: 50 })
  expect(sent.bytes > 0).toBe(rule?.mode === 'all')
  expect(result).toBeDefined()
})
