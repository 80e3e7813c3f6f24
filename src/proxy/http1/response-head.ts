/**
 * An upstream's response head: status line, fields, and how its body ends (RFC 9112 section 6.3). Hot.
 *
 * As strict as towards clients: an upstream that contradicts itself is answered for with 502, because
 * what it meant would be a guess, and a wrong guess hands one user's answer to another.
 */

import {
  CONNECTION,
  connectionSpecific,
  CONTENT_LENGTH,
  DATE,
  DROP,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../headers.ts'
import { Fields, INCOMPLETE, TOO_MANY } from './fields.ts'
import {
  BY_LENGTH,
  CHUNKED,
  NO_BODY,
  parseDecimal,
  startsWith,
  UNTIL_CLOSE,
} from './request-head.ts'

/** Header fields of a response; more is a 502. */
const FIELD_LIMIT = 200
const VERSION_BYTES = 'HTTP/1.1'.length
const VERSION_START = Buffer.from('HTTP/1.')

const CR = 0x0d
const LF = 0x0a

export class ResponseHead {
  readonly fields: Fields = new Fields(FIELD_LIMIT)
  readonly #headBytes: number
  /** Set when `parse` returns -1. */
  isTooLarge = false

  /** 100 to 599. */
  status = 0
  /** Status code and reason phrase as they were sent. */
  statusText = ''
  bodyKind = NO_BODY
  /** Bytes, where `bodyKind` is `BY_LENGTH` or a length was told without a body; else -1. */
  contentLength = -1
  /** Whether the upstream will take another request on the connection. */
  isPersistent = true
  hasDate = false
  /** Field lines without hop-by-hop fields and framing. */
  lines = ''

  #text = ''
  #base = 0
  #fieldsStart = 0

  /** `headBytes`: the largest head taken. */
  constructor(headBytes: number) {
    this.#headBytes = headBytes
  }

  /** Returns the position after the head, 0 when more bytes are needed, or -1. `method` is the request's. */
  parse(bytes: Buffer, start: number, end: number, method: string): number {
    this.isTooLarge = false
    const fieldsStart = this.#parseStatusLine(bytes, start, end)
    if (fieldsStart <= 0) return fieldsStart === 0 ? this.#needMore(end - start) : -1
    const headEnd = this.fields.scan(bytes, fieldsStart, end)
    if (headEnd === INCOMPLETE) return this.#needMore(end - start)
    if (headEnd < 0 || headEnd - start > this.#headBytes) {
      this.isTooLarge = headEnd === TOO_MANY || headEnd > 0
      return -1
    }
    this.#base = start
    this.#text = bytes.toString('latin1', start, headEnd)
    this.statusText = this.#text.slice(VERSION_BYTES + 1, fieldsStart - start - 2)
    this.#fieldsStart = fieldsStart - start
    return this.#interpret(bytes, method) ? headEnd : -1
  }

  #needMore(arrivedBytes: number): 0 | -1 {
    if (arrivedBytes < this.#headBytes) return 0
    this.isTooLarge = true
    return -1
  }

  #parseStatusLine(bytes: Buffer, start: number, end: number): number {
    const codeStart = start + VERSION_BYTES + 1
    const codeEnd = codeStart + 3
    if (codeEnd + 2 > end) return isStatusPrefix(bytes.toString('latin1', start, end)) ? 0 : -1
    const code = parseDecimal(bytes, codeStart, codeEnd)
    const minor = bytes[codeStart - 2]
    if (!startsWith(bytes, start, VERSION_START) || (minor !== 0x31 && minor !== 0x30)) return -1
    if (bytes[codeStart - 1] !== 0x20 || code < 100 || code > 599) return -1
    let at = codeEnd
    while (at < end && isReasonByte(bytes[at]!)) at++
    if (at > codeEnd && bytes[codeEnd] !== 0x20) return -1
    if (at + 1 >= end) return at === end || bytes[at] === CR ? 0 : -1
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return -1
    this.status = code
    this.isPersistent = minor === 0x31
    return at + 2
  }

  #interpret(bytes: Buffer, method: string): boolean {
    const { fields } = this
    const isHttp11 = this.isPersistent
    let lengthIndex = -1
    let codingIndex = -1
    let connection = ''
    this.hasDate = false
    for (let i = 0; i < fields.count; i++) {
      switch (fields.kinds[i]) {
        case CONTENT_LENGTH:
          if (lengthIndex >= 0) return false
          lengthIndex = i
          break
        case TRANSFER_ENCODING:
          if (codingIndex >= 0) return false
          codingIndex = i
          break
        case CONNECTION:
          connection += connection === '' ? this.#value(i) : `,${this.#value(i)}`
          break
        case DATE:
          this.hasDate = true
          break
        default:
          break
      }
    }
    if (connection === 'keep-alive') this.isPersistent = true
    else if (connection !== '') {
      const options = connection.toLowerCase()
      if (/(^|,)\s*close\s*(,|$)/.test(options)) this.isPersistent = false
      else if (/(^|,)\s*keep-alive\s*(,|$)/.test(options)) this.isPersistent = true
    }
    if (!this.#takeFraming(bytes, { lengthIndex, codingIndex, isHttp11, method })) return false
    this.lines = this.#keptLines(connection)
    return true
  }

  #takeFraming(
    bytes: Buffer,
    found: { lengthIndex: number; codingIndex: number; isHttp11: boolean; method: string },
  ): boolean {
    this.contentLength = -1
    if (found.lengthIndex >= 0) {
      const { offsets } = this.fields
      const { lengthIndex } = found
      this.contentLength = parseDecimal(
        bytes,
        offsets[4 * lengthIndex + 2]!,
        offsets[4 * lengthIndex + 3]!,
      )
      if (this.contentLength < 0) return false
    }
    if (found.codingIndex >= 0) {
      if (found.lengthIndex >= 0 || !found.isHttp11) return false
      if (this.#value(found.codingIndex).toLowerCase() !== 'chunked') return false
    }
    if (this.status < 200 || this.status === 204) {
      this.bodyKind = NO_BODY
      this.contentLength = -1
    } else if (this.status === 304 || found.method === 'HEAD') this.bodyKind = NO_BODY
    else if (found.codingIndex >= 0) this.bodyKind = CHUNKED
    else if (this.contentLength >= 0) this.bodyKind = BY_LENGTH
    else this.bodyKind = UNTIL_CLOSE
    return true
  }

  #keptLines(connection: string): string {
    const { fields } = this
    const dropped = connectionSpecific(connection)
    let lines = ''
    let runStart = this.#fieldsStart
    for (let i = 0; i < fields.count; i++) {
      if (
        !isHopByHop(fields.kinds[i]!) &&
        (dropped.length === 0 || !dropped.includes(this.#name(i)))
      )
        continue
      const lineStart = fields.lineStart(i) - this.#base
      if (lineStart > runStart) lines += this.#text.slice(runStart, lineStart)
      runStart = fields.lineStart(i + 1) - this.#base
    }
    return lines + this.#text.slice(runStart, fields.end - this.#base)
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
}

function isHopByHop(kind: number): boolean {
  return (
    kind === DROP ||
    kind === CONTENT_LENGTH ||
    kind === TRANSFER_ENCODING ||
    kind === CONNECTION ||
    kind === UPGRADE
  )
}

/** Whether the text could go on to become `HTTP/1.x NNN`. */
function isStatusPrefix(text: string): boolean {
  const pattern = 'HTTP/1.d ddd'
  for (let i = 0; i < Math.min(text.length, pattern.length); i++) {
    const char = text[i]!
    if (pattern[i] === 'd' ? char < '0' || char > '9' : char !== pattern[i]) return false
  }
  return text.length < 8 || text[7] === '0' || text[7] === '1'
}

function isReasonByte(byte: number): boolean {
  return byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
}
