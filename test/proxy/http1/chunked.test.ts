/** The chunked coding: decodes to the same bytes however it is cut, and ends exactly where it ends. */

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ChunkedDecoder, OVERHEAD_LIMIT } from '../../../src/proxy/http1/chunked.ts'
import { latin1 } from './heads.ts'

interface Decoded {
  /** Where the body ended, -1 when it was refused, null when there is more to come. */
  readonly end: number | null
  readonly data: string
}

/** Decodes text that comes in pieces, which begin at these places. */
function decode(text: string, pieceStarts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder()
  const bytes = latin1(text)
  let data = ''
  const sink = {
    onChunkData(from: Buffer, start: number, end: number): void {
      data += from.toString('latin1', start, end)
    },
  }
  const bounds = [0, ...pieceStarts.toSorted((a, b) => a - b), bytes.length]
  for (let i = 1; i < bounds.length; i++) {
    const end = decoder.decode(bytes, bounds[i - 1]!, bounds[i]!, sink)
    if (end < 0 || decoder.isDone) return { end, data }
    if (end !== bounds[i]) throw new Error(`stopped at ${end} of ${bounds[i]}`)
  }
  return { end: null, data }
}

/** Every byte a piece of its own. */
function eachByte(text: string): readonly number[] {
  return Array.from({ length: text.length }, (_, i) => i)
}

const GOOD: Readonly<Record<string, readonly [text: string, data: string]>> = {
  'no data': ['0\r\n\r\n', ''],
  'one chunk': ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  'several chunks': ['5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n', 'hello world'],
  'sizes in either case': [
    'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n',
    '01234567890123456789',
  ],
  'sizes with leading zeros': ['005\r\nhello\r\n000\r\n\r\n', 'hello'],
  'data that looks like framing': ['7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n', '0\r\n\r\n5\r'],
  'any bytes': ['4\r\n\0\x7f\xff\n\r\n0\r\n\r\n', '\0\x7f\xff\n'],
  extensions: ['2;foo=bar;baz\r\nok\r\n0;x\r\n\r\n', 'ok'],
  'an extension in quotes': ['2;a="x;\\"\xe9"\r\nok\r\n0\r\n\r\n', 'ok'],
  'an extension behind one in quotes': ['2;a="";b=c;d="\t"\r\nok\r\n0;e\r\n\r\n', 'ok'],
  trailers: ['2\r\nok\r\n0\r\nX-Sum: abc\r\nEmpty:\r\nB:\xe9 \t\r\n\r\n', 'ok'],
  'trailers that would route in a head': ['2\r\nok\r\n0\r\nHost: evil\r\nUpgrade: x\r\n\r\n', 'ok'],
  'a trailer with nearly such a name': [
    '0\r\nX-Content-Length: 5\r\nContent-Length-X: 5\r\n\r\n',
    '',
  ],
}

describe('a good body', () => {
  test.for(Object.entries(GOOD))('%s', ([, [text, data]]) => {
    const whole = { end: text.length, data }
    expect(decode(text)).toEqual(whole)
    expect(decode(text, eachByte(text))).toEqual(whole)
    expect(decode(`${text}0\r\n\r\nGET / HTTP/1.1`)).toEqual(whole)
    for (let cut = 0; cut < text.length; cut++) {
      expect(decode(text, [cut])).toEqual(whole)
      expect(decode(text.slice(0, cut)).end).toBeNull()
    }
  })
})

const BAD: Readonly<Record<string, string>> = {
  'no size': '\r\n\r\n',
  'an extension for a size': ';a\r\n',
  'a sign': '+2\r\nok\r\n0\r\n\r\n',
  'a minus': '-2\r\nok\r\n0\r\n\r\n',
  'a prefix for hexadecimal': '0x2\r\nok\r\n0\r\n\r\n',
  'an underscore in a size': '1_0\r\n',
  'a size that is no number': 'Z\r\nZZ\r\nZZZ\r\n\r\n',
  'more after a size': '2zzz\r\nok\r\n0\r\n\r\n',
  'a space before a size': ' 2\r\nok\r\n0\r\n\r\n',
  'a space after a size, which the grammar allows before an extension': '2 \r\nok\r\n0\r\n\r\n',
  'a size of 2^52': '10000000000000\r\n',
  'a size of 2^64 + 2': '10000000000000002\r\nok\r\n0\r\n\r\n',
  'a size of many zeros': `${'0'.repeat(14)}\r\n\r\n`,
  'LF after a size': '2\nok\r\n0\r\n\r\n',
  'CR after a size': '2\rok\r\n0\r\n\r\n',
  'LF after an extension': '2;a\nok\r\n0\r\n\r\n',
  'CR in an extension': '2;a\rb\r\nok\r\n0\r\n\r\n',
  'a control byte in an extension': '2;a\x01\r\nok\r\n0\r\n\r\n',
  'an open quote at the end of a line': '2;a="x\r\nok\r\n0\r\n\r\n',
  'a line end in quotes': '2;x="\r\n"\r\nok\r\n0\r\n\r\n',
  'an escaped line end': '2;x="\\\r\n"\r\nok\r\n0\r\n\r\n',
  'a semicolon alone': '2;\r\nok\r\n0\r\n\r\n',
  'two semicolons': '2;;a\r\nok\r\n0\r\n\r\n',
  'a semicolon at the end': '2;a;\r\nok\r\n0\r\n\r\n',
  'an extension without a name': '2;=b\r\nok\r\n0\r\n\r\n',
  'an extension with an empty value': '2;a=\r\nok\r\n0\r\n\r\n',
  'a blank before an extension': '2; a\r\nok\r\n0\r\n\r\n',
  'a blank behind an extension': '2;a=b \r\nok\r\n0\r\n\r\n',
  'a blank in an extension': '2;a =b\r\nok\r\n0\r\n\r\n',
  'a tab in an extension': '2;a=\tb\r\nok\r\n0\r\n\r\n',
  'two words in an extension': '2;a=b c\r\nok\r\n0\r\n\r\n',
  'a quote in the name of an extension': '2;"a"\r\nok\r\n0\r\n\r\n',
  'a quote in the value of an extension': '2;a=b"c"\r\nok\r\n0\r\n\r\n',
  'more behind a quote': '2;a="b"c\r\nok\r\n0\r\n\r\n',
  'what is no token in an extension': '2;\xe9\r\nok\r\n0\r\n\r\n',
  'LF after data': '2\r\nok\n0\r\n\r\n',
  'CR after data': '2\r\nok\r0\r\n\r\n',
  'more data than the size': '2\r\noki\r\n0\r\n\r\n',
  'less data than the size': '3\r\nok\r\n0\r\n\r\n',
  'an empty line after data': '2\r\nok\r\n\r\n0\r\n\r\n',
  'LF at the end': '0\r\n\n',
  'CR at the end': '0\r\n\rGET / HTTP/1.1\r\n\r\n',
  'a trailer without a colon': '0\r\nX\r\n\r\n',
  'a trailer without a name': '0\r\n: x\r\n\r\n',
  'a trailer with a space before the colon': '0\r\nX : y\r\n\r\n',
  'a folded trailer': '0\r\nX: y\r\n z\r\n\r\n',
  'LF after a trailer': '0\r\nX: y\n\r\n',
  'CR in a trailer': '0\r\nX: y\rZ: a\r\n\r\n',
  'NUL in a trailer': '0\r\nX: \0\r\n\r\n',
  'a length in a trailer': '2\r\nok\r\n0\r\ncontent-LENGTH: 10\r\n\r\n',
  'a coding in a trailer': '0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n',
  'what becomes of the connection in a trailer': '0\r\nConnection: close\r\nX: y\r\n\r\n',
  'a request for a trailer': '0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
}

describe('a bad body is refused', () => {
  test.for(Object.entries(BAD))('%s', ([, text]) => {
    const whole = decode(text)
    expect(whole.end).toBe(-1)
    expect(decode(text, eachByte(text))).toEqual(whole)
    for (let cut = 0; cut < text.length; cut++) {
      expect(decode(text, [cut])).toEqual(whole)
      expect([null, -1]).toContain(decode(text.slice(0, cut)).end)
    }
  })
})

describe('a chunk may be', () => {
  test.for([
    ['fffffffffffff', 2 ** 52 - 1],
    ['0000000000001', 1],
    ['100000000', 2 ** 32],
  ] as const)('%s bytes', ([size, bytes]) => {
    const decoder = new ChunkedDecoder()
    const seen: number[] = []
    const sink = {
      onChunkData: (_: Buffer, start: number, end: number): void => void seen.push(end - start),
    }
    const text = latin1(`${size}\r\n${'x'.repeat(100)}`)
    expect(decoder.decode(text, 0, text.length, sink)).toBe(bytes === 1 ? -1 : text.length)
    expect(seen).toEqual([Math.min(bytes, 100)])
  })
})

function trailer(bytes: number): string {
  return `0\r\nX:${'y'.repeat(bytes - 1)}\r\n\r\n`
}

function extension(bytes: number): string {
  return `1;${'y'.repeat(bytes)}\r\nx\r\n`
}

describe('overhead', () => {
  test('of trailers has a limit', () => {
    expect(decode(trailer(OVERHEAD_LIMIT)).end).toBeGreaterThan(0)
    expect(decode(trailer(OVERHEAD_LIMIT + 1)).end).toBe(-1)
  })

  test('of extensions has a limit', () => {
    expect(decode(extension(OVERHEAD_LIMIT)).end).toBeNull()
    expect(decode(extension(OVERHEAD_LIMIT + 1)).end).toBe(-1)
    expect(decode(extension(2_000).repeat(200)).end).toBe(-1)
  })

  test('is paid for by data, so that a body may go on for ever', () => {
    const chunk = `14;signature=0123456789\r\n${'x'.repeat(20)}\r\n`
    expect(decode(chunk.repeat(5_000)).end).toBeNull()
  })

  test('is not paid for in advance', () => {
    const data = `100000\r\n${'x'.repeat(0x100000)}\r\n`
    expect(decode(data + trailer(OVERHEAD_LIMIT)).end).toBeGreaterThan(0)
    expect(decode(data + trailer(OVERHEAD_LIMIT + 1)).end).toBe(-1)
  })

  test('of one body is not that of the next', () => {
    const decoder = new ChunkedDecoder()
    const bytes = latin1(trailer(OVERHEAD_LIMIT))
    const sink = { onChunkData: (): void => undefined }
    for (let i = 0; i < 3; i++) {
      decoder.reset()
      expect(decoder.decode(bytes, 0, bytes.length, sink)).toBe(bytes.length)
    }
  })
})

test('a decoder that is reset in the middle begins anew', () => {
  const decoder = new ChunkedDecoder()
  const sink = { onChunkData: (): void => undefined }
  const whole = latin1('5\r\nhello\r\n0\r\nX: y\r\n\r\n')
  for (let cut = 0; cut <= whole.length; cut++) {
    decoder.reset()
    decoder.decode(whole, 0, cut, sink)
    decoder.reset()
    expect(decoder.isDone).toBe(false)
    expect(decoder.decode(whole, 0, whole.length, sink)).toBe(whole.length)
    expect(decoder.isDone).toBe(true)
  }
})

const TOKEN_CHARS = "!#$%&'*+-.^_`|~09azAZ".split('')
const VALUE_CHARS = ' \t!"(),/:;<=>?@[\\]{}az09\x80\xff'.split('')
const tokens = fc.string({ unit: fc.constantFrom(...TOKEN_CHARS), minLength: 1, maxLength: 8 })
const values = fc.string({ unit: fc.constantFrom(...VALUE_CHARS), maxLength: 12 })
const quoted = values.map((value) => `"${value.replaceAll(/["\\]/g, (char) => `\\${char}`)}"`)
const extensions = fc
  .array(fc.tuple(tokens, fc.oneof(tokens, quoted, fc.constant(null))), { maxLength: 3 })
  .map((list) =>
    list.map(([name, value]) => `;${name}${value === null ? '' : `=${value}`}`).join(''),
  )
const data = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'))

const chunks = fc
  .record({ data, extensions, zeros: fc.integer({ min: 0, max: 4 }), isUpper: fc.boolean() })
  .filter((chunk) => chunk.data !== '')
  .map((chunk) => {
    const size = chunk.data.length.toString(16)
    const digits = '0'.repeat(chunk.zeros) + (chunk.isUpper ? size.toUpperCase() : size)
    return { data: chunk.data, text: `${digits}${chunk.extensions}\r\n${chunk.data}\r\n` }
  })

const bodies = fc
  .record({
    chunks: fc.array(chunks, { maxLength: 6 }),
    lastExtensions: extensions,
    trailers: fc.array(fc.tuple(tokens, values), { maxLength: 3 }),
  })
  .map((body) => {
    const trailers = body.trailers.map(([name, value]) => `${name}:${value}\r\n`).join('')
    return {
      data: body.chunks.map((chunk) => chunk.data).join(''),
      text: `${body.chunks.map((chunk) => chunk.text).join('')}0${body.lastExtensions}\r\n${trailers}\r\n`,
    }
  })

test('any data in any chunks, cut anywhere, is the same data', () => {
  fc.assert(
    fc.property(bodies, fc.array(fc.nat()), data, (body, places, after) => {
      const cutsIn = places.map((place) => place % (body.text.length + 1))
      expect(decode(body.text + after, cutsIn)).toEqual({ end: body.text.length, data: body.data })
    }),
    { numRuns: 2_000 },
  )
})

test('any bytes, cut anywhere, come to the same end', () => {
  const framing = fc.constantFrom('0', '1', 'a', ';', '"', '\\', '\r\n', '\r', '\n', ':', 'X', ' ')
  const pieces = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: framing },
      bodies.map((b) => b.text),
    ),
  )
  fc.assert(
    fc.property(pieces, fc.array(fc.nat()), (parts, places) => {
      const text = parts.join('')
      const cutsIn = places.map((place) => place % (text.length + 1))
      expect(decode(text, cutsIn)).toEqual(decode(text))
    }),
    { numRuns: 2_000 },
  )
})
