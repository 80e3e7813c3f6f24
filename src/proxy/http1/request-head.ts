/**
 * A request's head: request line, header section, and what they mean for framing and connection. Hot.
 *
 * Strict by RFC 9110 and 9112: one Host, one canonical Content-Length or one `chunked`, never both; anything
 * in doubt is refused, since a second reader might decide otherwise. One reused `RequestHead` a thread
 * takes the result, so that a request allocates only the strings that go out again.
 */

import { METHODS } from '../../analyzer/tally.ts'
import type { RequestFault } from '../failure.ts'
import {
  CONNECTION,
  connectionSpecific,
  CONTENT_LENGTH,
  COOKIE,
  DROP,
  EXPECT,
  FORWARD,
  FORWARDED,
  HOST,
  TRANSFER_ENCODING,
  UPGRADE,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
} from '../headers.ts'
import type { Limits } from '../snapshot.ts'
import { BYTE_CLASS, Fields, INCOMPLETE, TOO_MANY } from './fields.ts'
import { isTargetSafe, isValidHost, splitAbsoluteForm } from './target.ts'

/** How a body is delimited. */
export const NO_BODY = 0
export const BY_LENGTH = 1
export const CHUNKED = 2
/** Responses only: the body ends with the connection. */
export const UNTIL_CLOSE = 3

/** Methods that are served; of those that the tally does not name, all count as its last name. */
const OTHER_METHODS = (
  'PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT ACL BIND REBIND UNBIND MKCALENDAR ' +
  'MKACTIVITY CHECKOUT MERGE LINK UNLINK PURGE NOTIFY SUBSCRIBE UNSUBSCRIBE QUERY'
).split(' ')
const METHOD_INDEX: ReadonlyMap<string, number> = new Map<string, number>([
  ...OTHER_METHODS.map((name) => [name, METHODS.length - 1] as const),
  ...METHODS.slice(0, -1).map((name, index) => [name, index] as const),
])
const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
])
/** Known, but a door to mischief in a reverse proxy. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])

const SPACE = 0x20
const CR = 0x0d
const LF = 0x0a
/** Longest method name looked for. */
const METHOD_BYTES = 32
const VERSION_BYTES = 'HTTP/1.1'.length
const VERSION_START = Buffer.from('HTTP/')

export class RequestHead {
  readonly fields: Fields
  readonly #limits: Limits
  /** Why the head was refused; set when `parse` returns -1. */
  fault: RequestFault = 'malformed'

  method = ''
  /** Place of the method in the tally's `METHODS`. */
  methodIndex = 0
  isIdempotent = false
  /** Origin form, or `*`. */
  target = ''
  /** As the client sent it, or the authority of an absolute target; may be empty. */
  host = ''
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minorVersion = 1
  bodyKind = NO_BODY
  /** Bytes, where `bodyKind` is `BY_LENGTH`. */
  contentLength = 0
  isPersistent = true
  expectsContinue = false
  isUpgrade = false

  /** The head as latin1; offsets in `fields` count from `#base`. */
  #text = ''
  #base = 0
  #fieldsStart = 0
  #methodBytes = 0
  #connection = ''
  #cookieCount = 0
  #isAbsolute = false
  #hasForwarding = false

  constructor(limits: Limits) {
    this.#limits = limits
    this.fields = new Fields(limits.headerCount)
  }

  /** Returns the position after the head, 0 when more bytes are needed, or -1 with `fault` set. */
  parse(bytes: Buffer, start: number, end: number): number {
    this.fault = 'malformed'
    let at = start
    while (at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) at += 2
    if (at === end || (at + 1 === end && bytes[at] === CR)) return this.#needMore(at - start)

    const lineEnd = this.#parseRequestLine(bytes, at, end)
    if (lineEnd === 0) return this.#needMore(end - start)
    if (lineEnd < 0) return -1

    const headEnd = this.fields.scan(bytes, lineEnd, end)
    if (headEnd === INCOMPLETE) return this.#needMore(end - start)
    if (headEnd < 0) return this.#refuse(headEnd === TOO_MANY ? 'headTooLarge' : 'malformed')
    if (headEnd - start > this.#limits.headBytes) return this.#refuse('headTooLarge')

    this.#base = at
    this.#fieldsStart = lineEnd - at
    this.#text = bytes.toString('latin1', at, headEnd)
    this.method = this.#text.slice(0, this.#methodBytes)
    const targetStart = this.#methodBytes + 1
    this.target = this.#text.slice(targetStart, this.#fieldsStart - VERSION_BYTES - 3)
    if (!this.#takeMethod()) return -1
    return this.#interpret(bytes) ? headEnd : -1
  }

  /** Returns the value of the first field of that lower-case name, or null. */
  find(name: string): string | null {
    const { fields } = this
    for (let i = 0; i < fields.count; i++) {
      const start = fields.offsets[4 * i]! - this.#base
      const end = fields.offsets[4 * i + 1]! - this.#base
      if (end - start !== name.length) continue
      if (this.#text.slice(start, end).toLowerCase() === name) return this.#value(i)
    }
    return null
  }

  /** Returns the value of the first cookie of that name, as it was sent, or null. */
  findCookie(name: string): string | null {
    if (this.#cookieCount === 0) return null
    const { fields } = this
    for (let i = 0; i < fields.count; i++) {
      if (fields.kinds[i] !== COOKIE) continue
      const value = cookieIn(this.#value(i), name)
      if (value !== null) return value
    }
    return null
  }

  /**
   * Returns the field lines that go on to the upstream: without hop-by-hop fields, framing and what Sluice
   * says itself; forwarding fields stay only for `findForwarded`'s use.
   */
  keptLines(): string {
    const { fields } = this
    const dropped = connectionSpecific(this.#connection)
    let lines = ''
    let runStart = this.#fieldsStart
    for (let i = 0; i < fields.count; i++) {
      if (this.#isKept(i, dropped)) continue
      const lineStart = fields.lineStart(i) - this.#base
      if (lineStart > runStart) lines += this.#text.slice(runStart, lineStart)
      runStart = fields.lineStart(i + 1) - this.#base
    }
    lines += this.#text.slice(runStart, fields.end - this.#base)
    if (this.#isAbsolute || (this.host === '' && this.minorVersion === 0)) {
      lines = `host: ${this.host}\r\n${lines}`
    }
    if (this.#cookieCount > 1) lines += `cookie: ${this.#joined(COOKIE, '; ')}\r\n`
    return lines
  }

  /** Whether the client sent any X-Forwarded-* or Forwarded field. */
  get hasForwarding(): boolean {
    return this.#hasForwarding
  }

  /** Returns the values of a forwarding field joined by commas; empty without one. */
  forwarding(kind: number): string {
    return this.#joined(kind, ', ')
  }

  #isKept(index: number, dropped: readonly string[]): boolean {
    const kind = this.fields.kinds[index]!
    if (kind === FORWARD) return dropped.length === 0 || !dropped.includes(this.#name(index))
    if (kind === HOST) return !this.#isAbsolute
    if (kind === COOKIE) return this.#cookieCount === 1
    if (kind === EXPECT) return this.expectsContinue
    return kind > FORWARDED
  }

  #name(index: number): string {
    const { offsets } = this.fields
    return this.#text
      .slice(offsets[4 * index]! - this.#base, offsets[4 * index + 1]! - this.#base)
      .toLowerCase()
  }

  #value(index: number): string {
    const { offsets } = this.fields
    return this.#text.slice(
      offsets[4 * index + 2]! - this.#base,
      offsets[4 * index + 3]! - this.#base,
    )
  }

  #joined(kind: number, separator: string): string {
    let joined = ''
    for (let i = 0; i < this.fields.count; i++) {
      if (this.fields.kinds[i] !== kind) continue
      joined += joined === '' ? this.#value(i) : separator + this.#value(i)
    }
    return joined
  }

  #refuse(fault: RequestFault): -1 {
    this.fault = fault
    return -1
  }

  #needMore(arrivedBytes: number): 0 | -1 {
    return arrivedBytes >= this.#limits.headBytes ? this.#refuse('headTooLarge') : 0
  }

  /** Returns the position after the line, 0 when it is not whole, -1 when it is refused. */
  #parseRequestLine(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && BYTE_CLASS[bytes[at]!] === 1) at++
    if (at - start > METHOD_BYTES) return this.#refuse('malformed')
    if (at === end) return 0
    if (bytes[at] !== SPACE || at === start) return this.#refuse('malformed')
    const methodEnd = at
    at++

    const targetStart = at
    while (at < end && isTargetByte(bytes[at]!)) at++
    if (at - targetStart > this.#limits.headBytes) return this.#refuse('targetTooLong')
    if (at === end) return end - start >= this.#limits.headBytes ? this.#refuse('targetTooLong') : 0
    if (bytes[at] !== SPACE || at === targetStart) return this.#refuse('malformed')
    const targetEnd = at
    at++

    const lineEnd = at + VERSION_BYTES
    if (lineEnd + 2 > end)
      return this.#isVersionPrefix(bytes, at, end) ? 0 : this.#refuse('malformed')
    if (bytes[lineEnd] !== CR || bytes[lineEnd + 1] !== LF) return this.#refuse('malformed')
    if (!startsWith(bytes, at, VERSION_START)) return this.#refuse('malformed')
    const major = bytes[lineEnd - 3]!
    const minor = bytes[lineEnd - 1]! - 0x30
    if (bytes[lineEnd - 2] !== 0x2e || !isDigit(major) || minor < 0 || minor > 9) {
      return this.#refuse('malformed')
    }
    if (major !== 0x31 || minor > 1) return this.#refuse('version')
    this.minorVersion = minor
    this.#methodBytes = methodEnd - start
    return lineEnd + 2
  }

  #isVersionPrefix(bytes: Buffer, start: number, end: number): boolean {
    return /^(?:H(?:T(?:T(?:P(?:\/(?:\d(?:\.(?:\d\r?)?)?)?)?)?)?)?)?$/.test(
      bytes.toString('latin1', start, end),
    )
  }

  #takeMethod(): boolean {
    const { method } = this
    const index = METHOD_INDEX.get(method)
    if (index === undefined) {
      this.fault = REFUSED_METHODS.has(method) ? 'methodRefused' : 'unknownMethod'
      return false
    }
    this.methodIndex = index
    this.isIdempotent = IDEMPOTENT.has(method)
    return true
  }

  /** One walk over the fields that mean something to us. */
  #interpret(bytes: Buffer): boolean {
    const { fields } = this
    let hostIndex = -1
    let lengthIndex = -1
    let codingIndex = -1
    let upgradeIndex = -1
    this.#connection = ''
    this.#cookieCount = 0
    this.#hasForwarding = false
    this.expectsContinue = false
    for (let i = 0; i < fields.count; i++) {
      switch (fields.kinds[i]) {
        case FORWARD:
        case DROP:
          break
        case HOST:
          if (hostIndex >= 0) return this.#fail('badHost')
          hostIndex = i
          break
        case CONTENT_LENGTH:
          if (lengthIndex >= 0) return this.#fail('badLength')
          lengthIndex = i
          break
        case TRANSFER_ENCODING:
          if (codingIndex >= 0) return this.#fail('badCoding')
          codingIndex = i
          break
        case CONNECTION:
          this.#connection += this.#connection === '' ? this.#value(i) : `,${this.#value(i)}`
          break
        case COOKIE:
          this.#cookieCount++
          break
        case EXPECT:
          if (this.expectsContinue || this.#value(i).toLowerCase() !== '100-continue')
            return this.#fail('expectation')
          this.expectsContinue = true
          break
        case UPGRADE:
          upgradeIndex = i
          break
        case X_FORWARDED_FOR:
        case X_FORWARDED_PROTO:
        case X_FORWARDED_HOST:
        case FORWARDED:
          this.#hasForwarding = true
          break
        default:
          break
      }
    }
    return (
      this.#takeFraming(bytes, lengthIndex, codingIndex) &&
      this.#takeTargetAndHost(hostIndex) &&
      this.#takeConnection(upgradeIndex)
    )
  }

  #fail(fault: RequestFault): false {
    this.fault = fault
    return false
  }

  #takeFraming(bytes: Buffer, lengthIndex: number, codingIndex: number): boolean {
    this.bodyKind = NO_BODY
    this.contentLength = 0
    if (codingIndex >= 0) {
      if (lengthIndex >= 0 || this.minorVersion === 0) return this.#fail('badCoding')
      const coding = this.#value(codingIndex).toLowerCase()
      if (coding === 'chunked') this.bodyKind = CHUNKED
      else
        return this.#fail(
          /(^|,)[ \t]*chunked[ \t]*(,|$)/.test(coding) ? 'badCoding' : 'unknownCoding',
        )
    } else if (lengthIndex >= 0) {
      const { offsets } = this.fields
      const length = parseDecimal(
        bytes,
        offsets[4 * lengthIndex + 2]!,
        offsets[4 * lengthIndex + 3]!,
      )
      if (length < 0) return this.#fail('badLength')
      const limit = this.#limits.bodyBytes
      if (limit > 0 && length > limit) return this.#fail('bodyTooLarge')
      if (length > 0 || this.method !== 'GET') this.bodyKind = BY_LENGTH
      this.contentLength = length
    }
    if (this.bodyKind === NO_BODY || this.minorVersion === 0) this.expectsContinue = false
    return true
  }

  #takeTargetAndHost(hostIndex: number): boolean {
    this.host = hostIndex < 0 ? '' : this.#value(hostIndex)
    if (hostIndex < 0 && this.minorVersion === 1) return this.#fail('badHost')
    if (this.host !== '' && !isValidHost(this.host)) return this.#fail('badHost')
    this.#isAbsolute = false
    if (this.target.charCodeAt(0) !== 0x2f) {
      if (this.target === '*') return this.method === 'OPTIONS' || this.#fail('badTarget')
      const absolute = splitAbsoluteForm(this.target)
      if (absolute === null) return this.#fail('badTarget')
      this.#isAbsolute = true
      this.host = absolute.host
      this.target = absolute.target
    }
    return isTargetSafe(this.target) || this.#fail('badTarget')
  }

  #takeConnection(upgradeIndex: number): boolean {
    this.isPersistent = this.minorVersion === 1
    this.isUpgrade = false
    if (this.#connection === '') return true
    const options = this.#connection.toLowerCase()
    if (options !== 'keep-alive' && options !== 'close') {
      return this.#takeConnectionOptions(options, upgradeIndex)
    }
    this.isPersistent = options === 'keep-alive'
    return true
  }

  #takeConnectionOptions(options: string, upgradeIndex: number): boolean {
    const names = options.split(',').map((name) => name.trim())
    if (names.includes('close')) this.isPersistent = false
    else if (names.includes('keep-alive')) this.isPersistent = true
    if (upgradeIndex >= 0 && names.includes('upgrade') && this.minorVersion === 1) {
      this.isUpgrade = this.#value(upgradeIndex).toLowerCase() === 'websocket'
    }
    if (this.isUpgrade && this.bodyKind !== NO_BODY) return this.#fail('upgradeWithBody')
    return true
  }
}

function isTargetByte(byte: number): boolean {
  return byte > SPACE && byte < 0x7f
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

/** Whether the bytes at `start` are the expected ones. */
export function startsWith(bytes: Uint8Array, start: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false
  return true
}

/** Returns a whole number up to 2^53 - 1 written in digits only, or -1. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (start === end || end - start > 16) return -1
  let number = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
  }
  return number > Number.MAX_SAFE_INTEGER ? -1 : number
}

/** Returns the value of the first cookie of that name in a Cookie field value, or null. */
export function cookieIn(cookies: string, name: string): string | null {
  let at = 0
  while (at < cookies.length) {
    const separator = cookies.indexOf(';', at)
    const end = separator < 0 ? cookies.length : separator
    if (cookies.startsWith(name, at) && cookies.charCodeAt(at + name.length) === 0x3d) {
      return cookies.slice(at + name.length + 1, end).trim()
    }
    at = end + 1
    while (cookies.charCodeAt(at) === SPACE) at++
  }
  return null
}
