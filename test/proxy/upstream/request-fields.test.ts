import { expect, test } from 'vitest'
import { BY_LENGTH, CHUNKED, NO_BODY } from '../../../src/proxy/http1/framing.ts'
import { acceptLine, requestFields } from '../../../src/proxy/upstream/request-fields.ts'
import type { OutgoingRequest } from '../../../src/proxy/upstream/upstream.ts'

const GET: OutgoingRequest = {
  method: 'GET',
  target: '/a?b=c',
  lines: 'Host: a.example\r\n',
  bodyKind: NO_BODY,
  contentLength: 0,
  isUpgrade: false,
  takesTrailers: false,
  isRequestDone: true,
}

const PSEUDO = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/a?b=c'],
  [':authority', 'a.example'],
]

function fieldsOf(changes: Partial<OutgoingRequest>): unknown {
  const fields = requestFields({ ...GET, ...changes }, 'https')
  return Array.from({ length: fields.length / 2 }, (_, i) => fields.slice(2 * i, 2 * i + 2))
}

test('the host is the authority, wherever it stands among the fields', () => {
  expect(fieldsOf({})).toEqual(PSEUDO)
  expect(fieldsOf({ lines: 'A: b\r\nhost:  a.example \r\nC:d\r\n' })).toEqual([
    ...PSEUDO,
    ['a', 'b'],
    ['c', 'd'],
  ])
})

test('a request without a host has no authority', () => {
  const others = PSEUDO.slice(0, 3)
  expect(fieldsOf({ lines: '' })).toEqual(others)
  expect(fieldsOf({ lines: 'host: \r\na: b\r\n' })).toEqual([...others, ['a', 'b']])
})

test.for([
  [{ bodyKind: BY_LENGTH, contentLength: 7 }, [['content-length', '7']]],
  [{ bodyKind: BY_LENGTH, contentLength: 0 }, [['content-length', '0']]],
  [{ bodyKind: CHUNKED, contentLength: 0 }, []],
  [{ takesTrailers: true }, [['te', 'trailers']]],
] as const)('%o', ([changes, added]) => {
  expect(fieldsOf(changes)).toEqual([...PSEUDO, ...added])
})

test('OPTIONS of the server as a whole', () => {
  expect(fieldsOf({ method: 'OPTIONS', target: '*' })).toContainEqual([':path', '*'])
})

test('an upgrade is an extended CONNECT without its key', () => {
  const lines = 'host: a.example\r\nSec-WebSocket-Key: x\r\nsec-websocket-version: 13\r\n'
  expect(fieldsOf({ isUpgrade: true, lines })).toEqual([
    [':protocol', 'websocket'],
    [':method', 'CONNECT'],
    ...PSEUDO.slice(1),
    ['sec-websocket-version', '13'],
  ])
})

test('the proof that the request was read is that of RFC 6455 section 1.3', () => {
  const lines = 'host: a.example\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  expect(acceptLine(lines)).toBe('sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n')
})

test('the key does not go along, whatever stands before it', () => {
  const lines = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost:\r\nA: b\r\n'
  expect(fieldsOf({ lines, isUpgrade: true })).not.toContainEqual([
    'sec-websocket-key',
    expect.anything(),
  ])
})

test('a value that is called like the key is none', () => {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  expect(acceptLine(`A: sec-websocket-key\r\n${key}`)).toBe(acceptLine(key))
})
