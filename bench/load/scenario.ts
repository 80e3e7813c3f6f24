/** What is asked of the proxies: who speaks what to them, and how much. The names are those of `--scenario`. */

/** What the load speaks to the proxy; upstream it is HTTP/1.1 in cleartext, but for gRPC HTTP/2 in cleartext. */
export type Protocol = 'http1' | 'tls' | 'http2' | 'grpc' | 'websocket'

export interface Scenario {
  readonly name: 'small' | '64k' | '1m' | 'tls' | 'http2' | 'grpc' | 'websocket'
  readonly protocol: Protocol
  readonly path: string
  /** Of an answer, or of a message and its echo. */
  readonly bodyBytes: number
  /** Keep-alive connections that the load generator holds. */
  readonly connections: number
  /** Requests (messages) at a time on each of them. */
  readonly streams: number
}

/** Where the upstream that echoes takes WebSockets. */
export const TUNNEL_PATH = '/tunnel'

/** Where the upstream that speaks gRPC takes unary calls. */
export const GRPC_PATH = '/bench.Echo/Call'

/** A message of 90 bytes behind its prefix: a byte that says that it is not compressed, four of its length. */
export const GRPC_MESSAGE: Uint8Array = Buffer.from(`\0\0\0\0\x5a${'x'.repeat(0x5a)}`)

/** All of the small ones have 64 requests in flight. */
export const SCENARIOS: readonly Scenario[] = [
  http1('small', 90, 64),
  http1('64k', 65_536, 16),
  http1('1m', 1_048_576, 16),
  { ...http1('small', 90, 64), name: 'tls', protocol: 'tls' },
  { ...http1('small', 90, 16), name: 'http2', protocol: 'http2', streams: 4 },
  {
    name: 'grpc',
    protocol: 'grpc',
    path: GRPC_PATH,
    bodyBytes: GRPC_MESSAGE.length,
    connections: 16,
    streams: 4,
  },
  {
    name: 'websocket',
    protocol: 'websocket',
    path: TUNNEL_PATH,
    bodyBytes: 1_024,
    connections: 64,
    streams: 1,
  },
]

/** What the upstream serves by plain HTTP. */
export const BODIES: readonly { readonly path: string; readonly bodyBytes: number }[] =
  SCENARIOS.filter(({ protocol }) => protocol === 'http1')

/** What TLS 1.3 agrees on in every handshake: the first of those that OpenSSL offers, and so wrk. */
export const CIPHER_SUITE = 'TLS_AES_256_GCM_SHA384'

/** Users of the load: the cookie `session=u0` to `session=u999`. */
export const USER_COUNT = 1_000

/** What a browser sends besides Host and Cookie. `wrk.lua` sends the same. */
export const BROWSER_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-GB,en;q=0.7,de;q=0.3',
  'Accept-Encoding': 'gzip, deflate',
}

/** What a gRPC client sends. */
export const GRPC_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'application/grpc',
  TE: 'trailers',
  'User-Agent': 'grpc-node-js/1.14.0',
}

/** What its figures are counted by. */
export function unitOf({ protocol }: Scenario): 'request' | 'message' {
  return protocol === 'websocket' ? 'message' : 'request'
}

/** Does this scenario run over TLS? */
export function isSecure({ protocol }: Scenario): boolean {
  return protocol === 'tls' || protocol === 'http2' || protocol === 'grpc'
}

function http1(name: 'small' | '64k' | '1m', bodyBytes: number, connections: number): Scenario {
  return { name, protocol: 'http1', path: `/${name}`, bodyBytes, connections, streams: 1 }
}
