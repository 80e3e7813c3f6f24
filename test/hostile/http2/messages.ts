/** Requests that are malformed (RFC 9113 sections 8.2 and 8.3), and what looks like it and is not. */

import type { HostileCase } from '../cases.ts'
import { REFUSED, NOTHING, get, twice, client, malformed } from './build.ts'

/** RFC 9113 section 8.2.1, 8.2.2. */
export const FIELD_CASES: readonly HostileCase[] = [
  ['value-lf', 'x-a', 'a\nb'],
  ['value-cr', 'x-a', 'a\rb'],
  ['value-crlf-injection', 'x-a', 'a\r\ntransfer-encoding: chunked'],
  ['value-double-crlf', 'x-a', 'a\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example'],
  ['name-upper', 'X-A', 'b'],
  ['name-nul', 'x\0a', 'b'],
  ['name-lf', 'x\na', 'b'],
  ['name-high', 'x\u00e9', 'b'],
  ['name-del', 'x\u007f', 'b'],
  ['name-tab', 'x\ta', 'b'],
  ['name-te-colon', 'transfer-encoding: chunked\r\nx', 'y'],
  ['pseudo-unknown', ':foo', 'bar'],
  ['pseudo-empty', ':', 'bar'],
  ['connection', 'connection', 'close'],
  ['connection-upper', 'Connection', 'close'],
  ['keep-alive', 'keep-alive', 'timeout=5'],
  ['proxy-connection', 'proxy-connection', 'keep-alive'],
  ['te-identity', 'transfer-encoding', 'identity'],
  ['te-empty', 'transfer-encoding', ''],
  ['upgrade-h2c', 'upgrade', 'h2c'],
  ['te-list', 'te', 'trailers, gzip'],
  ['te-chunked', 'te', 'chunked'],
].map(([name, field, value]) => malformed(name!, get([[field!, value!]])))

/** RFC 9113 section 8.3, 8.3.1. */
export const PSEUDO_CASES: readonly HostileCase[] = [
  ...(
    [
      ['path-empty', { ':path': '' }],
      ['path-no-slash', { ':path': 'admin' }],
      ['path-asterisk-get', { ':path': '*' }],
      ['path-query-only', { ':path': '?x=1' }],
      ['path-absolute', { ':path': 'http://evil.example/x' }],
      ['path-nul', { ':path': '/a\0b' }],
      ['path-tab', { ':path': '/a\tb' }],
      ['path-crlf', { ':path': '/a HTTP/1.1\r\nHost: evil.example\r\nX: ' }],
      ['path-lf', { ':path': '/a\nb' }],
      ['path-trailing-space', { ':path': '/ ' }],
      ['path-del', { ':path': '/a\u007f' }],
      ['method-empty', { ':method': '' }],
      ['method-tab', { ':method': 'GET\t' }],
      ['method-nul', { ':method': 'GET\0' }],
      ['method-missing', { ':method': null }],
      ['scheme-missing', { ':scheme': null }],
      ['authority-crlf', { ':authority': 'a.example\r\nX: y' }],
      ['authority-space', { ':authority': 'a.example b' }],
      ['authority-comma', { ':authority': 'a.example,evil.example' }],
      ['authority-port', { ':authority': 'a.example:99999' }],
      ['authority-fragment', { ':authority': 'a.example#x' }],
      ['authority-query', { ':authority': 'a.example?x' }],
      ['authority-empty', { ':authority': '' }],
      ['authority-scheme', { ':authority': 'http://a.example' }],
    ] as const
  ).map(([name, changes]) => malformed(name, get([], changes))),
  malformed('two-authorities', get([[':authority', 'evil.example']])),
  malformed('two-schemes', get([[':scheme', 'https']])),
  malformed('host-other', get([['host', 'evil.example']]), {
    expect: `${REFUSED}|forward-normalised`,
    assert: { upstreamMustNotSee: ['evil.example'], upstreamHeaderCount: { host: 1 } },
  }),
  malformed('host-bad', get([['host', 'a/b']], { ':authority': null })),
  malformed('host-two-with-authority', get([...twice(['host', 'a.example'])])),
  client('host-alone-control', get([['host', 'a.example']], { ':authority': null }), 'forward', {
    assert: { status: [200], upstreamHeaderCount: { host: 1 } },
  }),
  client('path-fragment', get([], { ':path': '/a#frag' }), `${REFUSED}|forward-normalised`, {
    tier: 'hardening',
    assert: { upstreamMustNotSee: ['#frag'] },
  }),
  client('path-high', get([], { ':path': '/\u00e9' }), `${REFUSED}|forward`, { tier: 'hardening' }),
  client('path-percent', get([], { ':path': '/a%0d%0ab/../c' }), 'forward|400', {
    tier: 'hardening',
    assert: { upstreamMustNotSee: ['a\r\nb'] },
  }),
  client('options-asterisk-control', get([], { ':method': 'OPTIONS', ':path': '*' }), 'forward', {
    assert: { status: [200], upstreamMustSee: ['OPTIONS * HTTP/1.1'] },
  }),
  client('method-lower', get([], { ':method': 'get' }), `${REFUSED}|405|501`, {
    tier: 'hardening',
    assert: NOTHING,
  }),
  client('trace', get([], { ':method': 'TRACE' }), `${REFUSED}|405|501`, { assert: NOTHING }),
  client('scheme-https', get([], { ':scheme': 'https' }), `${REFUSED}|421|forward-normalised`, {
    tier: 'hardening',
    assert: { upstreamMustNotSee: ['x-forwarded-proto: https'] },
  }),
]
