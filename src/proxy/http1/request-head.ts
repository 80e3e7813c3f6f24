/**
 * A request's head: request line, header section, and what they mean for framing and connection. Hot.
 *
 * Strict by RFC 9110 and 9112: one Host, one canonical Content-Length or one `chunked`, never both; anything
 * in doubt is refused, since a second reader might decide otherwise. One reused `RequestHead` a thread
 * takes the result, so that a request allocates only the strings that go out again.
 */

import { cookieIn } from '../cookie.ts'
import type { RequestFault } from '../failure.ts'
import { isGrpcType } from '../grpc.ts'
import {
  CONNECTION,
  connectionSpecific,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  COOKIE,
  EXPECT,
  FORWARD,
  FORWARDED,
  HOST,
  listMembers,
  MAX_FORWARDS,
  SAID_BY_PROXY,
  TE,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
} from '../headers.ts'
import { isIdempotent, isRefused, methodIndex } from '../method.ts'
import type { Limits } from '../snapshot.ts'
import { Fields, INCOMPLETE, TOO_MANY } from './fields.ts'
import { BY_LENGTH, CHUNKED, endsInChunked, NO_BODY } from './framing.ts'
import { RequestLine } from './request-line.ts'
import { isTargetSafe, isValidHost, splitAbsoluteForm } from './target.ts'

const CR = 0x0d
const LF = 0x0a
const SLASH = 0x2f
/** A field that is not there. */
const NONE = -1

export class RequestHead {
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
  /** Whether the client waits for a 100 before it sends its content. */
  expectsContinue = false
  /** To WebSocket; other upgrades are left out as if they had not been asked for. */
  isUpgrade = false
  /** Whether the client sent any X-Forwarded-* or Forwarded field. */
  hasForwarding = false
  /** Whether it reads trailers (`te: trailers`). */
  takesTrailers = false
  /** Whether its content is gRPC. */
  isGrpc = false
  /** The values of all Via fields. */
  via = ''
  /** How many proxies an OPTIONS may still pass, 0 and up; -1 where it does not say. */
  maxForwards = NONE
  /** Whether it came as HTTP/2 and was written anew as HTTP/1.1; set after `parse` by whoever did that. */
  isHttp2 = false

  readonly #limits: Limits
  readonly #line: RequestLine
  readonly #fields: Fields
  /** The values of all Connection fields. */
  #connection = ''
  #cookieCount = 0
  #isAbsolute = false

  /** Where the fields stand that `#interpret` reads, or `NONE`. */
  #hostIndex = NONE
  #lengthIndex = NONE
  #codingIndex = NONE
  #upgradeIndex = NONE
  #upgradeCount = 0
  #forwardsIndex = NONE

  constructor(limits: Limits) {
    this.#limits = limits
    this.#line = new RequestLine(limits.headBytes)
    this.#fields = new Fields(limits.headerCount)
  }

  /** Returns the position after the head, 0 when more bytes are needed, or -1 with `fault` set. */
  parse(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (at + 1 < end && bytes[at] === CR && bytes[at + 1] === LF) at += 2
    if (at === end || (at + 1 === end && bytes[at] === CR)) return this.#needMore(end - start)

    const line = this.#line
    const lineEnd = line.parse(bytes, at, end)
    if (lineEnd === 0) return this.#needMore(end - start)
    if (lineEnd < 0) return this.#refuse(line.fault)

    const headEnd = this.#fields.scan(bytes, lineEnd, end)
    if (headEnd === INCOMPLETE) return this.#needMore(end - start)
    if (headEnd < 0) return this.#refuse(headEnd === TOO_MANY ? 'headTooLarge' : 'malformed')
    if (headEnd - start > this.#limits.headBytes) return this.#refuse('headTooLarge')

    const text = bytes.toString('latin1', at, headEnd)
    this.#fields.readFrom(text, at)
    this.method = text.slice(0, line.methodEnd - at)
    this.target = text.slice(line.targetStart - at, line.targetEnd - at)
    this.minorVersion = line.minorVersion
    return this.#interpret(bytes) ? headEnd : -1
  }

  /** Returns the value of the first field of that lower-case name, or null. */
  find(name: string): string | null {
    return this.#fields.find(name)
  }

  /** Returns the value of the first cookie of that name, as it was sent, or null. */
  findCookie(name: string): string | null {
    if (this.#cookieCount === 0) return null
    const fields = this.#fields
    for (let i = 0; i < fields.count; i++) {
      if (fields.kinds[i] !== COOKIE) continue
      const value = cookieIn(fields.value(i), name)
      if (value !== null) return value
    }
    return null
  }

  /**
   * Returns the field lines that go on to the upstream: one Host and one Cookie at most, nothing that belongs
   * to the connection, to the framing, or to what Sluice says itself (see `forwarding.ts`). `isTrusted`: what
   * it says of the way is believed.
   */
  keptLines(isTrusted: boolean): string {
    const fields = this.#fields
    const dropped = connectionSpecific(this.#connection)
    let lines = ''
    let from = 0
    for (let i = 0; i < fields.count; i++) {
      if (this.#isKept(i, { dropped, isTrusted })) continue
      lines += fields.lines(from, i)
      from = i + 1
    }
    lines += fields.lines(from, fields.count)
    if (this.#isAbsolute || this.#hostIndex === NONE) lines = `host: ${this.host}\r\n${lines}`
    if (this.#cookieCount > 1) lines += `cookie: ${fields.joined(COOKIE, '; ')}\r\n`
    if (this.maxForwards > 0) lines += `max-forwards: ${this.maxForwards - 1}\r\n`
    return lines
  }

  /** Returns the values of a forwarding field joined by commas; empty without one. */
  forwarding(kind: number): string {
    return this.#fields.joined(kind, ', ')
  }

  /** Hot: once a field. */
  #isKept(
    index: number,
    { dropped, isTrusted }: { dropped: ReadonlySet<string>; isTrusted: boolean },
  ): boolean {
    const kind = this.#fields.kinds[index]!
    if (kind === FORWARD) return dropped.size === 0 || !dropped.has(this.#fields.name(index))
    switch (kind) {
      case HOST:
        return !this.#isAbsolute
      case COOKIE:
        return this.#cookieCount === 1
      case EXPECT:
        return this.expectsContinue
      case SAID_BY_PROXY:
        return isTrusted
      case TRAILER:
        return this.bodyKind === CHUNKED
      case MAX_FORWARDS:
        return this.maxForwards < 0
      case TE:
        return false
      default:
        return kind > FORWARDED
    }
  }

  #refuse(fault: RequestFault): -1 {
    this.fault = fault
    return -1
  }

  #fail(fault: RequestFault): false {
    this.fault = fault
    return false
  }

  #needMore(arrivedBytes: number): 0 | -1 {
    return arrivedBytes < this.#limits.headBytes ? 0 : this.#refuse('headTooLarge')
  }

  #interpret(bytes: Buffer): boolean {
    return (
      this.#takeMethod() &&
      this.#takeFields() &&
      this.#takeFraming(bytes) &&
      this.#takeTargetAndHost() &&
      this.#takeMaxForwards(bytes) &&
      this.#takeConnection()
    )
  }

  #takeMethod(): boolean {
    this.methodIndex = methodIndex(this.method)
    if (this.methodIndex < 0) {
      return this.#fail(isRefused(this.method) ? 'methodRefused' : 'unknownMethod')
    }
    this.isIdempotent = isIdempotent(this.method)
    return true
  }

  /** One walk over the fields: finds those that mean something to us, and refuses the second of a kind. */
  #takeFields(): boolean {
    const fields = this.#fields
    this.#hostIndex = NONE
    this.#lengthIndex = NONE
    this.#codingIndex = NONE
    this.#upgradeCount = 0
    this.#connection = ''
    this.#cookieCount = 0
    this.#forwardsIndex = NONE
    this.hasForwarding = false
    this.expectsContinue = false
    this.takesTrailers = false
    this.isGrpc = false
    this.isHttp2 = false
    this.via = ''
    for (let i = 0; i < fields.count; i++) {
      if (fields.byteCount(i) > this.#limits.fieldBytes) return this.#fail('headTooLarge')
      switch (fields.kinds[i]!) {
        case HOST:
          if (this.#hostIndex !== NONE) return this.#fail('badHost')
          this.#hostIndex = i
          break
        case CONTENT_LENGTH:
          if (this.#lengthIndex !== NONE) return this.#fail('badLength')
          this.#lengthIndex = i
          break
        case TRANSFER_ENCODING:
          if (this.#codingIndex !== NONE) return this.#fail('badCoding')
          this.#codingIndex = i
          break
        case CONNECTION:
          this.#connection += this.#connection === '' ? fields.value(i) : `,${fields.value(i)}`
          break
        case COOKIE:
          this.#cookieCount++
          break
        case EXPECT:
          if (this.expectsContinue || fields.value(i).toLowerCase() !== '100-continue') {
            return this.#fail('expectation')
          }
          this.expectsContinue = true
          break
        case UPGRADE:
          this.#upgradeIndex = i
          this.#upgradeCount++
          break
        case X_FORWARDED_FOR:
        case X_FORWARDED_PROTO:
        case X_FORWARDED_HOST:
        case FORWARDED:
          this.hasForwarding = true
          break
        case TE:
          if (listMembers(fields.value(i)).includes('trailers')) this.takesTrailers = true
          break
        case CONTENT_TYPE:
          if (isGrpcType(fields.value(i))) this.isGrpc = true
          break
        case VIA:
          this.via += `${fields.value(i)},`
          break
        case MAX_FORWARDS:
          this.#forwardsIndex = i
          break
        default:
          break
      }
    }
    return true
  }

  #takeFraming(bytes: Buffer): boolean {
    this.bodyKind = NO_BODY
    this.contentLength = 0
    if (this.#codingIndex !== NONE) {
      if (this.#lengthIndex !== NONE || this.minorVersion === 0) return this.#fail('badCoding')
      const coding = this.#fields.value(this.#codingIndex).toLowerCase()
      if (coding !== 'chunked') {
        return this.#fail(endsInChunked(coding) ? 'unknownCoding' : 'badCoding')
      }
      if (this.#fields.hasTabBehind(this.#codingIndex, bytes)) return this.#fail('badCoding')
      this.bodyKind = CHUNKED
    } else if (this.#lengthIndex !== NONE) {
      const length = this.#fields.number(this.#lengthIndex, bytes)
      if (length < 0) return this.#fail('badLength')
      const limit = this.#limits.bodyBytes
      if (limit > 0 && length > limit) return this.#fail('bodyTooLarge')
      if (length > 0 || this.method !== 'GET') this.bodyKind = BY_LENGTH
      this.contentLength = length
    }
    const hasContent = this.bodyKind === CHUNKED || this.contentLength > 0
    if (!hasContent || this.minorVersion === 0) this.expectsContinue = false
    return true
  }

  #takeTargetAndHost(): boolean {
    this.#isAbsolute = false
    if (this.#hostIndex === NONE) {
      if (this.minorVersion === 1) return this.#fail('badHost')
      this.host = ''
    } else {
      this.host = this.#fields.value(this.#hostIndex)
      if (this.host !== '' && !isValidHost(this.host)) return this.#fail('badHost')
    }
    if (this.target.charCodeAt(0) !== SLASH) {
      if (this.target === '*') return this.method === 'OPTIONS' || this.#fail('badTarget')
      const absolute = splitAbsoluteForm(this.target)
      if (absolute === null) return this.#fail('badTarget')
      this.#isAbsolute = true
      this.host = absolute.host
      this.target = absolute.target
      if (absolute.target === '') this.target = this.method === 'OPTIONS' ? '*' : '/'
    }
    return isTargetSafe(this.target) || this.#fail('badTarget')
  }

  /** For OPTIONS only (RFC 9110 section 7.6.2), as TRACE is not served. */
  #takeMaxForwards(bytes: Buffer): true {
    const isMeant = this.#forwardsIndex !== NONE && this.method === 'OPTIONS'
    this.maxForwards = isMeant ? this.#fields.number(this.#forwardsIndex, bytes) : NONE
    return true
  }

  #takeConnection(): boolean {
    this.isPersistent = this.minorVersion === 1
    this.isUpgrade = false
    if (this.#connection === '') return true
    if (this.#connection === 'keep-alive') {
      this.isPersistent = true
      return true
    }
    const options = listMembers(this.#connection)
    if (options.includes('close')) this.isPersistent = false
    else if (options.includes('keep-alive')) this.isPersistent = true
    if (this.minorVersion === 0 || !options.includes('upgrade')) return true
    return this.#takeUpgrade()
  }

  #takeUpgrade(): boolean {
    if (this.#upgradeCount !== 1) return true
    if (this.#fields.value(this.#upgradeIndex).toLowerCase() !== 'websocket') return true
    if (this.bodyKind !== NO_BODY) return this.#fail('upgradeWithBody')
    if (this.method !== 'GET') return true
    // RFC 6455 section 4.2.1: without these it is no handshake, whatever the upstream would make of it.
    const isHandshake =
      this.find('sec-websocket-key') !== null && this.find('sec-websocket-version') !== null
    this.isUpgrade = isHandshake
    return isHandshake || this.#fail('badHandshake')
  }
}
