/** Frames that break the rules of the connection (RFC 9113 sections 4 to 6, RFC 7541), and unusual ones that do not. */

import type { HostileCase } from '../cases.ts'
import {
  CONTINUATION,
  END_HEADERS,
  END_STREAM,
  frame,
  GOAWAY,
  HEADERS,
  headers,
  PING,
  PREFACE,
  PRIORITY,
  PUSH_PROMISE,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  word,
} from '../frames.ts'
import { encodeHeaders } from '../hpack.ts'
import { HELLO, pseudo, POST, get, data, reset, client } from './build.ts'

const REQUEST = headers(1, pseudo(), END_STREAM)
const OTHER = headers(3, pseudo(), END_STREAM)

/** RFC 9113 sections 4 to 6. `goaway` unless said otherwise. */
export const FRAME_CASES: readonly HostileCase[] = (
  [
    ['preface-bad', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 'goaway|close|400|505'],
    ['no-settings', PREFACE + REQUEST, 'goaway:PROTOCOL_ERROR|close'],
    ['settings-on-stream', HELLO + frame(SETTINGS, { stream: 1 }), 'goaway:PROTOCOL_ERROR'],
    [
      'settings-push-2',
      HELLO + frame(SETTINGS, { stream: 0 }, `\0\u0002${word(2)}`),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'settings-frame-size-small',
      HELLO + frame(SETTINGS, { stream: 0 }, `\0\u0005${word(16_383)}`),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'settings-frame-size-large',
      HELLO + frame(SETTINGS, { stream: 0 }, `\0\u0005${word(2 ** 24)}`),
      'goaway:PROTOCOL_ERROR',
    ],
    ['ping-on-stream', HELLO + frame(PING, { stream: 1 }, '12345678'), 'goaway:PROTOCOL_ERROR'],
    ['ping-length', HELLO + frame(PING, { stream: 0 }, '1234567'), 'goaway:FRAME_SIZE_ERROR'],
    [
      'goaway-on-stream',
      HELLO + frame(GOAWAY, { stream: 1 }, word(0) + word(0)),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'rst-length',
      HELLO + REQUEST + frame(RST_STREAM, { stream: 1 }, '123'),
      'goaway:FRAME_SIZE_ERROR',
    ],
    ['rst-stream-0', HELLO + reset(0, 8), 'goaway:PROTOCOL_ERROR'],
    ['rst-idle', HELLO + reset(5, 8), 'goaway:PROTOCOL_ERROR'],
    [
      'window-length',
      HELLO + frame(WINDOW_UPDATE, { stream: 0 }, '123'),
      'goaway:FRAME_SIZE_ERROR',
    ],
    [
      'window-zero-conn',
      HELLO + frame(WINDOW_UPDATE, { stream: 0 }, word(0)),
      'goaway:PROTOCOL_ERROR',
    ],
    ['window-idle', HELLO + frame(WINDOW_UPDATE, { stream: 5 }, word(1)), 'goaway:PROTOCOL_ERROR'],
    ['headers-stream-0', HELLO + headers(0, pseudo(), END_STREAM), 'goaway:PROTOCOL_ERROR'],
    ['headers-even', HELLO + headers(2, pseudo(), END_STREAM), 'goaway:PROTOCOL_ERROR'],
    [
      'headers-priority-short',
      HELLO + frame(HEADERS, { stream: 1, flags: 0x25 }, '123'),
      'goaway:FRAME_SIZE_ERROR|goaway:PROTOCOL_ERROR',
    ],
    [
      'headers-padding',
      HELLO + frame(HEADERS, { stream: 1, flags: 0x0d }, '\u00ff\0'),
      'goaway:PROTOCOL_ERROR|goaway:FRAME_SIZE_ERROR',
    ],
    [
      'push-promise',
      HELLO + frame(PUSH_PROMISE, { stream: 1, flags: END_HEADERS }, word(2)),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'frame-too-large',
      HELLO + headers(1, POST) + data('x'.repeat(16_385)),
      'goaway:FRAME_SIZE_ERROR|rst:FRAME_SIZE_ERROR',
    ],
    [
      'headers-too-large',
      HELLO + frame(HEADERS, { stream: 1, flags: END_HEADERS }, '\0'.repeat(16_385)),
      'goaway:FRAME_SIZE_ERROR',
    ],
    [
      'continuation-interrupted',
      HELLO +
        frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())) +
        frame(PING, { stream: 0 }, '12345678'),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'continuation-other-stream',
      HELLO +
        frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())) +
        frame(CONTINUATION, { stream: 3, flags: END_HEADERS }),
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'continuation-then-headers',
      HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())) + OTHER,
      'goaway:PROTOCOL_ERROR',
    ],
    [
      'data-after-end',
      HELLO + REQUEST + data('x'),
      'rst:STREAM_CLOSED|goaway:STREAM_CLOSED|goaway:PROTOCOL_ERROR',
    ],
    [
      'headers-after-end',
      HELLO + REQUEST + REQUEST,
      'rst:STREAM_CLOSED|goaway:STREAM_CLOSED|goaway:PROTOCOL_ERROR',
    ],
    [
      'hpack-table-size',
      HELLO +
        frame(
          HEADERS,
          { stream: 1, flags: END_HEADERS | END_STREAM },
          `\u003f\u00e1\u00ff\u0003${encodeHeaders(pseudo())}`,
        ),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-table-size-late',
      HELLO +
        frame(
          HEADERS,
          { stream: 1, flags: END_HEADERS | END_STREAM },
          `${encodeHeaders(pseudo())}\u0020`,
        ),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-integer',
      HELLO +
        frame(
          HEADERS,
          { stream: 1, flags: END_HEADERS | END_STREAM },
          '\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u0001',
        ),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-index-0',
      HELLO + frame(HEADERS, { stream: 1, flags: END_HEADERS | END_STREAM }, '\u0080'),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-string-long',
      HELLO + frame(HEADERS, { stream: 1, flags: END_HEADERS | END_STREAM }, '\0\u007f'),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-huffman-padding',
      HELLO +
        frame(
          HEADERS,
          { stream: 1, flags: END_HEADERS | END_STREAM },
          '\u0082\u0086\u0041\u0082\u001c\u00ff\u00ff',
        ),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'hpack-huffman-eos',
      HELLO +
        frame(
          HEADERS,
          { stream: 1, flags: END_HEADERS | END_STREAM },
          '\u0082\u0086\u0041\u0084\u00ff\u00ff\u00ff\u00ff',
        ),
      'goaway:COMPRESSION_ERROR',
    ],
    [
      'priority-length',
      HELLO + frame(PRIORITY, { stream: 1 }, '1234'),
      'goaway:FRAME_SIZE_ERROR|rst:FRAME_SIZE_ERROR',
    ],

    [
      'window-zero-stream',
      HELLO + headers(1, POST) + frame(WINDOW_UPDATE, { stream: 1 }, word(0)),
      'rst:PROTOCOL_ERROR|goaway:PROTOCOL_ERROR',
    ],
    [
      'window-overflow-stream',
      HELLO + headers(1, POST) + frame(WINDOW_UPDATE, { stream: 1 }, word(2 ** 31 - 1)),
      'rst:FLOW_CONTROL_ERROR|goaway:FLOW_CONTROL_ERROR',
    ],
  ] as const
).map(([name, raw, expect]) => client(name, raw, expect))

export const LEGAL_CASES: readonly HostileCase[] = [
  client(
    'priority-stream-0',
    HELLO + frame(PRIORITY, { stream: 0 }, '12345'),
    'goaway:PROTOCOL_ERROR',
    { tier: 'hardening' },
  ),
  client(
    'unknown-frame-control',
    HELLO + frame(0xbb, { stream: 0 }, 'x') + frame(0xbb, { stream: 9 }) + REQUEST,
    'forward',
    { assert: { status: [200] } },
  ),
  client(
    'unknown-setting-control',
    HELLO + frame(SETTINGS, { stream: 0 }, `\u00ff\u00ff${word(7)}`) + REQUEST,
    'forward',
    { assert: { status: [200] } },
  ),
  client(
    'continuation-control',
    HELLO +
      frame(HEADERS, { stream: 1, flags: END_STREAM }, encodeHeaders(pseudo())) +
      frame(CONTINUATION, { stream: 1 }) +
      frame(CONTINUATION, { stream: 1, flags: END_HEADERS }, encodeHeaders([['x-a', 'b']])),
    'forward',
    { assert: { status: [200], upstreamMustSee: ['x-a: b'] } },
  ),
  client('ping-control', HELLO + frame(PING, { stream: 0 }, '12345678') + REQUEST, 'forward', {
    assert: { status: [200] },
  }),
  client('two-streams-control', HELLO + REQUEST + OTHER, 'forward', { assert: { statusCount: 2 } }),
  client(
    'table-size-0-control',
    HELLO + frame(SETTINGS, { stream: 0 }, `\0\u0001${word(0)}`) + REQUEST,
    'forward',
    { assert: { status: [200] } },
  ),
  client('head-control', get([], { ':method': 'HEAD' }), 'forward', {
    assert: { status: [200], clientComplete: true, finalBody: '' },
  }),
  client(
    'cookie-many-control',
    get(Array.from({ length: 20 }, (_, index) => ['cookie', `c${index}=1`] as const)),
    'forward',
    {
      assert: {
        status: [200],
        upstreamHeaderCount: { cookie: 1 },
        upstreamMustSee: ['c0=1; c1=1'],
      },
    },
  ),
  client(
    'proto-names-control',
    get([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]),
    'forward',
    { assert: { status: [200], upstreamMustSee: ['__proto__: x', 'constructor: y'] } },
  ),
  client(
    'spoofed-forwarding',
    get([
      ['x-forwarded-for', '6.6.6.6'],
      ['x-forwarded-proto', 'https'],
      ['forwarded', 'for=6.6.6.6'],
      ['x-sluice-variant', 'forged'],
    ]),
    'forward-normalised',
    { tier: 'must', assert: { upstreamMustNotSee: ['6.6.6.6', 'https', 'forged'] } },
  ),
  client(
    'goaway-from-client',
    HELLO + REQUEST + frame(GOAWAY, { stream: 0 }, word(0) + word(0)),
    'forward',
    { tier: 'must', assert: { status: [200] } },
  ),
  client(
    'zero-window',
    HELLO + frame(SETTINGS, { stream: 0 }, `\0\u0004${word(0)}`) + REQUEST,
    'forward',
    { tier: 'must', assert: { processSurvives: true } },
  ),
]
