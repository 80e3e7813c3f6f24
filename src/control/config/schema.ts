/**
 * What may stand in the configuration file: every key, its kind, range, default and meaning.
 *
 * The one source for the checker and for the JSON Schema that editors read. Values come out in the units of the
 * code (bytes, milliseconds); what needs two keys at once is checked in `rules.ts`.
 */

import { z } from 'zod'
import type { PathMatch, Sticky } from '../../proxy/snapshot.ts'
import {
  ENDPOINT_PATTERN,
  readCidr,
  readEndpoint,
  readHostPattern,
  readListenHost,
} from './address.ts'
import {
  CONTROL_HOST,
  CONTROL_PORT,
  COUNTS,
  DRAIN_TIMEOUT,
  ENTRIES,
  LISTEN_PORT,
  SIZES,
  STORE_PATH,
  THREADS,
  TIMEOUTS,
} from './defaults.ts'
import {
  choice,
  count,
  countSetting,
  durationSetting,
  exactly,
  flag,
  sizeSetting,
  text,
} from './leaf.ts'
import {
  FIELD_PATTERN,
  NAME_PATTERN,
  PATH_PATTERN,
  readCookieName,
  readHeaderName,
  readName,
  readPath,
  readSha256,
  readTokenName,
  SHA256_PATTERN,
  TOKEN_NAME_PATTERN,
} from './names.ts'
import { customIssue, list, section } from './section.ts'
import { refused } from './wording.ts'

const Listener = section({
  name: text(readName, 'The name of the listener in logs and metrics.', NAME_PATTERN),
  host: text(
    readListenHost,
    'The address to listen on: 127.0.0.1 for this machine, 0.0.0.0 or "::" for all.',
  ),
  port: count(LISTEN_PORT, 'The port to listen on; 0 takes a free one.'),
})

const Limits = section({
  head: sizeSetting(
    SIZES.head,
    'Request line and header section together; more is answered 431 or 414.',
  ),
  headerCount: countSetting(
    COUNTS.headerCount,
    'Header fields of a request; more is answered 431.',
  ),
  body: sizeSetting(SIZES.body, 'Request body; more is answered 413. 0: no limit.'),
  connections: countSetting(
    COUNTS.connections,
    'Downstream connections of one thread; more are closed at once.',
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
})

const Proxy = section({
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
    .describe('Addresses and ranges whose X-Forwarded-* headers are believed. Default: none.'),
  limits: Limits.prefault({}).describe('Sizes and counts beyond which input is refused.'),
  timeouts: Timeouts.prefault({}).describe('How long to wait for what, with a grain of 250ms.'),
  drainTimeout: durationSetting(
    DRAIN_TIMEOUT,
    'After SIGTERM, how long requests in flight may take to end before they are cut.',
  ),
}).describe('The data plane.')

const Upstream = section({
  endpoints: list(
    text(readEndpoint, 'http://host:port, without path; port 80 if left out.', ENDPOINT_PATTERN),
    1,
    ENTRIES.endpoints,
  ).describe('The endpoints that serve this version; requests are spread over them.'),
}).describe('One version of a service.')

const PathSection = section({
  prefix: text(
    readPath,
    'This path and all below it: /shop takes /shop and /shop/x, but not /shopping.',
    PATH_PATTERN,
  ).optional(),
  exact: text(readPath, 'This path alone.', PATH_PATTERN).optional(),
})
  .check(({ value, issues }) => {
    const isOne = (value.prefix === undefined) !== (value.exact === undefined)
    if (isOne || issues.length > 0) return
    issues.push(customIssue(value, [], 'needs "prefix" or "exact", and not both'))
  })
  .transform(({ prefix, exact }): PathMatch =>
    exact === undefined
      ? { kind: 'prefix', value: prefix ?? '/' }
      : { kind: 'exact', value: exact },
  )
  .meta({
    description:
      'The paths that the route takes: {prefix: /shop} or {exact: /health}. Default {prefix: /}.',
    minProperties: 1,
    maxProperties: 1,
  })

const Host = text(
  readHostPattern,
  'A host name without port, in any case; *.example.com is every host below example.com.',
)

const Match = section({
  host: z
    .union([Host, list(Host, 1, ENTRIES.hosts)])
    .optional()
    .describe('The hosts that the route takes, one or a list. Default: any.'),
  path: PathSection.prefault({ prefix: '/' }),
})

const StickySection = section({
  cookie: text(
    readCookieName,
    'The cookie whose value keeps a user on one side.',
    FIELD_PATTERN,
  ).optional(),
  mint: flag('Sluice sets the cookie where a request has none. Default false.').optional(),
  header: text(
    readHeaderName,
    'The header whose value keeps a user on one side.',
    FIELD_PATTERN,
  ).optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { cookie, mint, header } = value
    if ((cookie === undefined) === (header === undefined)) {
      issues.push(customIssue(value, [], 'needs "cookie" or "header", and not both'))
    } else if (mint !== undefined && cookie === undefined) {
      issues.push(
        customIssue(mint, ['mint'], 'is only possible with "cookie"; a header is not minted'),
      )
    }
  })
  .transform(({ cookie, mint = false, header = '' }): Sticky =>
    cookie === undefined
      ? { kind: 'header', name: header }
      : { kind: 'cookie', name: cookie, mint },
  )
  .meta({
    description:
      'What keeps a user on one side: {cookie: session}, {cookie: sluice, mint: true} or {header: x-user-id}. Default: every request draws anew.',
    minProperties: 1,
    dependencies: { mint: ['cookie'], header: { maxProperties: 1 } },
  })

const Route = section({
  name: text(readName, 'The name of the route in the API, logs and metrics.', NAME_PATTERN),
  match: Match.prefault({}).describe(
    'The requests that the route takes. Default: all. The most specific route wins.',
  ),
  stable: text(String, 'The upstream that serves the route while no rollout runs.', NAME_PATTERN),
  sticky: StickySection.optional(),
  forceHeader: text(
    readHeaderName,
    'A header by which a client may choose: its value is "stable" or "canary". Default: none.',
    FIELD_PATTERN,
  ).optional(),
})

const Token = section({
  name: text(readTokenName, 'Who uses the token; stands in the journal.', TOKEN_NAME_PATTERN),
  role: choice(
    ['viewer', 'operator', 'admin'],
    'viewer reads, operator also runs rollouts, admin may do everything.',
  ),
  sha256: text(
    readSha256,
    'The SHA-256 of the token. Make a token with "openssl rand -hex 32" and this with "printf %s TOKEN | sha256sum".',
    SHA256_PATTERN,
  ),
})

const Control = section({
  host: text(
    readListenHost,
    `The address of the admin API. Beyond loopback it needs tokens. Default ${CONTROL_HOST}.`,
  ).prefault(CONTROL_HOST),
  port: countSetting(CONTROL_PORT, 'The port of the admin API; 0 takes a free one.'),
  tokens: list(Token, 0, ENTRIES.tokens)
    .prefault([])
    .describe(
      'Who may use the admin API. Default: anyone who can reach it, which is allowed on loopback only.',
    ),
}).describe('The admin API.')

const Store = section({
  path: text(
    readStorePath,
    `The file of the journal, relative to the folder of this file; ":memory:" forgets everything at the end. Default ${STORE_PATH}.`,
  ).prefault(STORE_PATH),
}).describe('Where rollouts are recorded.')

/** The whole file. Input: what YAML gives. Output: values in bytes and milliseconds. */
export const ConfigFile = section({
  version: exactly(1, 'The version of this format.'),
  proxy: Proxy,
  upstreams: z.record(z.string(), Upstream).meta({
    description: 'Upstreams by name: each one is a version of a service.',
    propertyNames: { pattern: NAME_PATTERN },
    minProperties: 1,
    maxProperties: ENTRIES.upstreams,
  }),
  routes: list(Route, 1, ENTRIES.routes).describe('Which requests go where.'),
  control: Control.prefault({}),
  store: Store.prefault({}),
})

export type ConfigFile = z.output<typeof ConfigFile>

function readStorePath(path: string): string {
  if (path.trim() === '' || path.includes('\0')) throw refused('must be the path of a file')
  return path
}
