/** Frames that are legal one by one and cost more than they bring, in great numbers. */

import type { Assertions } from '../assertions.ts'
import type { HostileCase } from '../cases.ts'
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
  headers,
  PADDED,
  PING,
  PRIORITY,
  SETTINGS,
  WINDOW_UPDATE,
  word,
} from '../frames.ts'
import { encodeHeaders } from '../hpack.ts'
import { HELLO, NOTHING, pseudo, POST, get, data, reset, client } from './build.ts'

type Extra = Partial<HostileCase>

const FLOOD = 'goaway:ENHANCE_YOUR_CALM|goaway:INTERNAL_ERROR|goaway:PROTOCOL_ERROR|close'
const CALM: Assertions = { maxEventLoopDelayMs: 500, upstreamRequestsMax: 1_100 }

function flood(name: string, raw: string, unit: string, extra: Extra = {}): HostileCase {
  const repeat = { repeatUnit: unit, repeat: 20_000, streamIdStep: 0 }
  return client(`flood-${name}`, raw, FLOOD, {
    category: 'h2-flood',
    assert: CALM,
    ...repeat,
    ...extra,
  })
}

/** An entry of 4 000 bytes in the dynamic table, and a block that names it 16 000 times: 64 MB out of 20 KB. */
const HPACK_BOMB =
  HELLO +
  frame(
    HEADERS,
    { stream: 1, flags: END_HEADERS | END_STREAM },
    `${encodeHeaders(pseudo())}\u0040\u0003x-a\u007f\u00a1\u001e${'b'.repeat(4_000)}`,
  ) +
  frame(
    HEADERS,
    { stream: 3, flags: END_HEADERS | END_STREAM },
    encodeHeaders(pseudo()) + '\u00be'.repeat(16_000),
  )

export const FLOOD_CASES: readonly HostileCase[] = [
  flood('ping', HELLO, frame(PING, { stream: 0 }, '12345678')),
  flood('ping-no-read', HELLO, frame(PING, { stream: 0 }, '12345678'), { client: 'no-read' }),
  flood('settings', HELLO, frame(SETTINGS, { stream: 0 }, `\0\u0001${word(0)}`)),
  flood('priority', HELLO, frame(PRIORITY, { stream: 5 }, `${word(0)}\u0010`)),
  flood('window-update', HELLO, frame(WINDOW_UPDATE, { stream: 0 }, word(1))),
  flood(
    'window-update-stream',
    HELLO + headers(1, POST),
    frame(WINDOW_UPDATE, { stream: 1 }, word(1)),
  ),
  flood(
    'empty-data-padded',
    HELLO + headers(1, POST),
    frame(DATA, { stream: 1, flags: PADDED }, '\u0001\0'),
  ),
  flood(
    'continuation',
    HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())),
    frame(CONTINUATION, { stream: 1 }),
  ),
  flood(
    'continuation-fields',
    HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo())),
    frame(CONTINUATION, { stream: 1 }, encodeHeaders([['x-a', 'b']])),
  ),
  flood('unknown-frames', HELLO, frame(0xbb, { stream: 0 }, '12345678')),
  flood('reset-with-data', HELLO, headers(1, POST) + data('x', 0) + reset(1, 8), {
    streamIdStep: 2,
    repeat: 3_000,
  }),
  flood(
    'reset-window-overflow',
    HELLO,
    headers(1, POST) + frame(WINDOW_UPDATE, { stream: 1 }, word(2 ** 31 - 1)),
    { streamIdStep: 2, repeat: 3_000 },
  ),
  flood('reset-after-end', HELLO, headers(1, POST) + data('x') + data('y'), {
    streamIdStep: 2,
    repeat: 3_000,
  }),
  flood('malformed-requests', HELLO, headers(1, pseudo({ ':path': null }), END_STREAM), {
    streamIdStep: 2,
    repeat: 3_000,
  }),
  flood('concurrent-streams', HELLO, headers(1, POST), {
    streamIdStep: 2,
    repeat: 3_000,
    expect: `${FLOOD}|rst:REFUSED_STREAM`,
    assert: { ...CALM, upstreamRequestsMax: 100 },
  }),
  client('hpack-bomb', HPACK_BOMB, 'goaway|rst|431|close', {
    category: 'h2-flood',
    assert: { ...CALM, upstreamRequestsMax: 1, maxRssGrowthMB: 64 },
  }),
  client(
    'field-count',
    get(Array.from({ length: 1_000 }, () => ['a', 'b'] as const)),
    'goaway|rst|431',
    { assert: NOTHING },
  ),
  client(
    'fields-17k',
    get(Array.from({ length: 19 }, () => ['x-a', 'b'.repeat(920)] as const)),
    'goaway|rst|431',
    { assert: NOTHING },
  ),
]
