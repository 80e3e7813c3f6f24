/**
 * Regular expressions that cannot be made to run for long: RE2's, which need time in proportion to the value. Hot.
 *
 * Of JavaScript's own, one of `(a+)+$` and 40 letters stall a thread for minutes; to take a subset of them alone was rejected,
 * since it refuses what people write. Only what is plainly simple is theirs (`simple-pattern.ts`). Linear is not yet fast:
 * where RE2 has to follow all threads of a program at once, each byte costs 50 to 90 ns for each of its steps, so both are
 * bounded: 10 ms at the very worst, for an expression written to be slow; 0.6 to 0.9 µs for those that people write
 * (bench/micro/rules.bench.ts).
 */

import { RE2JS, RE2JSException } from 're2js'
import { simplePattern } from './simple-pattern.ts'

/** Characters of an expression. */
export const PATTERN_LENGTH = 256
/** Steps of its program: about a character each, repetitions written out. */
export const PROGRAM_LENGTH = 128
/** Of all expressions of a route together. */
export const ROUTE_PROGRAM_LENGTH = 1_024
/** Characters of a value; a longer one cannot be looked at. */
export const SUBJECT_LENGTH = 1024

/** What cannot be compiled; the message follows the expression in a sentence. */
export class PatternError extends Error {}

export interface Pattern {
  /** Steps of RE2's program. */
  readonly stepCount: number
  /** Whether it is found in the text, which has at most `SUBJECT_LENGTH` characters. */
  test(text: string): boolean
}

/** Throws `PatternError`. */
export function compilePattern(source: string, ignoresCase: boolean): Pattern {
  if (source.length > PATTERN_LENGTH) {
    throw new PatternError(
      `has ${source.length} characters; at most ${PATTERN_LENGTH} are possible`,
    )
  }
  const pattern = compile(source, ignoresCase ? RE2JS.CASE_INSENSITIVE : 0)
  const stepCount = pattern.programSize()
  if (stepCount > PROGRAM_LENGTH) {
    throw new PatternError(
      `makes a program of ${stepCount} steps; at most ${PROGRAM_LENGTH} are possible, write shorter repetitions`,
    )
  }
  const simple = ignoresCase ? null : simplePattern(source)
  return { stepCount, test: (text) => (simple ?? pattern).test(text) }
}

function compile(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    const isPerl = /\(\?[=!<]|\\[1-9]/.test(source)
    const reason = error.message.replace(/^error parsing regexp: /, '')
    const advice = isPerl ? '; look-around and back references take unbounded time' : ''
    throw new PatternError(`is not a regular expression of RE2: ${reason}${advice}`)
  }
}
