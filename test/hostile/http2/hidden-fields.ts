/**
 * Malformed fields where a look at plain literals does not find them: coded, indexed, cut, padded (RFC 7541). nghttp2
 * leaves such fields out and says nothing, but the request is malformed (RFC 9113 section 8.2.1).
 */

import type { HostileCase } from '../cases.ts'
import { CONTINUATION, END_HEADERS, END_STREAM, frame, HEADERS, PADDED } from '../frames.ts'
import { encodeHeaders } from '../hpack.ts'
import { client, HELLO, malformed, pseudo } from './build.ts'

const END = END_HEADERS | END_STREAM
const BLOCK = encodeHeaders(pseudo())
const PRIORITISED = 0x20
/** The first entry of the dynamic table. */
const NEWEST = '\u00be'

function block(stream: number, rest: string): string {
  return frame(HEADERS, { stream, flags: END }, BLOCK + rest)
}

/** Literals without indexing, with it, and never to be indexed. */
const WAYS = { plain: '\0', indexed: '\u0040', never: '\u0010' }

/** Names and values in Huffman code. */
const CODED = {
  'value-nul': '\u0003x-a\u0083\u001f\u00fe\u0023',
  'value-lf': '\u0003x-a\u0085\u001f\u00ff\u00ff\u00ff\u009f',
  'name-upper': '\u0081\u00fc\u0001b',
  'name-nul': '\u0082\u00ff\u00c7\u0001b',
}

export const HIDDEN_FIELD_CASES: readonly HostileCase[] = [
  ...Object.entries(WAYS).flatMap(([way, prefix]) =>
    Object.entries(CODED).map(([name, literal]) =>
      malformed(`coded-${name}-${way}`, HELLO + block(1, prefix + literal)),
    ),
  ),
  malformed('entry-value-nul', HELLO + block(1, '\u0040\u0003x-a\u0003a\0b') + block(3, NEWEST)),
  malformed(
    'entry-name-upper',
    HELLO + block(1, '\u0040\u0003X-A\u0001b') + block(3, '\u007e\u0001c'),
  ),
  client(
    'entry-name-then-value-nul',
    HELLO + block(1, '\u0040\u0003x-a\u0001b') + block(3, '\u007e\u0003a\0b'),
    'forward',
    { tier: 'must', assert: { upstreamRequestsMax: 1, upstreamMustNotSee: ['\0'] } },
  ),
  client(
    'entry-gone',
    HELLO +
      block(1, '\u0040\u0003x-a\u0001b') +
      frame(HEADERS, { stream: 3, flags: END }, `\u0020${NEWEST}`),
    'goaway:COMPRESSION_ERROR',
    { assert: { upstreamRequestsMax: 1 } },
  ),
  client(
    'entry-control',
    HELLO + block(1, '\u0040\u0003x-a\u0001b') + block(3, NEWEST),
    'forward',
    { assert: { statusCount: 2, upstreamMustSee: ['x-a: b'] } },
  ),
  malformed('static-name-value-nul', HELLO + block(1, '\u000f\u002b\u0003a\0b')),
  malformed(
    'cut-by-continuation',
    HELLO +
      frame(HEADERS, { stream: 1, flags: END_STREAM }, `${BLOCK}\0\u0003x-a\u0003a`) +
      frame(CONTINUATION, { stream: 1, flags: END_HEADERS }, '\0b'),
  ),
  malformed(
    'padded',
    HELLO +
      frame(
        HEADERS,
        { stream: 1, flags: END | PADDED },
        `\u0004${BLOCK}\0\u0003x-a\u0003a\0b\0\0\0\0`,
      ),
  ),
  malformed(
    'prioritised-and-padded',
    HELLO +
      frame(
        HEADERS,
        { stream: 1, flags: END | PADDED | PRIORITISED },
        `\u0001\0\0\0\0\u0010${BLOCK}\0\u0003x-a\u0003a\0b\0`,
      ),
  ),
  malformed(
    'after-good-request-on-the-stream-before',
    HELLO + block(1, '\0\u0003x-a\u0003a\0b') + block(3, '\0\u0003x-a\u0003a\rb'),
  ),
]
