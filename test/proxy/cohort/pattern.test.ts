import { describe, expect, test } from 'vitest'
import {
  compilePattern,
  PATTERN_LENGTH,
  PatternError,
  PROGRAM_LENGTH,
  SUBJECT_LENGTH,
} from '../../../src/proxy/cohort/pattern.ts'

/** What stalls engines that try one way after the other, each with a value on which they do. */
const SLOW_ELSEWHERE = [
  ['(a+)+$', `${'a'.repeat(SUBJECT_LENGTH - 1)}b`],
  ['(a|a)*b', 'a'.repeat(SUBJECT_LENGTH)],
  ['(.*)*x(.*)*y', 'x'.repeat(SUBJECT_LENGTH)],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(SUBJECT_LENGTH)],
  ['(?i)[ab]*a[ab]{100}c', 'ab'.repeat(SUBJECT_LENGTH / 2)],
  [String.raw`(?:\pL{9}){12}\d`, 'é'.repeat(SUBJECT_LENGTH)],
] as const

test.for(SLOW_ELSEWHERE)('%s does not stall', ([source, value]) => {
  const pattern = compilePattern(source, false)
  pattern.test(value)
  const startMs = performance.now()
  for (let i = 0; i < 10; i++) pattern.test(value)
  // Ten times on a machine that does other things as well; elsewhere they take minutes or years.
  expect(performance.now() - startMs).toBeLessThan(1_000)
})

describe('an expression is refused', () => {
  test.for([
    ['that looks ahead', '(?=a)b', /look-around and back references take unbounded time/],
    ['that looks back', '(?<=a)b', /look-around/],
    ['that refers back', String.raw`(a)\1`, /back references/],
    ['that is not whole', '(a', /is not a regular expression of RE2: missing closing \)/],
    ['whose repetitions are large', '(a{100}){100}', /invalid repeat count/],
    ['whose program is large', '.{129}', /makes a program of \d+ steps; at most 128/],
    ['that is long', 'a'.repeat(PATTERN_LENGTH + 1), /has 257 characters; at most 256/],
  ] as const)('%s', ([, source, message]) => {
    expect(() => compilePattern(source, false)).toThrow(PatternError)
    expect(() => compilePattern(source, false)).toThrow(message)
  })
})

test('an expression of the greatest size is taken', () => {
  expect(compilePattern(`a{${PROGRAM_LENGTH - 4}}`, false).test('a'.repeat(200))).toBe(true)
})

test('an expression is found anywhere, unless it is anchored', () => {
  expect(compilePattern('bc', false).test('abcd')).toBe(true)
  expect(compilePattern('^bc', false).test('abcd')).toBe(false)
  expect(compilePattern('^ABCD$', true).test('abcd')).toBe(true)
  expect(compilePattern('^é$', true).test('É')).toBe(true)
})
