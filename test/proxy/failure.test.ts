import { describe, expect, test } from 'vitest'
import { FAILURE_LIMIT } from '../../src/analyzer/tally.ts'
import {
  NO_ROUTE,
  REQUEST_FAULTS,
  UPSTREAM_FAILURE_INDEX,
  UPSTREAM_FAILURE_NAMES,
  UPSTREAM_FAILURES,
} from '../../src/proxy/failure.ts'

/** Error types of RFC 9209 section 2.3 that are ours to use. */
const REGISTERED = new Set([
  'dns_error',
  'destination_not_found',
  'destination_unavailable',
  'connection_refused',
  'connection_terminated',
  'connection_timeout',
  'connection_read_timeout',
  'connection_write_timeout',
  'connection_limit_reached',
  'tls_protocol_error',
  'tls_certificate_error',
  'http_request_error',
  'http_response_incomplete',
  'http_response_header_section_size',
  'http_response_timeout',
  'http_upgrade_failed',
  'http_protocol_error',
  'proxy_internal_error',
  'proxy_loop_detected',
])

const ALL = [
  ...Object.entries(REQUEST_FAULTS),
  ...Object.entries(UPSTREAM_FAILURES),
  ['noRoute', NO_ROUTE] as const,
]

test.for(ALL)(
  '%s has a registered error type, and a detail that needs no quoting',
  ([, failure]) => {
    expect(REGISTERED).toContain(failure.error)
    expect(failure.detail).toMatch(/^[ -~]+$/)
    expect(failure.detail).not.toMatch(/["\\]|\.$/)
  },
)

test("what is the client's fault is a 4xx, but for what we do not know", () => {
  const unknown = {
    unknownCoding: 501,
    unknownMethod: 501,
    loop: 508,
    notSwitched: 501,
    version: 505,
    crowded: 503,
  }
  for (const [name, { status }] of Object.entries(REQUEST_FAULTS)) {
    if (name in unknown) expect(unknown).toHaveProperty(name, status)
    else expect(Math.floor(status / 100)).toBe(4)
  }
})

test("what is the upstream's fault is a 502, 503 or 504, and a bug of ours a 500", () => {
  for (const [name, { status }] of Object.entries(UPSTREAM_FAILURES)) {
    expect(name === 'internal' ? [500] : [502, 503, 504]).toContain(status)
  }
})

describe('the tally', () => {
  test('has room for every reason', () => {
    expect(UPSTREAM_FAILURE_NAMES.length).toBeLessThanOrEqual(FAILURE_LIMIT)
  })

  test('knows each reason by its place', () => {
    expect(UPSTREAM_FAILURE_NAMES.map((name) => UPSTREAM_FAILURE_INDEX[name])).toEqual(
      UPSTREAM_FAILURE_NAMES.map((_, index) => index),
    )
  })
})
