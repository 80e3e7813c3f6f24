/**
 * Text off the wire: UTF-8 bytes in a latin1 string, one character a byte. Hot.
 *
 * Values are compared as bytes, which for UTF-8 is the same as comparing the text, so that nothing is decoded that
 * is not needed. What is ASCII, and nearly all is, costs one look.
 */

import { utf8 } from '../bucket.ts'

const NON_ASCII = /[^\0-\x7f]/

export function isAscii(bytes: string): boolean {
  return !NON_ASCII.test(bytes)
}

/** Returns the text that the bytes are; what is not UTF-8 becomes U+FFFD. */
export function decoded(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Returns the text's bytes. */
export function encoded(text: string): string {
  return isAscii(text) ? text : utf8(text)
}

/** Returns the bytes of the text in lower case, by Unicode's rules for all languages. */
export function folded(bytes: string): string {
  return isAscii(bytes) ? bytes.toLowerCase() : utf8(decoded(bytes).toLowerCase())
}
