/** Request heads one by one: what the good ones mean, and why the bad ones are refused. */

import { describe, expect, test } from 'vitest'
import type { RequestFault } from '../../../src/proxy/failure.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../../src/proxy/http1/framing.ts'
import { RequestHead } from '../../../src/proxy/http1/request-head.ts'
import {
  cuts,
  head,
  isRefusedOnce,
  latin1,
  LIMITS,
  parseRequest,
  type RequestMeaning,
  requestMeaning,
  requestVerdict,
} from './heads.ts'

/** A GET of `/` on HTTP/1.1 for host `a`; the cases name what is different. */
const PLAIN: RequestMeaning = {
  method: 'GET',
  target: '/',
  host: 'a',
  minorVersion: 1,
  bodyKind: NO_BODY,
  contentLength: 0,
  isPersistent: true,
  isIdempotent: true,
  expectsContinue: false,
  isUpgrade: false,
  lines: ['Host: a'],
}

interface GoodCase {
  readonly name: string
  readonly text: string
  readonly means: Partial<RequestMeaning>
}

const POST = { method: 'POST', isIdempotent: false } as const
const HTTP10 = { minorVersion: 0, isPersistent: false } as const

const GOOD: readonly GoodCase[] = [
  { name: 'the smallest request', text: head('GET / HTTP/1.1', 'Host: a'), means: {} },
  {
    name: 'path and query are kept byte for byte',
    text: head('GET /a//b;v=1/%41%zz?q=/../%2e%2e&r=a?b HTTP/1.1', 'Host: a'),
    means: { target: '/a//b;v=1/%41%zz?q=/../%2e%2e&r=a?b' },
  },
  {
    name: 'a target may have any visible character',
    text: head('GET /a"<>[]^`{|}~ HTTP/1.1', 'Host: a'),
    means: { target: '/a"<>[]^`{|}~' },
  },
  {
    name: 'names that begin with dots are no dot segments',
    text: head('GET /.well-known/..a/b../...?x HTTP/1.1', 'Host: a'),
    means: { target: '/.well-known/..a/b../...?x' },
  },
  {
    name: 'empty lines in front are skipped',
    text: `\r\n\r\n${head('GET / HTTP/1.1', 'Host: a')}`,
    means: {},
  },
  {
    name: 'host with port, as it was written',
    text: head('GET / HTTP/1.1', 'hOST:A.Example:8080'),
    means: { host: 'A.Example:8080', lines: ['hOST:A.Example:8080'] },
  },
  {
    name: 'an IPv6 host',
    text: head('GET / HTTP/1.1', 'Host: [::1]:80'),
    means: { host: '[::1]:80', lines: ['Host: [::1]:80'] },
  },
  {
    name: 'an empty host',
    text: head('GET / HTTP/1.1', 'Host:'),
    means: { host: '', lines: ['Host:'] },
  },
  {
    name: 'blanks around a value belong to the line, not to the value',
    text: head('GET / HTTP/1.1', 'Host: \t a \t', 'X:\t b \t'),
    means: { host: 'a', lines: ['Host: \t a \t', 'X:\t b \t'] },
  },
  {
    name: 'values of obs-text pass as they are',
    text: head('GET / HTTP/1.1', 'Host: a', 'X-A: caf\xe9 \x80\xa0\xff'),
    means: { lines: ['Host: a', 'X-A: caf\xe9 \x80\xa0\xff'] },
  },
  {
    name: 'every token character in a name, and an empty value',
    text: head('GET / HTTP/1.1', 'Host: a', "!#$%&'*+-.^_`|~09azAZ:", '__proto__: x'),
    means: { lines: ['Host: a', "!#$%&'*+-.^_`|~09azAZ:", '__proto__: x'] },
  },
  {
    name: 'repeated fields that are lists stay as they are',
    text: head('GET / HTTP/1.1', 'Accept: b', 'Host: a', 'accept: c'),
    means: { lines: ['Accept: b', 'Host: a', 'accept: c'] },
  },

  // how the body is delimited
  {
    name: 'a body of a known length',
    text: head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5'),
    means: { ...POST, bodyKind: BY_LENGTH, contentLength: 5 },
  },
  {
    name: 'a length with leading zeros is a number all the same',
    text: head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 0000000000000005'),
    means: { ...POST, bodyKind: BY_LENGTH, contentLength: 5 },
  },
  {
    name: 'the largest length that a number holds exactly',
    text: head('PUT / HTTP/1.1', 'Host: a', 'Content-Length: 9007199254740991'),
    means: { method: 'PUT', bodyKind: BY_LENGTH, contentLength: 9_007_199_254_740_991 },
  },
  {
    name: 'an empty body is a body',
    text: head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 0'),
    means: { ...POST, bodyKind: BY_LENGTH },
  },
  {
    name: 'a GET without content has no body',
    text: head('GET / HTTP/1.1', 'Host: a', 'Content-Length: 0'),
    means: {},
  },
  {
    name: 'a GET with content has a body',
    text: head('GET / HTTP/1.1', 'Host: a', 'Content-Length: 43'),
    means: { bodyKind: BY_LENGTH, contentLength: 43 },
  },
  {
    name: 'a POST that tells no length has no body',
    text: head('POST / HTTP/1.1', 'Host: a'),
    means: POST,
  },
  {
    name: 'chunked, in whatever case',
    text: head('POST / HTTP/1.1', 'Host: a', 'tRANSFER-eNCODING: CHUNKED'),
    means: { ...POST, bodyKind: CHUNKED },
  },
  {
    name: 'chunked, with blanks around it',
    text: head('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding:\t chunked  '),
    means: { method: 'POST', isIdempotent: false, bodyKind: CHUNKED },
  },
  {
    name: 'a chunked DELETE keeps its body',
    text: head('DELETE / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'),
    means: { method: 'DELETE', bodyKind: CHUNKED },
  },

  // the connection
  {
    name: 'Connection: close',
    text: head('GET / HTTP/1.1', 'Host: a', 'Connection: close'),
    means: { isPersistent: false },
  },
  {
    name: 'close outranks keep-alive',
    text: head('GET / HTTP/1.1', 'Host: a', 'Connection: Keep-Alive', 'Connection: CLOSE'),
    means: { isPersistent: false },
  },
  {
    name: 'close among empty members of a list',
    text: head('GET / HTTP/1.1', 'Host: a', 'Connection: ,\t close ,,'),
    means: { isPersistent: false },
  },
  {
    name: 'a no-break space is no blank around a list member',
    text: head('GET / HTTP/1.1', 'Host: a', 'Connection: x, \xa0close\xa0'),
    means: {},
  },
  {
    name: 'HTTP/1.0 closes',
    text: head('GET / HTTP/1.0', 'Host: a'),
    means: HTTP10,
  },
  {
    name: 'HTTP/1.0 with keep-alive',
    text: head('GET / HTTP/1.0', 'Host: a', 'Connection: Keep-Alive'),
    means: { minorVersion: 0 },
  },
  {
    name: 'HTTP/1.0 without a host is sent on with an empty one',
    text: head('GET / HTTP/1.0', 'X: y'),
    means: { ...HTTP10, host: '', lines: ['host: ', 'X: y'] },
  },
  {
    name: 'HTTP/1.0 with an empty host is not given a second one',
    text: head('GET / HTTP/1.0', 'Host:'),
    means: { ...HTTP10, host: '', lines: ['Host:'] },
  },
  {
    name: 'HTTP/1.0 with a body',
    text: head('POST / HTTP/1.0', 'Content-Length: 3'),
    means: {
      ...POST,
      ...HTTP10,
      host: '',
      bodyKind: BY_LENGTH,
      contentLength: 3,
      lines: ['host: '],
    },
  },

  // expectations
  {
    name: 'an expectation with a body goes on',
    text: head('POST / HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Expect: 100-Continue'),
    means: {
      ...POST,
      bodyKind: BY_LENGTH,
      contentLength: 5,
      expectsContinue: true,
      lines: ['Host: a', 'Expect: 100-Continue'],
    },
  },
  {
    name: 'an expectation without a body is left out',
    text: head('GET / HTTP/1.1', 'Expect: 100-continue', 'Host: a'),
    means: {},
  },
  {
    name: 'an expectation with an empty body is left out',
    text: head('POST / HTTP/1.1', 'Expect: 100-continue', 'Host: a', 'Content-Length: 0'),
    means: { ...POST, bodyKind: BY_LENGTH },
  },
  {
    name: 'HTTP/1.0 expects nothing',
    text: head('POST / HTTP/1.0', 'Host: a', 'Content-Length: 5', 'Expect: 100-continue'),
    means: { ...POST, ...HTTP10, bodyKind: BY_LENGTH, contentLength: 5 },
  },

  // upgrades
  {
    name: 'a request to upgrade to WebSocket',
    text: head(
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: keep-alive, Upgrade',
      'Upgrade: WebSocket',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version: 13',
    ),
    means: {
      isUpgrade: true,
      lines: [
        'Host: a',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
      ],
    },
  },
  {
    name: 'other upgrades are left out',
    text: head(
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ),
    means: {},
  },
  {
    name: 'an upgrade that Connection does not name is left out',
    text: head('GET / HTTP/1.1', 'Host: a', 'Upgrade: websocket'),
    means: {},
  },
  {
    name: 'an upgrade to a choice of protocols is left out',
    text: head('GET / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: websocket, h2c'),
    means: {},
  },
  {
    name: 'so it is when the choice has two lines, WebSocket first',
    text: head(
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: upgrade',
      'Upgrade: websocket',
      'Upgrade: h2c',
    ),
    means: {},
  },
  {
    name: 'and when WebSocket is last',
    text: head(
      'GET / HTTP/1.1',
      'Host: a',
      'Connection: upgrade',
      'Upgrade: h2c',
      'Upgrade: websocket',
    ),
    means: {},
  },
  {
    name: 'only a GET can become a WebSocket',
    text: head('OPTIONS / HTTP/1.1', 'Host: a', 'Connection: upgrade', 'Upgrade: websocket'),
    means: { method: 'OPTIONS' },
  },
  {
    name: 'HTTP/1.0 cannot upgrade',
    text: head('GET / HTTP/1.0', 'Host: a', 'Connection: upgrade', 'Upgrade: websocket'),
    means: HTTP10,
  },

  // forms of the target
  {
    name: 'absolute form: its authority is the host',
    text: head('GET http://b.example:81/x?y=1 HTTP/1.1', 'X: y', 'Host: a'),
    means: { target: '/x?y=1', host: 'b.example:81', lines: ['host: b.example:81', 'X: y'] },
  },
  {
    name: 'absolute form without a path',
    text: head('GET HTTP://b HTTP/1.1', 'Host: a'),
    means: { host: 'b', lines: ['host: b'] },
  },
  {
    name: 'absolute form with a query alone',
    text: head('GET https://b?x HTTP/1.1', 'Host: a'),
    means: { target: '/?x', host: 'b', lines: ['host: b'] },
  },
  {
    name: 'absolute form in HTTP/1.0',
    text: head('GET http://b/ HTTP/1.0'),
    means: { ...HTTP10, host: 'b', lines: ['host: b'] },
  },
  {
    name: 'OPTIONS of the server',
    text: head('OPTIONS * HTTP/1.1', 'Host: a'),
    means: { method: 'OPTIONS', target: '*' },
  },
  {
    name: 'OPTIONS of the server in absolute form becomes an asterisk',
    text: head('OPTIONS http://b:80 HTTP/1.1', 'Host: a'),
    means: { method: 'OPTIONS', target: '*', host: 'b:80', lines: ['host: b:80'] },
  },
  {
    name: 'OPTIONS of a path in absolute form does not',
    text: head('OPTIONS http://b/ HTTP/1.1', 'Host: a'),
    means: { method: 'OPTIONS', target: '/', host: 'b', lines: ['host: b'] },
  },
]

describe('a good head', () => {
  /** Used again for each case and each cut: nothing may be left over from the one before. */
  const reused = new RequestHead(LIMITS)

  test.for(GOOD)('$name', ({ text, means }) => {
    const bytes = latin1(text)
    const expected = { ...PLAIN, ...means }
    expect(requestMeaning(parseRequest(text))).toEqual(expected)
    const verdicts = cuts(text, (cut) => requestVerdict(reused, cut))
    expect(new Set(verdicts)).toEqual(new Set(['more']))
    expect(requestVerdict(reused, bytes)).toBe('accepted')
    expect(requestMeaning(reused)).toEqual(expected)
  })

  test.for(GOOD)('ends where it ends, wherever it stands: $name', ({ text, means }) => {
    const before = 'GET /before HTTP/1.1'
    const bytes = latin1(`${before}${text}POST /after HTTP/1.1\r\nHost: b\r\n\r\n`)
    const end = before.length + text.length
    expect(reused.parse(bytes, before.length, bytes.length)).toBe(end)
    expect(requestMeaning(reused)).toEqual({ ...PLAIN, ...means })
    expect(reused.parse(bytes, end, bytes.length)).toBe(bytes.length)
    expect(requestMeaning(reused)).toEqual({
      ...PLAIN,
      ...POST,
      target: '/after',
      host: 'b',
      lines: ['Host: b'],
    })
  })
})

const METHODS = 'GET HEAD POST PUT PATCH DELETE OPTIONS PROPFIND REPORT LOCK QUERY'.split(' ')

test.for(METHODS)('%s is served', (method) => {
  expect(parseRequest(head(`${method} / HTTP/1.1`, 'Host: a')).method).toBe(method)
})

test('methods without a name of their own in the tally share its last row', () => {
  const indices = ['GET', 'HEAD', 'OPTIONS', 'PROPFIND', 'QUERY'].map(
    (method) => parseRequest(head(`${method} / HTTP/1.1`, 'Host: a')).methodIndex,
  )
  expect(indices).toEqual([0, 1, 6, 7, 7])
})

interface BadCase {
  readonly name: string
  readonly text: string
  readonly fault: RequestFault
}

function bad(fault: RequestFault, cases: Readonly<Record<string, string>>): readonly BadCase[] {
  return Object.entries(cases).map(([name, text]) => ({ name, text, fault }))
}

/** A GET that is good but for these lines. */
function withLines(...lines: readonly string[]): string {
  return head('GET / HTTP/1.1', 'Host: a', ...lines)
}

/** A POST that is good but for these lines. */
function post(...lines: readonly string[]): string {
  return head('POST / HTTP/1.1', 'Host: a', ...lines)
}

function get(target: string): string {
  return head(`GET ${target} HTTP/1.1`, 'Host: a')
}

function withHost(host: string): string {
  return head('GET / HTTP/1.1', `Host: ${host}`)
}

const BAD: readonly BadCase[] = [
  ...bad('malformed', {
    'HTTP/0.9': head('GET /'),
    'an RTSP request': head('ANNOUNCE / RTSP/1.0', 'Host: a'),
    'a lower-case version': head('GET / http/1.1', 'Host: a'),
    'two digits after the dot': head('GET / HTTP/1.32', 'Host: a'),
    'two digits before the dot': head('GET / HTTP/11.1', 'Host: a'),
    'a version without a dot': head('GET / HTTP/1-1', 'Host: a'),
    'a version that is no number': head('GET / HTTP/x.1', 'Host: a'),
    'two versions': head('GET / HTTP/1.1 HTTP/1.1', 'Host: a'),
    'a space after the version': head('GET / HTTP/1.1 ', 'Host: a'),
    'a space before the method': head(' GET / HTTP/1.1', 'Host: a'),
    'a tab for a space': head('GET\t/\tHTTP/1.1', 'Host: a'),
    'two spaces before the target': head('GET  / HTTP/1.1', 'Host: a'),
    'two spaces after the target': head('GET /  HTTP/1.1', 'Host: a'),
    'a space in the target': head('GET /a b HTTP/1.1', 'Host: a'),
    'a control byte in the target': get('/a\x01b'),
    'a NUL in the target': get('/a\0b'),
    'DEL in the target': get('/a\x7fb'),
    'a target that is not ASCII': get('/\xce\xb4'),
    'no target': head('GET HTTP/1.1', 'Host: a'),
    'a method with separators': head('G=":<>(e),[T];?" / HTTP/1.1', 'Host: a'),
    'a method that is too long to be one': head(`${'A'.repeat(33)} / HTTP/1.1`, 'Host: a'),
    'a TLS handshake': '\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03\r\n\r\n',
    'LF for line ends': 'GET / HTTP/1.1\nHost: a\n\n',
    'LF after the request line': 'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'LF after a field': 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n',
    'CR for line ends': 'GET / HTTP/1.1\rHost: a\r\r',
    'CR after the request line': 'GET / HTTP/1.1\rHost: a\r\n\r\n',
    'LF for the last line end': 'GET / HTTP/1.1\r\nHost: a\r\n\n',
    'CR for the last line end': 'GET / HTTP/1.1\r\nHost: a\r\n\rGET / HTTP/1.1\r\n\r\n',
    'an LF in front': `\n${head('GET / HTTP/1.1', 'Host: a')}`,
    'a CR in front': `\r${head('GET / HTTP/1.1', 'Host: a')}`,
    'a folded value': withLines('X: one', ' two'),
    'a value folded by a tab': withLines('X: one', '\ttwo'),
    'a folded Transfer-Encoding': withLines('Transfer-Encoding:', ' chunked'),
    'a space before the first field': head('GET / HTTP/1.1', ' Host: a'),
    'a space before the colon': withLines('X : y'),
    'a tab before the colon': withLines('Transfer-Encoding\t: chunked'),
    'no colon': withLines('X'),
    'an empty name': withLines(': x'),
    'a name with a space': withLines('X Y: z'),
    'a name with separators': withLines('a(b)[c]{d}@e: x'),
    'a name with a NUL': withLines('X\0: y'),
    'a name that is not ASCII': withLines('\xefoo: bar'),
    'CR in a value': withLines('X: a\rY: b'),
    'CR at the start of a value': withLines('x:\rTransfer-Encoding: chunked'),
    'LF in a value': withLines('X: a\nY: b'),
    'NUL in a value': withLines('X: a\0b'),
    'a control byte in a value': withLines('X: a\x0bb'),
    'DEL in a value': withLines('X: a\x7fb'),
    'a control byte before a coding': post('Transfer-Encoding: \x0bchunked'),
    'a control byte after a length': post('Content-Length: 5\x0b'),
  }),
  ...bad('version', {
    'HTTP/2.0 as text': head('GET / HTTP/2.0', 'Host: a'),
    'the HTTP/2 preface': head('PRI * HTTP/2.0'),
    'HTTP/5.6': head('GET / HTTP/5.6', 'Host: a'),
    'HTTP/1.2': head('GET / HTTP/1.2', 'Host: a'),
    'HTTP/0.9 by name': head('GET / HTTP/0.9', 'Host: a'),
  }),
  ...bad('methodRefused', {
    CONNECT: head('CONNECT a.example:80 HTTP/1.1', 'Host: a.example:80'),
    TRACE: head('TRACE / HTTP/1.1', 'Host: a'),
  }),
  ...bad('unknownMethod', {
    'a lower-case method': head('get / HTTP/1.1', 'Host: a'),
    'an unknown method': head('SLUDGE / HTTP/1.1', 'Host: a'),
    'a method of RTSP': head('ANNOUNCE / HTTP/1.1', 'Host: a'),
    'a method of ICE': head('SOURCE / HTTP/1.1', 'Host: a'),
  }),
  ...bad('badHost', {
    'no host': head('GET / HTTP/1.1'),
    'two hosts': head('GET / HTTP/1.1', 'Host: a', 'Host: b'),
    'the same host twice': head('GET / HTTP/1.1', 'Host: a', 'hOST: a'),
    'two hosts in HTTP/1.0': head('GET / HTTP/1.0', 'Host: a', 'Host: a'),
    'two empty hosts in HTTP/1.0': head('GET / HTTP/1.0', 'Host:', 'Host:'),
    'two hosts with a target in absolute form': head(
      'GET http://c/ HTTP/1.1',
      'Host: a',
      'Host: b',
    ),
    'a bad host with a target in absolute form': head('GET http://c/ HTTP/1.1', 'Host: a/b'),
    'no host with a target in absolute form': head('GET http://c/ HTTP/1.1'),
    'a list of hosts': withHost('a, b'),
    'a list of hosts without a space': withHost('a,b'),
    'a host with a path': withHost('a/../x'),
    'a host with a user': withHost('u@a'),
    'a host with a query': withHost('a?b'),
    'a host with a fragment': withHost('a#b'),
    'a host with a backslash': withHost('a\\b'),
    'a host with a space': withHost('a b'),
    'a host that is not ASCII': withHost('\xe4'),
    'a broken percent-encoding': withHost('a%2'),
    'a port that is no number': withHost('a:b'),
    'a port beyond 65535': withHost('a:65536'),
    'a port of six digits': withHost('a:000080'),
    'a port alone': withHost(':80'),
    'two ports': withHost('a:80:80'),
    'an IPv6 host without brackets': withHost('::1'),
    'an open bracket': withHost('[::1'),
    'something after the bracket': withHost('[::1]a'),
  }),
  ...bad('badTarget', {
    'an asterisk for anything but OPTIONS': get('*'),
    'an asterisk and more': head('OPTIONS *a HTTP/1.1', 'Host: a'),
    'authority form': get('a.example:80'),
    'a relative path': get('a/b'),
    'another scheme': get('ftp://a/'),
    'a scheme without slashes': get('http:a'),
    'no authority': get('http:///x'),
    'an authority with a user': get('http://user:pw@a.example/'),
    'an authority with a backslash': get('http://a\\b/'),
    'an authority with a bad port': get('http://a:99999/'),
    'a fragment': get('/a#frag'),
    'a fragment in absolute form': get('http://a/#frag'),
    'a fragment after the authority': get('http://a#frag'),
    'a dot segment': get('/a/./b'),
    'two dots': get('/public/../admin'),
    'two dots at the end': get('/a/..'),
    'a dot at the end': get('/a/.'),
    'two dots before a query': get('/..?a'),
    'dot segments in absolute form': get('http://a/../b'),
    'encoded dots': get('/public/%2e%2E/admin'),
    'a dot and an encoded dot': get('/public/.%2e/admin'),
    'an encoded dot alone': get('/a/%2e'),
    'dots between encoded slashes': get('/public%2f..%2Fadmin'),
    'dots and slashes, all encoded': get('/public%2F%2e%2e%2fadmin'),
    'dots between backslashes': get('/public\\..\\admin'),
    'dots between encoded backslashes': get('/public%5c..%5Cadmin'),
    'dots with a parameter, which some upstreams leave out': get('/public/..;/admin'),
    'a dot with a parameter': get('/public/.;a=b/admin'),
  }),
  ...bad('badLength', {
    'two lengths': post('Content-Length: 5', 'Content-Length: 6'),
    'the same length twice': post('Content-Length: 5', 'Content-Length: 5'),
    'a list of lengths': post('Content-Length: 5, 5'),
    'a negative length': post('Content-Length: -1'),
    'a length with a sign': post('Content-Length: +5'),
    'a length with a fraction': post('Content-Length: 5.0'),
    'a hexadecimal length': post('Content-Length: 0x5'),
    'no length': post('Content-Length:'),
    'a length with a space in it': post('Content-Length: 1 2'),
    'a length beyond 2^53 - 1': post('Content-Length: 9007199254740992'),
    'a length that a number would round down': post('Content-Length: 9007199254740993'),
    'a length of 2^64 + 5': post('Content-Length: 18446744073709551621'),
    'two lengths in HTTP/1.0': head('POST / HTTP/1.0', 'Content-Length: 5', 'Content-Length: 5'),
  }),
  ...bad('badCoding', {
    'a length and a coding': post('Content-Length: 5', 'Transfer-Encoding: chunked'),
    'a coding and a length': post('Transfer-Encoding: chunked', 'Content-Length: 5'),
    'a length and an unknown coding': post('Content-Length: 5', 'Transfer-Encoding: x'),
    'a coding and an empty length': post('Transfer-Encoding: chunked', 'Content-Length:'),
    'two lines of codings': post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    'two lines, the second unknown': post('Transfer-Encoding: chunked', 'Transfer-Encoding: x'),
    'chunked before another coding': post('Transfer-Encoding: chunked, gzip'),
    'chunked twice': post('Transfer-Encoding: chunked, chunked'),
    'chunked twice around another coding': post('Transfer-Encoding: chunked, gzip, chunked'),
    'an empty member after chunked': post('Transfer-Encoding: chunked,'),
    'no coding': post('Transfer-Encoding:'),
    'an unknown coding alone': post('Transfer-Encoding: xchunked'),
    identity: post('Transfer-Encoding: identity'),
    'chunked written twice': post('Transfer-Encoding: chunkedchunked'),
    'chunked in quotes': post('Transfer-Encoding: "chunked"'),
    'chunked with a parameter': post('Transfer-Encoding: chunked;q=1'),
    'chunked with a tab behind it': post('Transfer-Encoding: chunked\t'),
    'chunked with a tab among the blanks behind it': post('Transfer-Encoding: chunked \t '),
    'chunked between no-break spaces': post('Transfer-Encoding: \xa0chunked\xa0'),
    'another coding, then chunked after a no-break space': post('Transfer-Encoding: a,\xa0chunked'),
    'a coding in HTTP/1.0': head('POST / HTTP/1.0', 'Transfer-Encoding: chunked'),
  }),
  ...bad('unknownCoding', {
    'an unknown coding under chunked': post('Transfer-Encoding: gzip, chunked'),
    'an empty member before chunked': post('Transfer-Encoding: ,chunked'),
    'two unknown codings under chunked': post('Transfer-Encoding: a,b ,\tChunked'),
  }),
  ...bad('expectation', {
    'an unknown expectation': post('Content-Length: 5', 'Expect: 200-ok'),
    'words before the expectation': post('Content-Length: 5', 'Expect: y 100-continue'),
    'the expectation twice': post('Expect: 100-continue', 'Expect: 100-continue'),
    'an empty expectation': post('Expect:'),
  }),
  ...bad('upgradeWithBody', {
    'an upgrade with a length': post(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Content-Length: 4',
    ),
    'an upgrade with an empty body': post(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Content-Length: 0',
    ),
    'an upgrade with chunks': withLines(
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Transfer-Encoding: chunked',
    ),
  }),
]

describe('a bad head is refused', () => {
  const reused = new RequestHead(LIMITS)

  test.for(BAD)('$fault: $name', ({ text, fault }) => {
    const bytes = latin1(text)
    expect(requestVerdict(reused, bytes)).toBe(fault)
    const verdicts = cuts(text, (cut) => requestVerdict(reused, cut))
    expect(verdicts).toSatisfy(isRefusedOnce)
  })
})

test.for([
  { length: 100, bodyBytes: 100, verdict: 'accepted' },
  { length: 101, bodyBytes: 100, verdict: 'bodyTooLarge' },
  { length: 101, bodyBytes: 0, verdict: 'accepted' },
])(
  '$length bytes of content at a limit of $bodyBytes: $verdict',
  ({ length, bodyBytes, verdict }) => {
    const parsed = new RequestHead({ ...LIMITS, bodyBytes })
    expect(requestVerdict(parsed, latin1(post(`Content-Length: ${length}`)))).toBe(verdict)
  },
)
