import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatSize, parseSize } from '../../../src/control/config/size.ts'

test.for([
  { text: '0', bytes: 0 },
  { text: '16384', bytes: 16_384 },
  { text: '16KiB', bytes: 16_384 },
  { text: '1MiB', bytes: 1_048_576 },
  { text: '2GiB', bytes: 2_147_483_648 },
  { text: '1TiB', bytes: 1_099_511_627_776 },
])('$text is $bytes bytes', ({ text, bytes }) => {
  expect(parseSize(text)).toBe(bytes)
})

test.for(['', 'KiB', '16KB', '16kib', '1.5MiB', '-1', '1 KiB', '0x10', '1e3'])(
  '"%s" is not a size',
  (text) => {
    expect(() => parseSize(text)).toThrow('is not a size')
  },
)

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 45 }), (bytes) => {
      expect(parseSize(formatSize(bytes))).toBe(bytes)
      expect(parseSize(formatSize(bytes * 1024))).toBe(bytes * 1024)
    }),
  )
})
