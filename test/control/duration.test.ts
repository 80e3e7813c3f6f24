import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, MAX_DURATION_MS, parseDuration } from '../../src/control/duration.ts'

test.for([
  ['0', 0],
  ['0s', 0],
  ['250ms', 250],
  ['10s', 10_000],
  ['2m', 120_000],
  ['1h30m', 5_400_000],
  ['1m250ms', 60_250],
  ['1d', 86_400_000],
  ['90m', 5_400_000],
] as const)('%s is %d ms', ([text, durationMs]) => {
  expect(parseDuration(text)).toBe(durationMs)
})

test.for([
  ['', /is not a duration/],
  ['5', /"5" has no unit; write 5s for seconds, 5m for minutes/],
  ['2.5', /has no unit/],
  ['1.5h', /is not a duration/],
  ['30m1h', /is not a duration/],
  ['1h1h', /is not a duration/],
  ['-1s', /is not a duration/],
  ['1 h', /is not a duration/],
  ['10S', /is not a duration/],
  ['366d', /is longer than 365d/],
] as const)('"%s" is refused', ([text, message]) => {
  expect(() => parseDuration(text)).toThrow(message)
})

test('a written duration reads back as itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (durationMs) => {
      expect(parseDuration(formatDuration(durationMs))).toBe(durationMs)
    }),
  )
})
