/**
 * The words that the faults of a configuration have in common: what was found, and what was probably meant.
 */

import { nearest } from '../nearest.ts'
import { CodedError } from '../coded-error.ts'

/** Longer finds are shortened, so that the advice behind them is still seen. */
const QUOTED_LENGTH = 80

/** What a reader of the configuration throws; the message follows the place in the fault. */
export function refused(message: string): CodedError {
  return new CodedError('invalidConfig', message)
}

/** What was found, in quotes and on one line. */
export function quote(text: string): string {
  const short = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text
  return `"${short.replaceAll('\n', '\\n')}"`
}

/** What was found, as the end of «must be …, but …». */
export function describe(found: unknown): string {
  if (found === undefined || found === null) return 'is empty'
  if (typeof found === 'string') return `is ${quote(found)}`
  if (Array.isArray(found)) return 'is a list'
  return typeof found === 'object' ? 'is a map' : `is ${JSON.stringify(found)}`
}

/** The end of a sentence about a word that is not among the possible ones. */
export function didYouMean(word: string, words: readonly string[]): string {
  const short = word.slice(0, QUOTED_LENGTH)
  const near =
    nearest(short, words) ?? words.find((each) => each.length > 3 && short.startsWith(each))
  return near === undefined ? `possible: ${words.join(', ')}` : `did you mean "${near}"?`
}
