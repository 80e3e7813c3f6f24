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
  CONTENT_TYPE,
  DATE,
  DROP,
  listMembers,
  TE,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
} from '../headers.ts'
import { Fields, INCOMPLETE, startsWith, TOO_MANY } from './fields.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, parseDecimal, UNTIL_CLOSE } from './framing.ts'

/** Header fields of a response; more is a 502. */
const FIELD_LIMIT = 200
/** Where the status code stands, and where it ends. */
const CODE_START = 'HTTP/1.1 '.length
const CODE_END = CODE_START + 3
const VERSION_START = Buffer.from('HTTP/1.')

const CR = 0x0d
const LF = 0x0a
const SPACE = 0x20
const DIGIT_ONE = 0x31
const DIGIT_ZERO = 0x30
/** A field that is not there. */
const NONE = -1

export class ResponseHead {
  /** Set when `parse` returns -1. */
  isTooLarge = false

  /** 100 to 599. */
  status = 0
  /** Status code, space, and reason phrase as it was sent; that may be empty. */
  statusText = ''
  bodyKind = NO_BODY
  /** Bytes, where `bodyKind` is `BY_LENGTH` or a length was told without a body; else -1. */
  contentLength = -1
  /** Whether the upstream will take another request on the connection. */
  isPersistent = true
  hasDate = false
  /** Whether it is a stream of server-sent events, which may be silent for long. */
  isEventStream = false
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minorVersion = 1
  /** Whether it came as HTTP/2 and was written anew as HTTP/1.1; set after `parse` by whoever did that. */
  isHttp2 = false
  /** Field lines without hop-by-hop fields and framing. */
  lines = ''

  readonly #headBytes: number
  readonly #fields = new Fields(FIELD_LIMIT)
  /** The values of all Connection fields. */
  #connection = ''
  #upgradeCount = 0
  #upgradeIndex = NONE
  /** Where the fields stand that frame the body, or `NONE`. */
  #lengthIndex = NONE
  #codingIndex = NONE

  /** `headBytes`: the largest head taken. */
  constructor(headBytes: number) {
    this.#headBytes = headBytes
  }

  /** Returns the position after the head, 0 when more bytes are needed, or -1. `method` is the request's. */
  parse(bytes: Buffer, start: number, end: number, method: string): number {
    this.isTooLarge = false
    const fieldsStart = this.#parseStatusLine(bytes, start, end)
    if (fieldsStart < 0) return -1
    if (fieldsStart === 0) return this.#needMore(end - start)
    const fields = this.#fields
    const headEnd = fields.scan(bytes, fieldsStart, end)
    if (headEnd === INCOMPLETE) return this.#needMore(end - start)
    if (headEnd < 0 || headEnd - start > this.#headBytes) {
      this.isTooLarge = headEnd === TOO_MANY || headEnd > 0
      return -1
    }
    const text = bytes.toString('latin1', start, headEnd)
    fields.readFrom(text, start)
    const hasReason = fieldsStart - start > CODE_END + 2
    this.statusText = text.slice(CODE_START, fieldsStart - start - 2) + (hasReason ? '' : ' ')
    if (!this.#takeFields() || !this.#takeFraming(bytes, method)) return -1
    this.#takeConnection()
    // What is to be followed by the answer cannot be the last on its connection.
    if (this.status < 200 && this.status !== 101 && !this.isPersistent) return -1
    this.lines = this.#keptLines()
    return headEnd
  }

  /** Returns the value of the first field of that lower-case name, or null. */
  find(name: string): string | null {
    return this.#fields.find(name)
  }

  /** Whether it is a 101 to WebSocket, said as it should be. */
  get switchesToWebSocket(): boolean {
    return (
      this.status === 101 &&
      this.#upgradeCount === 1 &&
      this.#fields.value(this.#upgradeIndex).toLowerCase() === 'websocket' &&
      listMembers(this.#connection).includes('upgrade')
    )
  }

  #needMore(arrivedBytes: number): 0 | -1 {
    if (arrivedBytes < this.#headBytes) return 0
    this.isTooLarge = true
    return -1
  }

  /** Returns the position after the line, 0 when it is not whole, or -1. */
  #parseStatusLine(bytes: Buffer, start: number, end: number): number {
    const codeEnd = start + CODE_END
    if (codeEnd + 2 > end) return isStatusPrefix(bytes.toString('latin1', start, end)) ? 0 : -1
    const code = parseDecimal(bytes, start + CODE_START, codeEnd)
    const minor = bytes[start + CODE_START - 2]
    if (!startsWith(bytes, start, VERSION_START)) return -1
    if (minor !== DIGIT_ONE && minor !== DIGIT_ZERO) return -1
    if (bytes[start + CODE_START - 1] !== SPACE || code < 100 || code > 599) return -1
    let at = codeEnd
    while (at < end && isReasonByte(bytes[at]!)) at++
    if (at > codeEnd && bytes[codeEnd] !== SPACE) return -1
    if (at + 1 >= end) return at === end || bytes[at] === CR ? 0 : -1
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return -1
    this.status = code
    this.minorVersion = minor === DIGIT_ONE ? 1 : 0
    return at + 2
  }

  /** One walk over the fields: finds those that mean something to us; false where framing is said twice. */
  #takeFields(): boolean {
    const fields = this.#fields
    this.#lengthIndex = NONE
    this.#codingIndex = NONE
    this.#connection = ''
    this.#upgradeCount = 0
    this.hasDate = false
    this.isEventStream = false
    this.isHttp2 = false
    for (let i = 0; i < fields.count; i++) {
      switch (fields.kinds[i]!) {
        case CONTENT_LENGTH:
          if (this.#lengthIndex !== NONE) return false
          this.#lengthIndex = i
          break
        case TRANSFER_ENCODING:
          if (this.#codingIndex !== NONE) return false
          this.#codingIndex = i
          break
        case CONNECTION:
          this.#connection += this.#connection === '' ? fields.value(i) : `,${fields.value(i)}`
          break
        case DATE:
          this.hasDate = true
          break
        case CONTENT_TYPE:
          this.isEventStream = fields.value(i).toLowerCase().startsWith('text/event-stream')
          break
        case UPGRADE:
          this.#upgradeIndex = i
          this.#upgradeCount++
          break
        default:
          break
      }
    }
    return true
  }

  #takeFraming(bytes: Buffer, method: string): boolean {
    const hasLength = this.#lengthIndex !== NONE
    const isChunked = this.#codingIndex !== NONE
    this.contentLength = hasLength ? this.#fields.number(this.#lengthIndex, bytes) : -1
    if (hasLength && this.contentLength < 0) return false
    if (isChunked) {
      if (hasLength || this.minorVersion === 0) return false
      if (this.#fields.value(this.#codingIndex).toLowerCase() !== 'chunked') return false
      if (this.#fields.hasTabBehind(this.#codingIndex, bytes)) return false
    }
    if (this.status < 200 || this.status === 204) {
      this.bodyKind = NO_BODY
      this.contentLength = -1
    } else if (this.status === 304 || method === 'HEAD') this.bodyKind = NO_BODY
    else if (isChunked) this.bodyKind = CHUNKED
    else this.bodyKind = hasLength ? BY_LENGTH : UNTIL_CLOSE
    return true
  }

  #takeConnection(): void {
    this.isPersistent = this.minorVersion === 1
    if (this.#connection === '') return
    if (this.#connection === 'keep-alive') {
      this.isPersistent = true
      return
    }
    const options = listMembers(this.#connection)
    if (options.includes('close')) this.isPersistent = false
    else if (options.includes('keep-alive')) this.isPersistent = true
  }

  #keptLines(): string {
    const fields = this.#fields
    const dropped = connectionSpecific(this.#connection)
    let lines = ''
    let from = 0
    for (let i = 0; i < fields.count; i++) {
      const kind = fields.kinds[i]!
      const isNamed = dropped.size > 0 && dropped.has(fields.name(i))
      if (!isNamed && !isHopByHop(kind) && (kind !== TRAILER || this.bodyKind === CHUNKED)) continue
      lines += fields.lines(from, i)
      from = i + 1
    }
    return lines + fields.lines(from, fields.count)
  }
}

function isHopByHop(kind: number): boolean {
  return (
    kind === DROP ||
    kind === CONTENT_LENGTH ||
    kind === TRANSFER_ENCODING ||
    kind === CONNECTION ||
    kind === TE ||
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
  return byte === 0x09 || (byte >= SPACE && byte !== 0x7f)
}
