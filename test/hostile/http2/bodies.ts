/** Content against its length, trailers, and CONNECT, with which content is something else (RFC 9113 section 8.1, RFC 8441). */

import type { HostileCase } from '../cases.ts'
import { DATA, END_STREAM, frame, headers, PADDED } from '../frames.ts'
import {
  type Fields,
  REFUSED,
  HELLO,
  NOTHING,
  pseudo,
  POST,
  get,
  post,
  data,
  reset,
  twice,
  client,
  malformed,
} from './build.ts'

/** RFC 9113 section 8.5 and RFC 8441. */
export const CONNECT_CASES: readonly HostileCase[] = [
  client(
    'connect-with-path',
    get([], { ':method': 'CONNECT' }),
    'rst:PROTOCOL_ERROR|goaway:PROTOCOL_ERROR|400|405|501',
    { assert: NOTHING },
  ),
  malformed('protocol-with-get', get([], { ':protocol': 'websocket' })),
  ...['h2c', 'connect-udp', 'websocketx', ''].map((protocol) =>
    client(
      `connect-protocol-${protocol || 'empty'}`,
      HELLO +
        headers(1, [
          ...pseudo({ ':method': 'CONNECT', ':protocol': protocol }),
          ['sec-websocket-version', '13'],
        ]),
      'rst:PROTOCOL_ERROR|goaway:PROTOCOL_ERROR|400|405|501',
      { assert: NOTHING },
    ),
  ),
  client(
    'connect-websocket-200',
    HELLO +
      headers(1, [
        ...pseudo({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws' }),
        ['sec-websocket-version', '13'],
      ]) +
      data('GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n', 0),
    // A 2xx would say that there is a tunnel (RFC 9110 section 9.3.6).
    '502|400|501|rst|goaway',
    {
      upstream: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      assert: { acceptableStatus: [400, 501, 502], upstreamMustNotSee: ['/smuggled'] },
    },
  ),
  client(
    'connect-websocket-refused-upstream',
    HELLO +
      headers(1, [
        ...pseudo({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws' }),
        ['sec-websocket-version', '13'],
      ]) +
      data('GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n', 0),
    '403|rst|goaway',
    {
      upstream: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
      assert: { upstreamMustNotSee: ['/smuggled'] },
    },
  ),
]

/** RFC 9113 section 8.1.1: `content-length` against DATA. */
export const LENGTH_CASES: readonly HostileCase[] = [
  ...(
    [
      ['end-stream', HELLO + headers(1, [...POST, ['content-length', '5']], END_STREAM)],
      ['zero-with-data', post([['content-length', '0']], data('x'))],
      ['too-small', post([['content-length', '2']], data('abc'))],
      ['too-small-later', post([['content-length', '2']], data('ab', 0), data('c'))],
    ] as const
  ).map(([name, raw]) =>
    client(`cl-${name}`, raw, REFUSED, { assert: { upstreamComplete: false } }),
  ),
  ...['3, 3', '', '-3', '0x3', '3.0', '18446744073709551619', '3\u00a0', '3e0', '3;'].map((value) =>
    malformed(`cl-value-${JSON.stringify(value)}`, post([['content-length', value]], data('abc')), {
      expect: `${REFUSED}|413`,
    }),
  ),
  malformed('cl-two-same', post(twice(['content-length', '3']), data('abc')), {
    expect: `${REFUSED}|forward-normalised`,
    tier: 'hardening',
    assert: { upstreamHeaderCount: { 'content-length': 1 } },
  }),
  malformed('cl-leading-zero', post([['content-length', '003']], data('abc')), {
    expect: `${REFUSED}|forward-normalised`,
    tier: 'hardening',
    assert: { upstreamMustNotSee: ['003'] },
  }),
  client('cl-control', post([['content-length', '3']], data('a', 0), data('bc')), 'forward', {
    assert: { status: [200], upstreamBody: 'abc' },
  }),
  client(
    'cl-less-then-reset',
    post([['content-length', '9']], data('abc', 0), reset(1, 8)),
    'abort-upstream',
    {
      assert: { upstreamComplete: false },
    },
  ),
  client('no-cl-control', post([], data('abc', 0), data('')), 'forward', {
    assert: { status: [200], upstreamBody: 'abc' },
  }),
  client(
    'body-looks-chunked-control',
    post([], data('0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n')),
    'forward',
    {
      assert: {
        status: [200],
        upstreamRequestLinesMustNotInclude: ['/smuggled'],
        upstreamRequests: 1,
      },
    },
  ),
  client(
    'body-padded-control',
    HELLO +
      headers(1, POST) +
      frame(DATA, { stream: 1, flags: END_STREAM | PADDED }, '\u0003abc\0\0\0'),
    'forward',
    {
      assert: { status: [200], upstreamBody: 'abc' },
    },
  ),
]

function trailers(...fields: Fields): string {
  return post([], data('x', 0), headers(1, fields, END_STREAM))
}

/** RFC 9113 section 8.1: nothing in trailers decides anything. */
export const TRAILER_CASES: readonly HostileCase[] = [
  client('trailer-pseudo', trailers([':path', '/admin']), REFUSED, {
    assert: { upstreamMustNotSee: ['/admin'], upstreamComplete: false },
  }),
  client(
    'trailer-crlf',
    trailers(['x-t', 'a\r\nGET /smuggled HTTP/1.1']),
    `${REFUSED}|forward-normalised`,
    {
      assert: { upstreamMustNotSee: ['/smuggled'] },
    },
  ),
  client('trailer-upper', trailers(['X-T', 'a']), `${REFUSED}|forward-normalised`, {
    assert: { upstreamMustNotSee: ['X-T'] },
  }),
  ...(
    [
      ['te', 'gzip'],
      ['transfer-encoding', 'identity'],
      ['content-length', '99'],
      ['connection', 'close-it'],
      ['host', 'evil.example'],
      ['x-forwarded-for', '6.6.6.6'],
      ['cookie', 'evil=1'],
      ['authorization', 'Basic eA=='],
      ['x-sluice-variant', 'forged'],
    ] as const
  ).map(([name, value]) =>
    client(`trailer-${name}`, trailers([name, value]), `${REFUSED}|forward-normalised`, {
      assert: { upstreamMustNotSee: [`${name}: ${value}`] },
    }),
  ),
]
