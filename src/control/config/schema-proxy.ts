/**
 * What may stand under `proxy`: how much and how long, what is logged, whom we believe. `schema-listener.ts` has the
 * listeners.
 */

import { readCidr } from './address.ts'
import {
  ACCESS_LOG_PATH,
  ACCESS_LOG_RATIO,
  COUNTS,
  DRAIN_TIMEOUT,
  ENTRIES,
  SIZES,
  THREADS,
  TIMEOUTS,
} from './defaults.ts'
import {
  choice,
  count,
  countSetting,
  durationSetting,
  ratioSetting,
  sizeSetting,
  text,
} from './leaf.ts'
import { readFileName } from './names.ts'
import { Listener } from './schema-listener.ts'
import { list, section } from './section.ts'

const Limits = section({
  head: sizeSetting(
    SIZES.head,
    'Request line and header section together; more is answered 431 or 414.',
  ),
  field: sizeSetting(
    SIZES.field,
    'One header field of a request, name and value; more is answered 431.',
  ),
  headerCount: countSetting(
    COUNTS.headerCount,
    'Header fields of a request; more is answered 431.',
  ),
  body: sizeSetting(SIZES.body, 'Request body; more is answered 413. 0: no limit.'),
  bodyRate: sizeSetting(
    SIZES.bodyRate,
    'What must come or go of a body each second, on the average of timeouts.bodyStall; a slower one is not waited for. 0: no limit.',
  ),
  connections: countSetting(
    COUNTS.connections,
    'Downstream connections of one thread; more are closed at once.',
  ),
  connectionsPerAddress: countSetting(
    COUNTS.connectionsPerAddress,
    'Of those, connections from one address; more are closed at once.',
  ),
  streams: countSetting(
    COUNTS.streams,
    'Requests at a time on one HTTP/2 connection; more are refused with REFUSED_STREAM.',
  ),
  upstreamConnections: countSetting(
    COUNTS.upstreamConnections,
    'Connections of one thread to one endpoint; a request that needs one more is answered 503.',
  ),
  responseHead: sizeSetting(
    SIZES.responseHead,
    "Status line and header section of an upstream's answer; more is a 502.",
  ),
  buffer: sizeSetting(
    SIZES.buffer,
    'Unread bytes held for a peer that does not read, on one connection and direction; more pauses the other side.',
  ),
})

const Timeouts = section({
  head: durationSetting(
    TIMEOUTS.head,
    'From the first byte of a request until its head is whole; then 408.',
  ),
  idle: durationSetting(
    TIMEOUTS.idle,
    'A downstream connection without a request; then it is closed.',
  ),
  connect: durationSetting(TIMEOUTS.connect, 'Until an upstream connection is made; then 504.'),
  responseHead: durationSetting(
    TIMEOUTS.responseHead,
    "From the request's end until the head of the upstream's final answer; then 504.",
  ),
  bodyStall: durationSetting(
    TIMEOUTS.bodyStall,
    'Between two pieces of a body that do not come, or that the peer does not take; then the exchange ends.',
  ),
  upstreamIdle: durationSetting(
    TIMEOUTS.upstreamIdle,
    'An upstream connection without a request; then it is closed.',
  ),
  handshake: durationSetting(
    TIMEOUTS.handshake,
    "From a connection's first moment until its PROXY header and TLS handshake are done; then it is closed.",
  ),
  tunnelIdle: durationSetting(
    TIMEOUTS.tunnelIdle,
    'A WebSocket through which nothing comes, either way; then it is closed.',
  ),
  tunnelDrain: durationSetting(
    TIMEOUTS.tunnelDrain,
    'How long WebSockets live on after their variant or the process stopped taking new ones; they end spread over the last half.',
  ),
})

const AccessLog = section({
  mode: choice(
    ['off', 'errors', 'sampled', 'all'],
    'errors: requests that failed, were refused or count as errors; sampled: those and a share of the others. Default off.',
  ).prefault('off'),
  ratio: ratioSetting(ACCESS_LOG_RATIO, 'With sampled, the share of the requests without a fault.'),
  path: text(
    readFileName,
    `The file, relative to the folder of this one; "-" is standard output. Default "${ACCESS_LOG_PATH}".`,
  ).prefault(ACCESS_LOG_PATH),
})

export const Proxy = section({
  listeners: list(Listener, 1, ENTRIES.listeners).describe('Where clients connect. At least one.'),
  threads: count(
    THREADS,
    'Proxy threads. Default: the cores of the machine less one, at least 1; always 1 where the platform does not balance connections. Range',
  ).optional(),
  trustedProxies: list(
    text(readCidr, 'An address or a range, such as 10.0.0.0/8.'),
    0,
    ENTRIES.trustedProxies,
  )
    .prefault([])
    .describe(
      'Addresses and ranges whose X-Forwarded-* and PROXY headers are believed. Default: none.',
    ),
  limits: Limits.prefault({}).describe('Sizes and counts beyond which input is refused.'),
  timeouts: Timeouts.prefault({}).describe('How long to wait for what, with a grain of 250ms.'),
  accessLog: AccessLog.prefault({}).describe('Requests as lines of JSON. Default: none.'),
  drainTimeout: durationSetting(
    DRAIN_TIMEOUT,
    'After SIGTERM, how long requests in flight may take to end before they are cut.',
  ),
}).describe('The data plane.')
