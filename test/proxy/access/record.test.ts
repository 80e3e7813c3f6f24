import { expect, test } from 'vitest'
import { createTallyBuffer, segment } from '../../../src/analyzer/tally.ts'
import { AccessRecord } from '../../../src/proxy/access/record.ts'
import { ThreadContext } from '../../../src/proxy/context.ts'
import type { AccessLog } from '../../../src/proxy/snapshot.ts'
import { compileTable } from '../../../src/proxy/table.ts'
import { head, latin1 } from '../http1/heads.ts'
import { ROUTE, snapshotOf } from '../routes.ts'
import { END } from './entries.ts'

const CLIENT = { address: '192.0.2.1', isSecure: false }
const BEGAN_MS = Date.UTC(2026, 10, 21)

function createRecord(rule: AccessLog | null) {
  const sent: string[] = []
  const clock = { nowMs: 100, readingCount: 0 }
  const context = new ThreadContext({
    tally: segment(createTallyBuffer(1), 0),
    nowMs: 0,
    random: () => 0.5,
    report: () => undefined,
    access: {
      send: (lines) => void sent.push(lines),
      nowMs: () => {
        clock.readingCount++
        return clock.nowMs
      },
      wallMs: () => BEGAN_MS,
    },
  })
  function use(accessLog: AccessLog | null): void {
    context.use(compileTable(snapshotOf([ROUTE], { accessLog }), context))
  }
  function begin(...lines: string[]): void {
    const bytes = latin1(head(...lines))
    expect(context.requestHead.parse(bytes, 0, bytes.length)).toBe(bytes.length)
    record.begin(context.requestHead, CLIENT)
  }
  function written(): Record<string, unknown>[] {
    context.accessLog.flush()
    const lines = sent.join('').split('\n').slice(0, -1)
    return lines.map((line): Record<string, unknown> => JSON.parse(line))
  }
  use(rule)
  const record = new AccessRecord(context)
  return { record, context, clock, use, begin, written }
}

const ALL: AccessLog = { mode: 'all', ratio: 0 }

test('a line tells what the head said, after the head is gone, and how long it took', () => {
  const { record, context, clock, begin, written } = createRecord(ALL)
  begin(
    'POST /cart?item=7 HTTP/1.1',
    'Host: shop.example.com',
    'User-Agent: curl/8.5.0',
    'Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    'X-Request-Id: req-9',
  )
  const other = latin1(head('GET /other HTTP/1.0'))
  context.requestHead.parse(other, 0, other.length)
  clock.nowMs += 2.5
  record.noteResponseHead()
  clock.nowMs += 1
  record.finish(END)
  expect(written()).toEqual([
    {
      time: '2026-11-21T00:00:00.000Z',
      method: 'POST',
      host: 'shop.example.com',
      path: '/cart',
      protocol: 'HTTP/1.1',
      status: 200,
      grpcStatus: null,
      flags: '-',
      route: 'shop',
      variant: 'canary',
      upstream: '127.0.0.1:9002',
      retries: 0,
      requestBytes: 12,
      responseBytes: 5_230,
      durationMs: 3.5,
      upstreamMs: 2.5,
      client: '192.0.2.1',
      tls: false,
      userAgent: 'curl/8.5.0',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      requestId: 'req-9',
    },
  ])
})

test('a request that had no answer from upstream does not tell the time of the one before', () => {
  const { record, begin, written } = createRecord(ALL)
  begin('GET /1 HTTP/1.1', 'Host: a', 'User-Agent: first')
  record.noteResponseHead()
  record.finish(END)
  begin('GET /2 HTTP/1.0')
  record.finish({ ...END, status: 502, failure: 'reset' })
  expect(written()[1]).toMatchObject({
    path: '/2',
    protocol: 'HTTP/1.0',
    upstreamMs: null,
    userAgent: null,
    flags: 'UC',
  })
})

test('HTTP/2 is told as such, though the head was written anew', () => {
  const { record, context, written } = createRecord(ALL)
  const bytes = latin1(head('GET / HTTP/1.1', 'Host: a'))
  context.requestHead.parse(bytes, 0, bytes.length)
  context.requestHead.isHttp2 = true
  record.begin(context.requestHead, { ...CLIENT, isSecure: true })
  record.finish(END)
  expect(written()).toMatchObject([{ protocol: 'HTTP/2', tls: true }])
})

test('with the log off no clock is read and nothing is kept', () => {
  const { record, clock, begin, written } = createRecord(null)
  begin('GET / HTTP/1.1', 'Host: a')
  record.noteResponseHead()
  record.finish(END)
  expect(record).toMatchObject({ isOn: false, method: '', userAgent: null })
  expect(clock.readingCount).toBe(0)
  expect(written()).toEqual([])
})

test.for([
  ['an answer', {}, 0],
  ["an error by the route's rule", { status: 500, isError: true }, 1],
  ['a failure of the upstream', { status: 502, failure: 'refused' }, 1],
  ['a fault of the request', { status: 413, fault: 'bodyTooLarge' }, 1],
  ['a request for no route', { status: 404, ending: 'noRoute' }, 1],
  ['a client that left', { status: 0, ending: 'clientGone' }, 0],
] as const)('of errors only: %s', ([, end, lineCount]) => {
  const { record, begin, written } = createRecord({ mode: 'errors', ratio: 0 })
  begin('GET / HTTP/1.1', 'Host: a')
  record.finish({ ...END, ...end })
  expect(written()).toHaveLength(lineCount)
})

test('a request is written once, however often it ends', () => {
  const { record, begin, written } = createRecord(ALL)
  begin('GET / HTTP/1.1', 'Host: a')
  record.finish(END)
  record.finish({ ...END, status: 500 })
  expect(written()).toMatchObject([{ status: 200 }])
})

test('a request that began while the log was off is not written when it is on at its end', () => {
  const { record, use, begin, written } = createRecord(null)
  begin('GET / HTTP/1.1', 'Host: a')
  use(ALL)
  record.finish(END)
  expect(written()).toEqual([])
  begin('GET /next HTTP/1.1', 'Host: a')
  use(null)
  record.finish(END)
  expect(written()).toEqual([])
})
