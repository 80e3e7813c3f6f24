/**
 * A request line, byte by byte: `METHOD SP target SP HTTP/1.x CRLF` (RFC 9112 section 3) and nothing like it. Hot.
 *
 * What it finds are offsets; what the method and the target mean is for `request-head.ts`.
 */

import type { RequestFault } from '../failure.ts'
import { BYTE_CLASS, startsWith } from './fields.ts'

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const DOT = 0x2e
const ZERO = 0x30
/** Longer than any method that is served. */
const METHOD_BYTES = 32
const VERSION_BYTES = 'HTTP/1.1'.length
const VERSION_START = Buffer.from('HTTP/')
const VERSION_PREFIX = /^(?:H(?:T(?:T(?:P(?:\/(?:\d(?:\.(?:\d\r?)?)?)?)?)?)?)?)?$/

/** The last line that was parsed. Offsets count from the start of the bytes given. */
export class RequestLine {
  methodEnd = 0
  /** One after `methodEnd`. */
  targetStart = 0
  targetEnd = 0
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minorVersion = 1
  /** Why it was refused; set when `parse` returns -1. */
  fault: RequestFault = 'malformed'
  readonly #headBytes: number

  /** `headBytes`: the largest head taken, to which a target alone may not add up. */
  constructor(headBytes: number) {
    this.#headBytes = headBytes
  }

  /** Returns the position after the line, 0 when it is not whole, or -1 with `fault` set. */
  parse(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && BYTE_CLASS[bytes[at]!] === 1) at++
    if (at - start > METHOD_BYTES) return this.#refuse('malformed')
    if (at === end) return 0
    if (bytes[at] !== SPACE || at === start) return this.#refuse('malformed')
    this.methodEnd = at
    at++

    this.targetStart = at
    while (at < end && isTargetByte(bytes[at]!)) at++
    if (at - this.targetStart > this.#headBytes) return this.#refuse('targetTooLong')
    if (at === end) return at - start < this.#headBytes ? 0 : this.#refuse('targetTooLong')
    if (bytes[at] !== SPACE || at === this.targetStart) return this.#refuse('malformed')
    this.targetEnd = at
    return this.#parseVersion(bytes, at + 1, end)
  }

  #parseVersion(bytes: Buffer, start: number, end: number): number {
    const lineEnd = start + VERSION_BYTES
    if (lineEnd + 2 > end) {
      const rest = bytes.toString('latin1', start, end)
      return VERSION_PREFIX.test(rest) ? 0 : this.#refuse('malformed')
    }
    if (bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) return this.#refuse('malformed')
    const major = bytes[lineEnd - 3]! - ZERO
    const minor = bytes[lineEnd - 1]! - ZERO
    const isVersion =
      startsWith(bytes, start, VERSION_START) &&
      bytes[lineEnd - 2] === DOT &&
      isDigit(major) &&
      isDigit(minor)
    if (!isVersion) return this.#refuse('malformed')
    if (major !== 1 || minor > 1) return this.#refuse('version')
    this.minorVersion = minor
    return lineEnd + 2
  }

  #refuse(fault: RequestFault): -1 {
    this.fault = fault
    return -1
  }
}

/** Visible ASCII. What is not a URI character (`"`, `<`, `|`) is sent by clients all the same and misleads nobody. */
function isTargetByte(byte: number): boolean {
  return byte > SPACE && byte < 0x7f
}

function isDigit(number: number): boolean {
  return number >= 0 && number <= 9
}
