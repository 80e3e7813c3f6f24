/** Which field lines of a request go on to the upstream, and what is found among them. */

import { describe, expect, test } from 'vitest'
import { head, linesOf, parseRequest } from './heads.ts'

/** Returns the lines that go on, without the Host that every case has. */
function kept(...lines: readonly string[]): readonly string[] {
  const parsed = parseRequest(head('GET / HTTP/1.1', ...lines, 'Host: a'))
  return linesOf(parsed.keptLines(false)).filter((line) => line !== 'Host: a')
}

describe('left out are', () => {
  test.for([
    'Connection: keep-alive',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authenticate: Basic',
    'Proxy-Authorization: Basic eA==',
    'TE: trailers',
    'Trailer: X-Sum',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABk',
    'Content-Length: 0',
    'X-Sluice-Variant: canary',
    'X-Sluice-Rollout: r1',
    'X-Forwarded-For: 6.6.6.6',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'Forwarded: host=evil',
  ])('%s', (line) => {
    const [name = '', value = ''] = line.split(': ')
    expect(kept('A: 1', line, 'B: 2')).toEqual(['A: 1', 'B: 2'])
    expect(kept(`${name.toUpperCase()}:${value}`)).toEqual([])
    expect(kept(`${name.toLowerCase()}:\t${value}\t`)).toEqual([])
  })

  test.for([
    'Transfer_Encoding: chunked',
    'Content_Length: 5',
    'CONTENT_LENGTH: 5',
    'X_Forwarded_For: 6.6.6.6',
    'X-Forwarded_For: 6.6.6.6',
    'X_Sluice-Variant: canary',
    'Proxy_Authorization: x',
  ])('lookalikes that a CGI upstream takes for what they imitate: %s', (line) => {
    expect(kept('A: 1', line, 'B: 2')).toEqual(['A: 1', 'B: 2'])
  })
})

describe('what Connection names', () => {
  test('is left out, on every line and in any case', () => {
    const lines = [
      'X-Hop: 1',
      'A: 1',
      'Connection: x-hop',
      'B: 2',
      'CONNECTION: ,\tX-OTHER ,',
      'x-Other: 3',
    ]
    expect(kept(...lines, 'x-hop: 4')).toEqual(['A: 1', 'B: 2'])
  })

  test('is a whole name', () => {
    const lines = ['X-Hop-By: 1', 'X: 2', 'X-Hop\x60: 3']
    expect(kept('Connection: x-hop', ...lines)).toEqual(lines)
  })

  test('is not found around a no-break space', () => {
    expect(kept('Connection: x-hop\xa0', 'X-Hop: 1')).toEqual(['X-Hop: 1'])
  })

  test.for([
    'Cookie: a=1',
    'Authorization: Bearer x',
    'Via: 1.0 before',
    'Date: Sat, 21 Nov 2026 09:00:00 GMT',
    'X-Forwarded-Y: 80',
    'Content-Type: text/plain',
  ])('stays all the same where the message needs it: %s', (line) => {
    const name = line.slice(0, line.indexOf(':'))
    expect(kept(`Connection: close, ${name}`, line)).toEqual([line])
  })

  test('cannot be Host', () => {
    const parsed = parseRequest(head('GET / HTTP/1.1', 'Connection: close, Host', 'Host: a'))
    expect(parsed.keptLines(false)).toBe('Host: a\r\n')
  })

  test('cannot be what frames the body', () => {
    for (const framing of ['Content-Length: 43', 'Transfer-Encoding: chunked']) {
      const lines = ['Connection: Content-Length, Transfer-Encoding', framing, 'Host: a']
      const named = parseRequest(head('POST / HTTP/1.1', ...lines))
      const plain = parseRequest(head('POST / HTTP/1.1', ...lines.slice(1)))
      expect([named.bodyKind, named.contentLength]).toEqual([plain.bodyKind, plain.contentLength])
    }
  })

  test('may be thousands of names', () => {
    const names = Array.from({ length: 8_000 }, (_, i) => `n${i}`).join()
    const lines = Array.from({ length: 90 }, (_, i) => `X${i}: y`)
    const limits = { headBytes: 65_536, headerCount: 100, fieldBytes: 65_536 }
    const text = head('GET / HTTP/1.1', `Connection: ${names}, X7`, ...lines, 'Host: a')
    expect(linesOf(parseRequest(text, limits).keptLines(false))).toHaveLength(90)
  })
})

describe('cookies', () => {
  test('of one line stay where they are', () => {
    expect(kept('A: 1', 'cookie:a=1; b=2', 'B: 2')).toEqual(['A: 1', 'cookie:a=1; b=2', 'B: 2'])
  })

  test('of several lines become one line', () => {
    const lines = ['Cookie: a=1; b=2', 'A: 1', 'cookie:c=3 ', 'COOKIE: d=4']
    expect(kept(...lines)).toEqual(['A: 1', 'cookie: a=1; b=2; c=3; d=4'])
  })

  test('that are empty add nothing', () => {
    expect(kept('Cookie:', 'Cookie: a=1')).toEqual(['cookie: a=1'])
  })

  const several = parseRequest(
    head(
      'GET / HTTP/1.1',
      'Cookie: theme=dark; session=\xe4 b%20c ;empty=; flag; xsession=wrong;  spaced=1',
      'Host: a',
      'Cookie: session=second; quoted="q"; last=a=b',
    ),
  )

  test.for([
    { name: 'theme', value: 'dark' },
    { name: 'session', value: '\xe4 b%20c' },
    { name: 'empty', value: '' },
    { name: 'spaced', value: '1' },
    { name: 'quoted', value: '"q"' },
    { name: 'last', value: 'a=b' },
    { name: 'flag', value: null },
    { name: 'sess', value: null },
    { name: 'Session', value: null },
    { name: 'none', value: null },
  ])('$name is $value', ({ name, value }) => {
    expect(several.findCookie(name)).toBe(value)
  })

  test('are forgotten with the next request', () => {
    expect(parseRequest(head('GET / HTTP/1.1', 'Host: a')).findCookie('theme')).toBeNull()
  })
})

describe('a field is found', () => {
  const parsed = parseRequest(
    head('GET / HTTP/1.1', 'X-User: \xe4 1 ', 'Host: a', 'x-user: 2', 'X-Use: 3', 'X-Empty:'),
  )

  test.for([
    { name: 'x-user', value: '\xe4 1' },
    { name: 'x-use', value: '3' },
    { name: 'x-empty', value: '' },
    { name: 'host', value: 'a' },
    { name: 'x-none', value: null },
    { name: 'x-usex', value: null },
  ])('$name: $value', ({ name, value }) => {
    expect(parsed.find(name)).toBe(value)
  })
})
