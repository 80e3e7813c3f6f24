/** Malformed fields are found in header blocks, however they are coded. */

import { expect, test } from 'vitest'
import { FieldCheck, SOUND, UNREADABLE, UNSOUND } from '../../../src/proxy/http2/field-check.ts'
import { decodeHuffman } from '../../../src/proxy/http2/huffman.ts'

const ADDED = 0x40
const NOT_ADDED = 0x00

function string(text: string): Buffer {
  return Buffer.from(String.fromCharCode(text.length) + text, 'latin1')
}

function literal(name: string, value: string, kind = NOT_ADDED): Buffer {
  return Buffer.concat([Buffer.from([kind]), string(name), string(value)])
}

function check(...blocks: readonly Buffer[]): number[] {
  const fields = new FieldCheck()
  return blocks.map((block) => fields.read(block))
}

test.each([
  ['x-a', 'b', SOUND],
  ['x-a', '', SOUND],
  ['x-a', 'b\tc \xe9', SOUND],
  [':path', '/', SOUND],
  ['', 'b', UNSOUND],
  ['X-a', 'b', UNSOUND],
  ['x a', 'b', UNSOUND],
  ['x:a', 'b', UNSOUND],
  ['x\r\ny', 'b', UNSOUND],
  ['x-a', 'b\0c', UNSOUND],
  ['x-a', 'b\r\nc', UNSOUND],
  ['x-a', 'b\x7f', UNSOUND],
  ['x-a', ' b', UNSOUND],
  ['x-a', 'b\t', UNSOUND],
])('%j: %j', (name, value, expected) => {
  expect(check(literal(name, value))).toEqual([expected])
  expect(
    check(Buffer.concat([Buffer.from([0x82]), literal(name, value), Buffer.from([0x84])])),
  ).toEqual([expected])
})

test('a malformed field is found again when only its place in the table is sent', () => {
  const indexed = Buffer.from([0x80 | 62])
  const older = Buffer.from([0x80 | 63])
  expect(check(literal('x-a', 'b\0', ADDED), indexed)).toEqual([UNSOUND, UNSOUND])
  expect(check(literal('x-a', 'b', ADDED), indexed)).toEqual([SOUND, SOUND])
  const blocks = [literal('x a', 'b', ADDED), literal('x-b', 'c', ADDED), indexed, older]
  expect(check(...blocks)).toEqual([UNSOUND, SOUND, SOUND, UNSOUND])
})

test('a malformed name is found again with another value', () => {
  const named = Buffer.concat([Buffer.from([0x0f, 62 - 15]), string('c')])
  expect(check(literal('x a', 'b', ADDED), named)).toEqual([UNSOUND, UNSOUND])
  expect(check(literal('x-a', 'b\0', ADDED), named)).toEqual([UNSOUND, SOUND])
})

test('the table forgets as it should', () => {
  const empty = Buffer.from([0x20])
  expect(check(literal('x-a', 'b', ADDED), empty, Buffer.from([0x80 | 62]))).toEqual([
    SOUND,
    SOUND,
    UNREADABLE,
  ])
})

test('what is no header block is unreadable', () => {
  expect(check(Buffer.from([0x80 | 62]))).toEqual([UNREADABLE])
  expect(check(Buffer.from([0x00, 5, 0x61]))).toEqual([UNREADABLE])
  expect(check(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).toEqual([UNREADABLE])
})

test('Huffman code is read as in RFC 7541 appendix C.4', () => {
  const to = new Uint8Array(64)
  const decoded = (hex: string): string => {
    const bytes = Buffer.from(hex, 'hex')
    const count = decodeHuffman(bytes, { start: 0, end: bytes.length, to })
    return Buffer.from(to.subarray(0, count)).toString('latin1')
  }
  expect(decoded('f1e3c2e5f23a6ba0ab90f4ff')).toBe('www.example.com')
  expect(decoded('25a849e95bb8e8b4bf')).toBe('custom-value')
  expect(decoded('d07abe941054d444a8200595040b8166e082a62d1bff')).toBe(
    'Mon, 21 Oct 2013 20:13:21 GMT',
  )
})

test('a malformed value is found in Huffman code', () => {
  // NUL is 13 bits: 1111111111000, then padding.
  const nul = Buffer.from([NOT_ADDED, 3, 0x78, 0x2d, 0x61, 0x82, 0xff, 0xc7])
  expect(check(nul)).toEqual([UNSOUND])
})
