/** Heads of HTTP/2 requests as HTTP/1.1: what they become, and what is refused. */

import { expect, test } from 'vitest'
import { RequestText, trailerText } from '../../../src/proxy/http2/request-text.ts'

const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'test']
const POST = [':method', 'POST', ...GET.slice(2)]
const CONNECT = [':method', 'CONNECT', ':protocol', 'websocket', ...GET.slice(2)]

/** Returns the text, or the fault. */
function textOf(raw: readonly string[], isWhole = true): string {
  const text = new RequestText()
  return text.read(raw, isWhole) ? text.text : text.fault
}

/** `GET` with one of its pseudo-header fields changed. */
function withPseudo(name: string, value: string): string[] {
  return GET.with(GET.indexOf(name) + 1, value)
}

function without(name: string): string[] {
  return GET.toSpliced(GET.indexOf(name), 2)
}

test.each<[string, string[], boolean, string]>([
  ['a plain request', GET, true, 'GET / HTTP/1.1\r\nhost: test\r\n\r\n'],
  [
    'fields in their order',
    [...GET, 'x-a', '1', 'x-b', '', 'x-a', '2'],
    true,
    'GET / HTTP/1.1\r\nhost: test\r\nx-a: 1\r\nx-b: \r\nx-a: 2\r\n\r\n',
  ],
  [
    'cookies in pieces as one',
    [...GET, 'cookie', 'a=1', 'x-a', '1', 'cookie', 'b=2'],
    true,
    'GET / HTTP/1.1\r\nhost: test\r\nx-a: 1\r\ncookie: a=1; b=2\r\n\r\n',
  ],
  [
    'a host that agrees with the authority',
    [...GET, 'host', 'TEST'],
    true,
    'GET / HTTP/1.1\r\nhost: test\r\n\r\n',
  ],
  [
    'a host in place of the authority',
    [...without(':authority'), 'host', 'other'],
    true,
    'GET / HTTP/1.1\r\nhost: other\r\n\r\n',
  ],
  [
    'content of unknown length',
    POST,
    false,
    'POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n',
  ],
  [
    'content of known length',
    [...POST, 'content-length', '5'],
    false,
    'POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 5\r\n\r\n',
  ],
  [
    'no content where some is expected',
    POST,
    true,
    'POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\n\r\n',
  ],
  [
    'te: trailers',
    [...GET, 'te', 'trailers'],
    true,
    'GET / HTTP/1.1\r\nhost: test\r\nte: trailers\r\n\r\n',
  ],
  [
    'the asterisk of OPTIONS',
    [':method', 'OPTIONS', ':scheme', 'http', ':path', '*', ':authority', 'test'],
    true,
    'OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n',
  ],
])('%s', (_name, raw, isWhole, expected) => {
  expect(textOf(raw, isWhole)).toBe(expected)
})

test('an extended CONNECT becomes an upgrade with a key of its own', () => {
  const first = textOf([...CONNECT, 'sec-websocket-version', '13', 'sec-websocket-key', 'x'], false)
  const expected =
    /^GET \/ HTTP\/1\.1\r\nhost: test\r\nsec-websocket-version: 13\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n\r\n$/
  expect(first).toMatch(expected)
  expect(textOf([...CONNECT, 'sec-websocket-version', '13'], false)).not.toBe(first)
})

test.each<[string, string[], string]>([
  ['no method', without(':method'), 'malformed'],
  ['no scheme', without(':scheme'), 'malformed'],
  ['no path', without(':path'), 'badTarget'],
  ['neither authority nor host', without(':authority'), 'badHost'],
  ['two methods', [':method', 'POST', ...GET], 'malformed'],
  ['two schemes', [':scheme', 'http', ...GET], 'malformed'],
  ['two paths', [':path', '/admin', ...GET], 'malformed'],
  ['two authorities', [':authority', 'evil', ...GET], 'malformed'],
  ['two protocols', [...CONNECT, ':protocol', 'websocket'], 'malformed'],
  ['an unknown pseudo-header field', [...GET, ':user', 'x'], 'malformed'],
  ['one of answers', [...GET, ':status', '200'], 'malformed'],
  ['one after a field', [...without(':path'), 'x-a', '1', ':path', '/'], 'malformed'],
  ['a line end in the method', withPseudo(':method', 'GET / HTTP/1.1\r\nx: '), 'malformed'],
  ['a space in the method', withPseudo(':method', 'GET /admin'), 'malformed'],
  ['an empty method', withPseudo(':method', ''), 'malformed'],
  ['CONNECT', [':method', 'CONNECT', ':authority', 'internal:22'], 'methodRefused'],
  ['another scheme', withPseudo(':scheme', 'http://evil/?x='), 'malformed'],
  ['an empty path', withPseudo(':path', ''), 'badTarget'],
  ['a space in the path', withPseudo(':path', '/x HTTP/1.1 y'), 'badTarget'],
  ['a line end in the path', withPseudo(':path', '/\r\nx: y'), 'badTarget'],
  ['bytes beyond ASCII in the path', withPseudo(':path', '/\xe9'), 'badTarget'],
  ['absolute form', withPseudo(':path', 'http://evil/'), 'badTarget'],
  ['a path without slash', withPseudo(':path', 'admin'), 'badTarget'],
  ['an asterisk without OPTIONS', withPseudo(':path', '*'), 'badTarget'],
  ['an empty authority', withPseudo(':authority', ''), 'badHost'],
  ['a space in the authority', withPseudo(':authority', 'a b'), 'badHost'],
  ['a line end in the authority', withPseudo(':authority', 'a\r\nx: y'), 'badHost'],
  ['a host that differs from the authority', [...GET, 'host', 'evil'], 'badHost'],
  ['two hosts', [...without(':authority'), 'host', 'a', 'host', 'a'], 'badHost'],
  ['upper case in a name', [...GET, 'X-A', '1'], 'malformed'],
  ['an empty name', [...GET, '', '1'], 'malformed'],
  ['a colon in a name', [...GET, 'x:a', '1'], 'malformed'],
  ['a space in a name', [...GET, 'x a', '1'], 'malformed'],
  ['a line end in a name', [...GET, 'x\r\ny', '1'], 'malformed'],
  ['CR in a value', [...GET, 'x-a', 'a\rb'], 'malformed'],
  ['LF in a value', [...GET, 'x-a', 'a\nb'], 'malformed'],
  ['NUL in a value', [...GET, 'x-a', 'a\0b'], 'malformed'],
  ['a blank before a value', [...GET, 'x-a', ' a'], 'malformed'],
  ['a blank after a value', [...GET, 'x-a', 'a\t'], 'malformed'],
  ['connection', [...GET, 'connection', 'x-a'], 'malformed'],
  ['keep-alive', [...GET, 'keep-alive', 'timeout=5'], 'malformed'],
  ['proxy-connection', [...GET, 'proxy-connection', 'close'], 'malformed'],
  ['transfer-encoding', [...GET, 'transfer-encoding', 'chunked'], 'malformed'],
  ['upgrade', [...GET, 'upgrade', 'websocket'], 'malformed'],
  ['te beyond trailers', [...GET, 'te', 'trailers, gzip'], 'malformed'],
  ['a protocol without CONNECT', [':protocol', 'websocket', ...GET], 'malformed'],
  ['an extended CONNECT that has ended', CONNECT, 'malformed'],
])('%s is refused', (_name, raw, fault) => {
  expect(textOf(raw)).toBe(fault)
})

test('an extended CONNECT to anything but WebSocket is refused, and one with a length', () => {
  expect(textOf([':protocol', 'connect-udp', ':method', 'CONNECT', ...GET.slice(2)], false)).toBe(
    'methodRefused',
  )
  expect(textOf([...CONNECT, 'content-length', '5'], false)).toBe('malformed')
})

test('nothing is left of a request when the next one is read', () => {
  const text = new RequestText()
  expect(text.read([...POST, 'host', 'test', 'cookie', 'a=1', 'content-length', '5'], false)).toBe(
    true,
  )
  expect(text.read(GET, true)).toBe(true)
  expect(text.text).toBe('GET / HTTP/1.1\r\nhost: test\r\n\r\n')
})

test('trailers are fields, or nothing', () => {
  expect(trailerText(['x-a', '1', 'x-b', '2'])).toBe('x-a: 1\r\nx-b: 2\r\n')
  expect(trailerText([':path', '/'])).toBe(null)
  expect(trailerText(['x-a', '1\r\nx-b: 2'])).toBe(null)
})
