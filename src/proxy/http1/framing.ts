/** How messages are delimited (RFC 9112 section 6): the kinds of bodies, lengths as numbers, codings. */

import { listMembers } from '../headers.ts'

export const NO_BODY = 0
export const BY_LENGTH = 1
export const CHUNKED = 2
/** Responses only: the body ends with the connection. */
export const UNTIL_CLOSE = 3

/** Digits of 2^53 - 1. */
const DIGIT_LIMIT = 16

/** Returns a whole number up to 2^53 - 1 written in at most 16 digits and nothing else, or -1. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || end - start > DIGIT_LIMIT) return -1
  let number = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number > Number.MAX_SAFE_INTEGER ? -1 : number
}

/**
 * Whether the last coding of a list is `chunked` and no other is. Where it is not, nobody knows where the body ends
 * (RFC 9112 section 6.3).
 */
export function endsInChunked(codings: string): boolean {
  const members = listMembers(codings)
  return members.indexOf('chunked') === members.length - 1
}
