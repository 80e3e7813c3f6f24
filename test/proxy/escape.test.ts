import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { asciiJson, bounded, escaped } from '../../src/proxy/escape.ts'

const PRINTABLE = /^[\x20-\x7e]*$/
const latin1Text = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes).toString('latin1'))
const anyText = fc.string({ unit: 'binary', maxLength: 300 })

test.for([
  ['plain text', 'GET /a', 'GET /a'],
  ['quotes and backslashes', String.raw`a"b\c`, String.raw`a\"b\\c`],
  ['line ends', 'a\r\nb', String.raw`a\r\nb`],
  ['NUL, escape and delete', '\0\x1b[31m\x7f', String.raw`\u0000\u001b[31m\u007f`],
  ['bytes beyond ASCII, one by one', 'Ã¼\x85', String.raw`\u00c3\u00bc\u0085`],
  ['the line separators of Unicode', '\u2028', String.raw`\u2028`],
  ['nothing', '', ''],
] as const)('%s', ([, text, expected]) => {
  expect(escaped(text, 200)).toBe(expected)
})

test('what is longer than the limit ends in dots, and what is as long does not', () => {
  expect(bounded('a'.repeat(10), 10)).toBe('a'.repeat(10))
  expect(bounded('a'.repeat(11), 10)).toBe('aaaaaaa...')
})

test('any bytes come out as printable ASCII that reads back as those bytes', () => {
  fc.assert(
    fc.property(latin1Text, (text) => {
      const out = escaped(text, 300)
      expect(out).toMatch(PRINTABLE)
      expect(JSON.parse(`"${out}"`)).toBe(text)
    }),
  )
})

test('so does any text, half surrogates too, in keys as in values', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const out = asciiJson({ [`key ${text}`]: text })
      expect(out).toMatch(PRINTABLE)
      expect(JSON.parse(out)).toEqual({ [`key ${text}`]: text })
    }),
  )
})

test('no more is escaped than the limit lets in', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 3, max: 50 }), (text, limit) => {
      const read: string = JSON.parse(`"${escaped(text, limit)}"`)
      expect(read.length).toBe(Math.min(text.length, limit))
      if (text.length > limit) expect(read).toBe(`${text.slice(0, limit - 3)}...`)
    }),
  )
})
