/** A request and its end as the access log knows them, for tests to change. */

import type { AccessEnd, AccessRequest } from '../../../src/proxy/access/entry.ts'

export const REQUEST: AccessRequest = {
  beganMs: Date.UTC(2026, 10, 21, 9, 30, 1, 7),
  method: 'GET',
  host: 'shop.example.com',
  target: '/products/7?token=secret',
  protocol: 'HTTP/1.1',
  client: '192.0.2.1',
  isTls: true,
  userAgent: 'curl/8.5.0',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  requestId: 'req-1',
}

export const END: AccessEnd = {
  failure: null,
  fault: null,
  ending: null,
  status: 200,
  grpcStatus: -1,
  isError: false,
  route: 'shop',
  variant: 'canary',
  endpoint: '127.0.0.1:9002',
  requestBytes: 12,
  responseBytes: 5_230,
  retryCount: 0,
  isRescue: false,
}

export const TIMES = { durationUs: 5_321.6, untilHeadUs: 5_000 }
