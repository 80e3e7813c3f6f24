/** Answer heads one by one: what the good ones mean, and which ones are answered for with 502. */

import { describe, expect, test } from 'vitest'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../../src/proxy/http1/framing.ts'
import { ResponseHead } from '../../../src/proxy/http1/response-head.ts'
import {
  cuts,
  head,
  isRefusedOnce,
  latin1,
  LIMITS,
  parseResponse,
  type ResponseMeaning,
  responseMeaning,
} from './heads.ts'

/** What `HTTP/1.1 200 OK` and an empty body mean; the cases name what is different. */
const PLAIN: ResponseMeaning = {
  status: 200,
  statusText: '200 OK',
  bodyKind: BY_LENGTH,
  contentLength: 0,
  isPersistent: true,
  hasDate: false,
  lines: [],
}

interface GoodCase {
  readonly name: string
  readonly text: string
  /** Of the request; a GET where it is left out. */
  readonly method?: string
  readonly means: Partial<ResponseMeaning>
}

const EMPTY = 'Content-Length: 0'
const NONE = { bodyKind: NO_BODY, contentLength: -1 } as const
const OPEN = { bodyKind: UNTIL_CLOSE, contentLength: -1 } as const

const GOOD: readonly GoodCase[] = [
  { name: 'an empty answer', text: head('HTTP/1.1 200 OK', EMPTY), means: {} },
  {
    name: 'an empty reason',
    text: head('HTTP/1.1 200 ', EMPTY),
    means: { statusText: '200 ' },
  },
  {
    name: 'no reason and no space before it; the space is ours to add',
    text: head('HTTP/1.1 200', EMPTY),
    means: { statusText: '200 ' },
  },
  {
    name: 'a reason of obs-text, blanks and punctuation',
    text: head('HTTP/1.1 404 \xe9t\xe9\t: <no>\xff ', EMPTY),
    means: { status: 404, statusText: '404 \xe9t\xe9\t: <no>\xff ' },
  },
  {
    name: 'the last status that there is',
    text: head('HTTP/1.1 599 X', EMPTY),
    means: { status: 599, statusText: '599 X' },
  },
  {
    name: 'fields as they were sent, obs-text and repeated ones too',
    text: head(
      'HTTP/1.1 200 OK',
      'Set-Cookie: a=1',
      'X: caf\xe9',
      EMPTY,
      'set-cookie:b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
    ),
    means: {
      lines: [
        'Set-Cookie: a=1',
        'X: caf\xe9',
        'set-cookie:b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT',
      ],
    },
  },
  {
    name: 'a date of its own',
    text: head('HTTP/1.1 200 OK', EMPTY, 'DATE: Sat, 21 Nov 2026 09:00:00 GMT'),
    means: { hasDate: true, lines: ['DATE: Sat, 21 Nov 2026 09:00:00 GMT'] },
  },
  {
    name: 'fields that mean something in requests only pass',
    text: head(
      'HTTP/1.1 200 OK',
      EMPTY,
      'Host: a',
      'Cookie: b',
      'Expect: c',
      'Forwarded: d',
      'Via: 1.1 e',
    ),
    means: { lines: ['Host: a', 'Cookie: b', 'Expect: c', 'Forwarded: d', 'Via: 1.1 e'] },
  },

  // how the body ends
  {
    name: 'a body of a known length',
    text: head('HTTP/1.1 200 OK', 'Content-Length: 0012'),
    means: { contentLength: 12 },
  },
  {
    name: 'chunked',
    text: head('HTTP/1.1 200 OK', 'Transfer-Encoding: Chunked'),
    means: { bodyKind: CHUNKED, contentLength: -1 },
  },
  {
    name: 'a body until the connection closes',
    text: head('HTTP/1.1 200 OK'),
    means: OPEN,
  },
  {
    name: 'a HEAD tells a length and has no body',
    method: 'HEAD',
    text: head('HTTP/1.1 200 OK', 'Content-Length: 12'),
    means: { bodyKind: NO_BODY, contentLength: 12 },
  },
  {
    name: 'a HEAD may tell no length',
    method: 'HEAD',
    text: head('HTTP/1.1 200 OK'),
    means: NONE,
  },
  {
    name: 'a HEAD may tell that a body would be chunked',
    method: 'HEAD',
    text: head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked'),
    means: NONE,
  },
  {
    name: 'a 304 tells a length and has no body',
    text: head('HTTP/1.1 304 Not Modified', 'Content-Length: 500', 'ETag: "x"'),
    means: {
      status: 304,
      statusText: '304 Not Modified',
      bodyKind: NO_BODY,
      contentLength: 500,
      lines: ['ETag: "x"'],
    },
  },
  {
    name: 'a 204 has no body and no length, whatever it says',
    text: head('HTTP/1.1 204 No Content', 'Content-Length: 5'),
    means: { ...NONE, status: 204, statusText: '204 No Content' },
  },
  {
    name: 'a 205 has the body that it says it has',
    text: head('HTTP/1.1 205 Reset Content', EMPTY),
    means: { status: 205, statusText: '205 Reset Content' },
  },
  {
    name: 'an interim answer has no body, whatever it says',
    text: head('HTTP/1.1 103 Early Hints', 'Link: </s.css>; rel=preload', 'Content-Length: 5'),
    means: {
      ...NONE,
      status: 103,
      statusText: '103 Early Hints',
      lines: ['Link: </s.css>; rel=preload'],
    },
  },
  {
    name: 'so has one without fields',
    text: head('HTTP/1.1 100 Continue'),
    means: { ...NONE, status: 100, statusText: '100 Continue' },
  },
  {
    name: 'an answer to CONNECT is like any other, since we send none',
    method: 'CONNECT',
    text: head('HTTP/1.1 200 OK', EMPTY),
    means: {},
  },

  // the connection
  {
    name: 'HTTP/1.0 closes',
    text: head('HTTP/1.0 200 OK', 'Content-Length: 2'),
    means: { contentLength: 2, isPersistent: false },
  },
  {
    name: 'HTTP/1.0 with keep-alive does not',
    text: head('HTTP/1.0 200 OK', EMPTY, 'Connection: Keep-Alive'),
    means: {},
  },
  {
    name: 'Connection: close',
    text: head('HTTP/1.1 200 OK', EMPTY, 'Connection: close'),
    means: { isPersistent: false },
  },
  {
    name: 'close outranks keep-alive, on whatever line',
    text: head('HTTP/1.1 200 OK', EMPTY, 'Connection: x,\tCLOSE ,', 'Connection: keep-alive'),
    means: { isPersistent: false },
  },
  {
    name: 'close is a whole member, without no-break spaces',
    text: head('HTTP/1.1 200 OK', EMPTY, 'Connection: closed, no-close, \xa0close'),
    means: {},
  },
  {
    name: 'hop-by-hop fields are left out',
    text: head(
      'HTTP/1.1 200 OK',
      'Keep-Alive: timeout=1',
      'Proxy-Authenticate: Basic',
      'Upgrade: h2c',
      'Server: x',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'Trailer: X-Sum',
      'Connection: keep-alive',
      'Vary: a',
      EMPTY,
    ),
    means: { lines: ['Server: x', 'Vary: a'] },
  },
  {
    name: 'so are those that Connection names',
    text: head(
      'HTTP/1.1 200 OK',
      'X-Internal: secret',
      'Connection: X-INTERNAL, close',
      'X-Kept: 1',
      EMPTY,
      'x-internal: 2',
    ),
    means: { isPersistent: false, lines: ['X-Kept: 1'] },
  },
  {
    name: 'Connection cannot name what the message needs',
    text: head(
      'HTTP/1.1 200 OK',
      'Connection: content-length, set-cookie, date, via',
      'Content-Length: 3',
      'Set-Cookie: a',
      'Date: b',
      'Via: c',
    ),
    means: { contentLength: 3, hasDate: true, lines: ['Set-Cookie: a', 'Date: b', 'Via: c'] },
  },
]

function verdict(
  parsed: ResponseHead,
  bytes: Buffer,
  method = 'GET',
): 'accepted' | 'more' | 'refused' {
  const end = parsed.parse(bytes, 0, bytes.length, method)
  if (end > 0) return 'accepted'
  return end === 0 ? 'more' : 'refused'
}

describe('a good head', () => {
  /** Used again for each case and each cut: nothing may be left over from the one before. */
  const reused = new ResponseHead(LIMITS.responseHeadBytes)

  test.for(GOOD)('$name', ({ text, method, means }) => {
    const bytes = latin1(text)
    const expected = { ...PLAIN, ...means }
    expect(responseMeaning(parseResponse(text, method))).toEqual(expected)
    const verdicts = cuts(text, (cut) => verdict(reused, cut, method))
    expect(new Set(verdicts)).toEqual(new Set(['more']))
    expect(verdict(reused, bytes, method)).toBe('accepted')
    expect(responseMeaning(reused)).toEqual(expected)
  })

  test.for(GOOD)('ends where it ends, wherever it stands: $name', ({ text, method, means }) => {
    const before = 'HTTP/1.1 500 Before'
    const bytes = latin1(`${before}${text}the body`)
    const end = before.length + text.length
    expect(reused.parse(bytes, before.length, bytes.length, method ?? 'GET')).toBe(end)
    expect(responseMeaning(reused)).toEqual({ ...PLAIN, ...means })
  })
})

function withFields(count: number): Buffer {
  return latin1(ok(...Array.from({ length: count }, () => 'a:')))
}

function ok(...lines: readonly string[]): string {
  return head('HTTP/1.1 200 OK', ...lines)
}

const BAD: Readonly<Record<string, string>> = {
  'no HTTP at all': 'hello world\r\n\r\n',
  'another protocol': head('ICY 200 OK', EMPTY),
  'HTTP/2 as text': head('HTTP/2 200 OK', EMPTY),
  'HTTP/2.0 as text': head('HTTP/2.0 200 OK', EMPTY),
  'HTTP/1.2': head('HTTP/1.2 200 OK', EMPTY),
  'HTTP/0.9': head('HTTP/0.9 200 OK', EMPTY),
  'a lower-case version': head('http/1.1 200 OK', EMPTY),
  'an empty line in front': `\r\n${ok(EMPTY)}`,
  'a space in front': ` ${ok(EMPTY)}`,
  'two spaces before the status': head('HTTP/1.1  200 OK', EMPTY),
  'a tab before the status': head('HTTP/1.1\t200 OK', EMPTY),
  'a tab after the status': head('HTTP/1.1 200\tOK', EMPTY),
  'no status': head('HTTP/1.1 OK', EMPTY),
  'a status of one digit': head('HTTP/1.1 2 OK', EMPTY),
  'a status of two digits': head('HTTP/1.1 20 OK', EMPTY),
  'a status of four digits': head('HTTP/1.1 2000 OK', EMPTY),
  'a status below 100': head('HTTP/1.1 099 Low', EMPTY),
  'a status of 000': head('HTTP/1.1 000 Nothing', EMPTY),
  'a status above 599': head('HTTP/1.1 600 High', EMPTY),
  'a status with a sign': head('HTTP/1.1 +20 OK', EMPTY),
  'a hexadecimal status': head('HTTP/1.1 2a0 OK', EMPTY),
  'CR in the reason': head('HTTP/1.1 200 OK\rX: 1', EMPTY),
  'NUL in the reason': head('HTTP/1.1 200 O\0K', EMPTY),
  'DEL in the reason': head('HTTP/1.1 200 O\x7fK', EMPTY),
  'LF after the status line': `HTTP/1.1 200 OK\n${EMPTY}\r\n\r\n`,
  'LF right after the status': `HTTP/1.1 200\n${EMPTY}\r\n\r\n`,
  'LF for line ends': `HTTP/1.1 200 OK\n${EMPTY}\n\n`,
  'LF for the last line end': `HTTP/1.1 200 OK\r\n${EMPTY}\r\n\n`,
  'CR for the last line end': `HTTP/1.1 200 OK\r\n${EMPTY}\r\n\rx\r\n\r\n`,
  'a folded value': ok('X: a', ' b', EMPTY),
  'a space before the colon': ok('X : a', EMPTY),
  'a space in a name': ok('X A: b', EMPTY),
  'an empty name': ok(': b', EMPTY),
  'no colon': ok('X', EMPTY),
  'CR in a value': ok('X: a\rY: b', EMPTY),
  'LF in a value': ok('X: a\nY: b', EMPTY),
  'NUL in a value': ok('X: a\0', EMPTY),
  'two lengths': ok('Content-Length: 2', 'Content-Length: 5'),
  'the same length twice': ok('Content-Length: 5', 'content-length: 5'),
  'a list of lengths': ok('Content-Length: 5, 5'),
  'a length that is no number': ok('Content-Length: abc'),
  'a negative length': ok('Content-Length: -1'),
  'an empty length': ok('Content-Length:'),
  'a length beyond 2^53 - 1': ok('Content-Length: 9007199254740992'),
  'a bad length where there is no body': head('HTTP/1.1 304 Not Modified', 'Content-Length: x'),
  'a bad length in an interim answer': head('HTTP/1.1 103 Early Hints', 'Content-Length: x'),
  'a length and a coding': ok('Content-Length: 5', 'Transfer-Encoding: chunked'),
  'a coding and a length': ok('Transfer-Encoding: chunked', 'Content-Length: 5'),
  'two lines of codings': ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  'another coding': ok('Transfer-Encoding: gzip'),
  'another coding under chunked': ok('Transfer-Encoding: gzip, chunked'),
  'chunked under another coding': ok('Transfer-Encoding: chunked, gzip'),
  identity: ok('Transfer-Encoding: identity'),
  'no coding': ok('Transfer-Encoding:'),
  'chunked with a tab behind it': ok('Transfer-Encoding: chunked\t'),
  'chunked with a tab among the blanks behind it': ok('Transfer-Encoding: chunked \t '),
  'an interim answer that ends the connection': head(
    'HTTP/1.1 103 Early Hints',
    'Connection: close',
  ),
  'an interim answer of HTTP/1.0': head('HTTP/1.0 100 Continue'),
  'chunked between no-break spaces': ok('Transfer-Encoding: \xa0chunked\xa0'),
  'a coding in HTTP/1.0': head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'),
  'a coding in HTTP/1.0 that keeps the connection': head(
    'HTTP/1.0 200 OK',
    'Connection: keep-alive',
    'Transfer-Encoding: chunked',
  ),
}

describe('a bad head is refused', () => {
  const reused = new ResponseHead(LIMITS.responseHeadBytes)

  test.for(Object.entries(BAD))('%s', ([, text]) => {
    for (const method of ['GET', 'HEAD']) {
      expect(verdict(reused, latin1(text), method)).toBe('refused')
      expect(reused.isTooLarge).toBe(false)
      const verdicts = cuts(text, (cut) => verdict(reused, cut, method))
      expect(verdicts).toSatisfy(isRefusedOnce)
    }
  })
})

describe('a head is too large', () => {
  const HEAD = ok('X: abcdefghij', EMPTY)

  /** Cut anywhere, and with a body behind it. */
  function verdicts(headBytes: number): ReadonlySet<string> {
    const bytes = latin1(`${HEAD}the body`)
    const found = new Set<string>()
    for (let cut = HEAD.length; cut <= bytes.length; cut++) {
      const parsed = new ResponseHead(headBytes)
      found.add(`${verdict(parsed, bytes.subarray(0, cut))} ${parsed.isTooLarge}`)
    }
    return found
  }

  test('one byte above the limit', () => {
    expect(verdicts(HEAD.length)).toEqual(new Set(['accepted false']))
    expect(verdicts(HEAD.length - 1)).toEqual(new Set(['refused true']))
  })

  test('when so many bytes have come and there are more to come', () => {
    const parsed = new ResponseHead(HEAD.length)
    const bytes = latin1(`HTTP/1.1 200 ${'x'.repeat(HEAD.length)}`)
    expect(verdict(parsed, bytes.subarray(0, HEAD.length - 1))).toBe('more')
    expect(verdict(parsed, bytes.subarray(0, HEAD.length))).toBe('refused')
    expect(parsed.isTooLarge).toBe(true)
  })

  test('with more than 200 fields', () => {
    const parsed = new ResponseHead(LIMITS.responseHeadBytes)
    expect(verdict(parsed, withFields(200))).toBe('accepted')
    expect(verdict(parsed, withFields(201))).toBe('refused')
    expect(parsed.isTooLarge).toBe(true)
    expect(verdict(parsed, withFields(200))).toBe('accepted')
    expect(parsed.isTooLarge).toBe(false)
  })
})
