/** How far a request comes before its client leaves, in bytes, and the ways to leave. */

import type { Socket } from 'node:net'
import { DATA, END_STREAM, frame, HEADERS, headers } from '../hostile/frames.ts'
import { encodeHeaders } from '../hostile/hpack.ts'
import { data, type Fields, get, HELLO, post, pseudo } from '../hostile/http2/build.ts'
import { UPGRADE } from '../proxy/exchange/switching.ts'

/** What an upstream says in an answer, and sends back in a tunnel. */
export const MARK = 'as far as this'

export interface Phase {
  readonly name: string
  readonly protocol: 'http1' | 'http2'
  /** Latin1. */
  readonly bytes: string
  /**
   * Who knows that it has come so far: the proxy, which has one more connection; the upstream, which has one more
   * request; the client, which has seen the mark.
   */
  readonly seenBy: 'proxy' | 'upstream' | 'client'
}

const LINES = 'HTTP/1.1\r\nHost: test\r\n'
const WAIT = `GET /wait ${LINES}\r\n`
const POST_BODY = pseudo({ ':method': 'POST', ':path': '/body' })
const CONNECT: Fields = [
  ...pseudo({ ':method': 'CONNECT', ':path': '/ws' }),
  [':protocol', 'websocket'],
  ['sec-websocket-version', '13'],
  ['sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='],
]

function http1(name: string, seenBy: Phase['seenBy'], bytes: string): Phase {
  return { name: `HTTP/1.1, ${name}`, protocol: 'http1', bytes, seenBy }
}

function http2(name: string, seenBy: Phase['seenBy'], bytes: string): Phase {
  return { name: `HTTP/2, ${name}`, protocol: 'http2', bytes, seenBy }
}

export const PHASES: readonly Phase[] = [
  http1('in a head', 'proxy', `GET / ${LINES}X: `),
  http1('in a body', 'upstream', `POST /body ${LINES}Content-Length: 1000\r\n\r\nabc`),
  http1('waiting', 'upstream', WAIT),
  http1('in an answer', 'client', `GET /stream ${LINES}\r\n`),
  http1('in a tunnel', 'client', `${UPGRADE}${MARK}`),
  http2('in a head', 'proxy', HELLO + frame(HEADERS, { stream: 1 }, encodeHeaders(pseudo()))),
  http2('in a body', 'upstream', HELLO + headers(1, POST_BODY) + data('abc', 0)),
  http2('in a body that nobody reads', 'proxy', post([], data('abc', 0))),
  http2('waiting', 'upstream', get([], { ':path': '/wait' })),
  http2(
    'in an answer, while another one is waited for',
    'client',
    get([], { ':path': '/stream' }) + headers(3, pseudo({ ':path': '/unseen' }), END_STREAM),
  ),
  http2('in a tunnel', 'client', HELLO + headers(1, CONNECT) + frame(DATA, { stream: 1 }, MARK)),
]

/** The socket is not read meanwhile, so that nobody hears of its end. */
export const PIPELINED: Phase = http1('with two requests behind it', 'upstream', WAIT.repeat(3))

/** The beginning of a TLS handshake. */
export const HALF_HANDSHAKE: Phase = http1('in a handshake', 'proxy', '\x16\x03\x01\x02\x00\x01')

/** A connection; where it is encrypted, `raw` is what it goes over. */
export interface Link {
  readonly socket: Socket
  readonly raw: Socket
}

export const ENDINGS: readonly ((link: Link) => void)[] = [
  ({ raw }) => void raw.destroy(),
  ({ raw }) => void raw.resetAndDestroy(),
  ({ socket }) => void socket.end(),
]
