import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accessLine } from '../../../src/proxy/access/entry.ts'
import { END, REQUEST, TIMES } from './entries.ts'

function read(line: string): Record<string, unknown> {
  return JSON.parse(line)
}

test('a line has every field in its place, the path without its query', () => {
  expect(accessLine(REQUEST, END, TIMES)).toBe(
    '{"time":"2026-11-21T09:30:01.007Z","method":"GET","host":"shop.example.com","path":"/products/7",' +
      '"protocol":"HTTP/1.1","status":200,"grpcStatus":null,"flags":"-","route":"shop","variant":"canary",' +
      '"upstream":"127.0.0.1:9002","retries":0,"requestBytes":12,"responseBytes":5230,"durationMs":5.322,' +
      '"upstreamMs":5,"client":"192.0.2.1","tls":true,"userAgent":"curl/8.5.0",' +
      '"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","requestId":"req-1"}\n',
  )
})

test('what is not known is null, and no field is left out', () => {
  const request = {
    ...REQUEST,
    method: null,
    host: null,
    target: null,
    protocol: null,
    userAgent: null,
    traceparent: null,
    requestId: null,
  }
  const end = { ...END, status: 400, fault: 'malformed', route: null, variant: null } as const
  const line = accessLine(request, { ...end, endpoint: null }, { durationUs: 0, untilHeadUs: -1 })
  expect(Object.keys(read(line))).toEqual(Object.keys(read(accessLine(REQUEST, END, TIMES))))
  expect(read(line)).toMatchObject({
    method: null,
    host: null,
    path: null,
    protocol: null,
    status: 400,
    flags: 'DPE',
    route: null,
    variant: null,
    upstream: null,
    durationMs: 0,
    upstreamMs: null,
    traceId: null,
  })
})

test('a failed retry and the status of gRPC are told', () => {
  const end = { ...END, status: 200, grpcStatus: 14, failure: 'reset', retryCount: 1 } as const
  expect(read(accessLine(REQUEST, end, TIMES))).toMatchObject({
    grpcStatus: 14,
    flags: 'UC,URX',
    retries: 1,
  })
})

test.for([0, 9, 10, 99, 100, 999, 1_000, 59_999])('the time is right at %d ms', (ms) => {
  const beganMs = REQUEST.beganMs + ms
  const { time } = read(accessLine({ ...REQUEST, beganMs }, END, TIMES))
  expect(time).toBe(new Date(beganMs).toISOString())
})

describe('a traceparent', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const SPAN = '00f067aa0ba902b7'
  test.for([
    ['of this version', `00-${TRACE}-${SPAN}-01`, TRACE],
    ['of a later version that says more', `01-${TRACE}-${SPAN}-01-more`, TRACE],
    ['of this version that says more', `00-${TRACE}-${SPAN}-01-more`, null],
    ['of the version that may not be', `ff-${TRACE}-${SPAN}-01`, null],
    ['with a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`, null],
    ['with a parent of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`, null],
    ['in upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`, null],
    ['that is too short', `00-${TRACE}-${SPAN}`, null],
    ['that goes on without a dash', `00-${TRACE}-${SPAN}-01x`, null],
    ['that is nothing of the kind', '"}\n{"a":"', null],
  ] as const)('%s', ([, traceparent, expected]) => {
    expect(read(accessLine({ ...REQUEST, traceparent }, END, TIMES))['traceId']).toBe(expected)
  })
})

test('whatever bytes a client sends, they make one line that reads back', () => {
  const bytes = fc
    .uint8Array({ maxLength: 200 })
    .map((each) => Buffer.from(each).toString('latin1'))
  fc.assert(
    fc.property(bytes, bytes, bytes, (host, userAgent, requestId) => {
      const line = accessLine({ ...REQUEST, host, userAgent, requestId }, END, TIMES)
      expect(line).toMatch(/^[\x20-\x7e]+\n$/)
      expect(read(line)).toMatchObject({ host, userAgent, requestId })
    }),
  )
})

test('a line stays below 20 KiB whatever is in it', () => {
  const long = '\0'.repeat(100_000)
  const request = {
    ...REQUEST,
    method: long,
    host: long,
    target: long,
    client: long,
    userAgent: long,
    requestId: long,
    traceparent: long,
  }
  const end = { ...END, route: long, variant: long, endpoint: long }
  const line = accessLine(request, end, TIMES)
  expect(line.length).toBeLessThan(20 * 1024)
  expect(read(line)['path']).toMatch(/\.\.\.$/)
})
