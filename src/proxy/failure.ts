/**
 * Everything that Sluice itself answers, in one table: status, reason phrase and, where an upstream or
 * the path to it is at fault, the registered error type of Proxy-Status (RFC 9209 section 2.3).
 */

export interface Failure {
  readonly status: number
  /** The `error` parameter of Proxy-Status; empty where nothing failed. */
  readonly error: string
  /** For the person who reads the body. */
  readonly detail: string
  /** The request's own deadline has passed. */
  readonly isDeadline?: true
}

function failure(status: number, error: string, detail: string): Failure {
  return { status, error, detail }
}

/** Faults of a request. The connection is closed after each of them. */
export const REQUEST_FAULTS = {
  malformed: failure(400, 'http_request_error', 'the request is malformed'),
  badHost: failure(400, 'http_request_error', 'the Host field is missing, repeated or malformed'),
  badTarget: failure(400, 'http_request_error', 'the request target is malformed'),
  badLength: failure(
    400,
    'http_request_error',
    'the Content-Length field is malformed or repeated',
  ),
  badCoding: failure(
    400,
    'http_request_error',
    'Transfer-Encoding is repeated, does not end in chunked, or is combined with Content-Length',
  ),
  badChunk: failure(400, 'http_request_error', 'the chunked body is malformed'),
  badHandshake: failure(
    400,
    'http_request_error',
    'a request for WebSocket lacks Sec-WebSocket-Key or Sec-WebSocket-Version',
  ),
  upgradeWithBody: failure(400, 'http_request_error', 'a request to upgrade has no body'),
  timeout: failure(408, 'http_request_error', 'the request did not arrive in time'),
  methodRefused: failure(405, 'http_request_error', 'the method is not served'),
  bodyTooLarge: failure(413, 'http_request_error', 'the request body is larger than allowed'),
  targetTooLong: failure(414, 'http_request_error', 'the request target is longer than allowed'),
  expectation: failure(417, 'http_request_error', 'the only expectation known is 100-continue'),
  headTooLarge: failure(431, 'http_request_error', 'the header section is larger than allowed'),
  unknownCoding: failure(501, 'http_request_error', 'the only transfer coding known is chunked'),
  unknownMethod: failure(501, 'http_request_error', 'the method is not known'),
  notSwitched: failure(
    501,
    'http_upgrade_failed',
    'the upstream answered without switching protocols',
  ),
  crowded: failure(
    503,
    'connection_limit_reached',
    'too many requests are on their way whose bodies have not come',
  ),
  loop: failure(508, 'proxy_loop_detected', 'the request has been here before'),
  version: failure(505, 'http_request_error', 'the versions served are HTTP/1.1 and HTTP/1.0'),
} as const satisfies Record<string, Failure>

export type RequestFault = keyof typeof REQUEST_FAULTS

/** No route is meant for the request. */
export const NO_ROUTE: Failure = failure(
  404,
  'destination_not_found',
  'no route matches the request',
)

/** Not a failure: a request that was only to find out who is in the way ends here (RFC 9110 section 7.6.2). */
export const LAST_FORWARD: Failure = failure(200, '', 'Max-Forwards was 0')

/** Failures of the upstream; each is counted against the variant. */
export const UPSTREAM_FAILURES = {
  unavailable: failure(503, 'destination_unavailable', 'the upstream has no endpoint'),
  connectionLimit: failure(503, 'connection_limit_reached', 'too many connections to the upstream'),
  overflow: failure(
    503,
    'connection_limit_reached',
    'the upstream has as many requests as it may have at a time',
  ),
  dns: failure(502, 'dns_error', 'the address of the upstream was not found'),
  refused: failure(502, 'connection_refused', 'the upstream refused the connection'),
  connectTimeout: failure(
    504,
    'connection_timeout',
    'the connection to the upstream took too long',
  ),
  reset: failure(
    502,
    'connection_terminated',
    'the upstream closed the connection before it answered',
  ),
  responseTimeout: failure(504, 'http_response_timeout', 'the upstream did not answer in time'),
  incomplete: failure(502, 'http_response_incomplete', 'the answer of the upstream broke off'),
  stalled: failure(504, 'connection_read_timeout', 'the upstream stopped sending'),
  writeStalled: failure(
    504,
    'connection_write_timeout',
    'the upstream stopped reading the request',
  ),
  protocol: failure(502, 'http_protocol_error', 'the answer of the upstream is malformed'),
  headTooLarge: failure(
    502,
    'http_response_header_section_size',
    'the header section of the answer is too large',
  ),
  upgrade: failure(
    502,
    'http_upgrade_failed',
    'the upstream switched to another protocol, or cannot switch',
  ),
  tls: failure(502, 'tls_protocol_error', 'the TLS handshake with the upstream failed'),
  certificate: failure(
    502,
    'tls_certificate_error',
    'the certificate of the upstream cannot be verified',
  ),
  deadline: {
    ...failure(504, 'http_response_timeout', 'the deadline of the request has passed'),
    isDeadline: true,
  },
  internal: failure(500, 'proxy_internal_error', 'Sluice has a bug'),
} as const satisfies Record<string, Failure>

export type UpstreamFailure = keyof typeof UPSTREAM_FAILURES

/** The reasons in the order in which the tally counts them. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table above has these keys and no others
export const UPSTREAM_FAILURE_NAMES = Object.keys(UPSTREAM_FAILURES) as readonly UpstreamFailure[]

/** Place of each reason in the tally. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each of them
export const UPSTREAM_FAILURE_INDEX: Readonly<Record<UpstreamFailure, number>> = Object.fromEntries(
  UPSTREAM_FAILURE_NAMES.map((name, index) => [name, index]),
) as Record<UpstreamFailure, number>

/** Why a request was not copied for a mirror, in the order in which the tally counts them. */
export const MIRROR_DROPS = ['tooMany', 'bodyTooLarge', 'unavailable'] as const

export type MirrorDrop = (typeof MIRROR_DROPS)[number]
