/** Answers of an upstream over HTTP/2 that are malformed, broken off or endless, and unusual ones that are not. */

import type { HostileCase } from '../cases.ts'
import {
  ACK,
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PUSH_PROMISE,
  SETTINGS,
  word,
} from '../frames.ts'
import { encodeHeaders } from '../hpack.ts'
import { type Fields, pseudo, data, reset } from './build.ts'

type Extra = Partial<HostileCase>

const U_HELLO = frame(SETTINGS, { stream: 0 }) + frame(SETTINGS, { stream: 0, flags: ACK })
const WEBSOCKET_TEXT =
  'GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
const REQUEST_TEXT = 'GET /u HTTP/1.1\r\nHost: a.example\r\n\r\n'

function upstream(name: string, frames: string, expect: string, extra: Extra = {}): HostileCase {
  const tier = expect === 'forward' ? 'control' : 'must'
  const side = { side: 'upstream-h2', category: 'upstream-h2' } as const
  return {
    name: `own-uh2-${name}`,
    ...side,
    raw: U_HELLO + frames,
    request: REQUEST_TEXT,
    expect,
    tier,
    ...extra,
  }
}

function answer(fields: Fields, body = ''): string {
  const end = body === '' ? END_STREAM : 0
  return headers(1, [[':status', '200'], ...fields], end) + (body === '' ? '' : data(body))
}

const UPSTREAM_FIELDS = (
  [
    ['value-nul', 'x-a', 'a\0b'],
    ['value-lf', 'x-a', 'a\nset-cookie: evil=1'],
    ['value-cr', 'x-a', 'a\revil=1'],
    ['name-upper', 'X-Evil', 'evil=1'],
    ['name-space', 'x evil', 'evil=1'],
    ['name-colon', 'x:evil', 'evil=1'],
    ['name-crlf', 'x\r\nevil', 'evil=1'],
    ['pseudo-path', ':path', '/evil=1'],
    ['pseudo-unknown', ':foo', 'evil=1'],
    ['second-status', ':status', '404'],
  ] as const
).map(([name, field, value]) =>
  upstream(`field-${name}`, answer([[field, value]], 'ok'), '502', {
    assert: { acceptableStatus: [502], clientMustNotInclude: ['evil=1'] },
  }),
)

const UPSTREAM_STATUS = ['', '20', '2xx', '099', '1000', '+200', ' 200', '200 ', '101'].map(
  (status) =>
    upstream(
      `status-${JSON.stringify(status)}`,
      headers(1, [[':status', status]], END_STREAM),
      '502',
      {
        assert: { acceptableStatus: [502] },
      },
    ),
)

export const UPSTREAM_CASES: readonly HostileCase[] = [
  ...UPSTREAM_FIELDS,
  ...UPSTREAM_STATUS,
  upstream('no-status', headers(1, [['x-a', 'b']], END_STREAM), '502', {
    assert: { acceptableStatus: [502] },
  }),
  upstream(
    'status-after-field',
    headers(
      1,
      [
        ['x-a', 'b'],
        [':status', '200'],
      ],
      END_STREAM,
    ),
    '502',
    { assert: { acceptableStatus: [502] } },
  ),
  upstream(
    'cl-two',
    answer(
      [
        ['content-length', '2'],
        ['content-length', '3'],
      ],
      'ok',
    ),
    '502',
    { assert: { acceptableStatus: [502] } },
  ),
  upstream('cl-bad', answer([['content-length', '+2']], 'ok'), '502', {
    assert: { acceptableStatus: [502] },
  }),
  upstream('cl-less', answer([['content-length', '2']], 'okay-evil'), '502|abort-client', {
    assert: { clientMustNotInclude: ['evil'] },
  }),
  upstream(
    'cl-end-stream',
    headers(
      1,
      [
        [':status', '200'],
        ['content-length', '5'],
      ],
      END_STREAM,
    ),
    '502|abort-client',
    { assert: { clientComplete: false } },
  ),
  upstream('data-first', data('x'), '502', { assert: { acceptableStatus: [502] } }),
  upstream('reset-cancel', reset(1, 8), '502|retry', { assert: { acceptableStatus: [502, 200] } }),
  upstream('reset-refused', reset(1, 7), 'retry', { assert: { finalStatus: [200] } }),
  upstream('reset-refused-post', reset(1, 7), 'retry|502', {
    request: 'POST /u HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nok',
    tier: 'hardening',
  }),
  upstream('goaway-refused-post', frame(GOAWAY, { stream: 0 }, word(0) + word(0)), 'retry|502', {
    request: 'POST /u HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nok',
    tier: 'hardening',
  }),
  upstream('goaway-error', frame(GOAWAY, { stream: 0 }, word(1) + word(2)), '502|retry', {
    assert: { acceptableStatus: [502, 200] },
  }),
  upstream(
    'reset-mid-body',
    headers(1, [[':status', '200']]) + data('half', 0) + reset(1, 2),
    'abort-client',
    { assert: { clientComplete: false } },
  ),
  upstream('reset-no-error-after-end-control', answer([], 'ok') + reset(1, 0), 'forward', {
    assert: { finalStatus: [200], finalBody: 'ok' },
  }),
  upstream(
    'goaway-mid-body-control',
    headers(1, [[':status', '200']]) + frame(GOAWAY, { stream: 0 }, word(1) + word(0)) + data('ok'),
    'forward',
    { assert: { finalStatus: [200], finalBody: 'ok' } },
  ),
  upstream(
    'push-promise',
    frame(PUSH_PROMISE, { stream: 1, flags: END_HEADERS }, word(2) + encodeHeaders(pseudo())),
    '502|504',
    { assert: { acceptableStatus: [502, 504] } },
  ),
  upstream('other-stream', headers(3, [[':status', '200']], END_STREAM), '502|504', {
    assert: { acceptableStatus: [502, 504] },
  }),
  upstream('settings-bad', frame(SETTINGS, { stream: 0 }, '12345'), '502|504', {
    assert: { acceptableStatus: [502, 504] },
  }),
  upstream(
    'hpack-bad',
    frame(HEADERS, { stream: 1, flags: END_HEADERS }, '\u00ff\u0080\u0001'),
    '502|504',
    { assert: { acceptableStatus: [502, 504] } },
  ),
  upstream(
    'frame-too-large',
    headers(1, [[':status', '200']]) + data('x'.repeat(70_000)),
    '502|abort-client',
    { assert: { clientComplete: false } },
  ),
  upstream(
    '204-with-data',
    headers(1, [[':status', '204']]) + data('evil'),
    '502|forward-normalised',
    { assert: { clientMustNotInclude: ['evil'] } },
  ),
  upstream(
    '304-cl-control',
    headers(
      1,
      [
        [':status', '304'],
        ['content-length', '500'],
      ],
      END_STREAM,
    ),
    'forward',
    { assert: { finalStatus: [304] } },
  ),
  upstream(
    'head-control',
    headers(
      1,
      [
        [':status', '200'],
        ['content-length', '500'],
      ],
      END_STREAM,
    ),
    'forward',
    {
      request: 'HEAD /u HTTP/1.1\r\nHost: a.example\r\n\r\n',
      assert: { finalStatus: [200], clientComplete: true },
    },
  ),
  upstream(
    'head-with-data',
    headers(1, [[':status', '200']]) + data('evil'),
    '502|forward-normalised',
    {
      request: 'HEAD /u HTTP/1.1\r\nHost: a.example\r\n\r\n',
      assert: { clientMustNotInclude: ['evil'] },
    },
  ),
  upstream(
    '103-control',
    headers(1, [
      [':status', '103'],
      ['link', '</a>'],
    ]) + answer([], 'ok'),
    'forward',
    { assert: { finalStatus: [200], clientMustInclude: ['HTTP/1.1 103 '] } },
  ),
  upstream('103-end-stream', headers(1, [[':status', '103']], END_STREAM), '502', {
    assert: { acceptableStatus: [502] },
  }),
  upstream(
    '1xx-many',
    headers(1, [[':status', '103']]).repeat(2_000) + answer([], 'ok'),
    '502|forward',
    { tier: 'hardening', assert: { maxEventLoopDelayMs: 500 } },
  ),
  upstream(
    'second-head',
    headers(1, [[':status', '200']]) + headers(1, [[':status', '404']]) + data('ok'),
    '502|abort-client',
    { assert: { statusCount: 1, clientComplete: false } },
  ),
  upstream(
    'trailer-pseudo',
    headers(1, [[':status', '200']]) + data('ok', 0) + headers(1, [[':status', '404']], END_STREAM),
    '502|abort-client',
    { assert: { statusCount: 1 } },
  ),
  upstream(
    'trailer-forbidden',
    headers(1, [[':status', '200']]) +
      data('ok', 0) +
      headers(
        1,
        [
          ['set-cookie', 'evil=1'],
          ['x-ok', 'yes'],
        ],
        END_STREAM,
      ),
    '502|abort-client|forward-normalised',
    { assert: { clientMustNotInclude: ['evil=1'] } },
  ),
  upstream(
    'trailer-crlf',
    headers(1, [[':status', '200']]) +
      data('ok', 0) +
      headers(1, [['x-t', 'a\r\nset-cookie: evil=1']], END_STREAM),
    '502|abort-client|forward-normalised',
    { assert: { clientMustNotInclude: ['evil=1'] } },
  ),
  upstream(
    'field-count',
    answer(Array.from({ length: 10_000 }, () => ['a', 'b'] as const).slice(0, 3_000)),
    '502',
    { assert: { acceptableStatus: [502] } },
  ),
  upstream(
    'continuation-flood',
    frame(HEADERS, { stream: 1 }, encodeHeaders([[':status', '200']])) +
      frame(CONTINUATION, { stream: 1 }, encodeHeaders([['a', 'b']])).repeat(20_000),
    '502',
    { assert: { acceptableStatus: [502], maxEventLoopDelayMs: 500 } },
  ),
  upstream(
    'ping-flood',
    frame(PING, { stream: 0 }, '12345678').repeat(20_000) + answer([], 'ok'),
    '502|forward',
    { tier: 'hardening', assert: { maxEventLoopDelayMs: 500 } },
  ),
  upstream(
    'extended-connect-unasked',
    headers(
      1,
      [
        [':status', '200'],
        [':protocol', 'websocket'],
      ],
      END_STREAM,
    ),
    '502',
    { assert: { acceptableStatus: [502] } },
  ),
  upstream('websocket-without-setting', answer([], 'evil'), '400|501|502|503|forward-normalised', {
    request: WEBSOCKET_TEXT,
    assert: { clientMustNotInclude: ['HTTP/1.1 101'] },
  }),
  upstream(
    'websocket-refused',
    frame(SETTINGS, { stream: 0 }, `\0\u0008${word(1)}`) +
      headers(1, [[':status', '403']], END_STREAM),
    '403|501|502',
    { request: WEBSOCKET_TEXT, assert: { clientMustNotInclude: ['HTTP/1.1 101'] } },
  ),
  upstream(
    'websocket-100',
    frame(SETTINGS, { stream: 0 }, `\0\u0008${word(1)}`) + headers(1, [[':status', '101']]),
    '501|502',
    { request: WEBSOCKET_TEXT, assert: { acceptableStatus: [501, 502] } },
  ),
  // RFC 8441 section 5.1: over HTTP/2 the field means nothing; in HTTP/1.1 it may stand once (RFC 6455 section 11.3.3).
  upstream(
    'websocket-accept-forged',
    frame(SETTINGS, { stream: 0 }, `\0\u0008${word(1)}`) +
      headers(1, [
        [':status', '200'],
        ['sec-websocket-accept', 'forged'],
      ]),
    '101|502',
    {
      request: WEBSOCKET_TEXT,
      assert: { clientMustNotInclude: ['forged'] },
    },
  ),
  upstream('http1-answer', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n', '502|504', {
    assert: { acceptableStatus: [502, 504] },
  }),
  upstream(
    'conn-specific-close',
    answer(
      [
        ['connection', 'close'],
        ['keep-alive', 'timeout=1'],
      ],
      'ok',
    ),
    '502|forward-normalised',
    { assert: { clientMustNotInclude: ['timeout=1'] } },
  ),
  upstream(
    'chunked-body',
    answer([['transfer-encoding', 'chunked']], '2\r\nok\r\n0\r\n\r\n'),
    '502|forward-normalised',
    { assert: { clientMustNotInclude: ['ransfer-encoding: chunked\r\ntransfer'] } },
  ),
  upstream('to-http10-client', answer([], 'ok'), 'forward', {
    request: 'GET /u HTTP/1.0\r\nHost: a.example\r\n\r\n',
    assert: { finalStatus: [200], finalBody: 'ok', clientMustNotInclude: ['chunked'] },
  }),
  upstream(
    'grpc-error-counts',
    headers(
      1,
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '13'],
      ],
      END_STREAM,
    ),
    'forward',
    {
      request:
        'POST /s/M HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/grpc\r\nTE: trailers\r\nContent-Length: 0\r\n\r\n',
      assert: { countsAsError: true },
    },
  ),
]
