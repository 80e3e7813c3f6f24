/**
 * An answer as we read it: interim heads, head and body, from pieces as they come, in the steps of
 * `UpstreamConnection`, but without sockets and without who waits for it.
 */

import { ChunkedDecoder } from '../../src/proxy/http1/chunked.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../../src/proxy/http1/framing.ts'
import { ResponseHead } from '../../src/proxy/http1/response-head.ts'
import { LIMITS } from './our-requests.ts'
import { emptyReading, fieldsOf, type Message, type Reading } from './reading.ts'

/** As of `UpstreamConnection`. */
const INFORMATIONAL_LIMIT = 16
const LF = 0x0a

/** Reads one answer after the other; what it returns is its own. */
export class OurAnswers {
  readonly #head = new ResponseHead(LIMITS.responseHeadBytes)
  readonly #decoder = new ChunkedDecoder()
  #reading = emptyReading()
  #arrivedBytes = 0
  #partial: Buffer | null = null
  /** Whose body is read. */
  #message: Message | null = null
  #bodyKind = NO_BODY
  #remainingBytes = 0

  /** `method`: of the request. */
  read(method: string, pieces: readonly Buffer[], isEnded: boolean): Reading {
    const reading = emptyReading()
    this.#reading = reading
    this.#arrivedBytes = 0
    this.#partial = null
    this.#message = null
    for (const piece of pieces) if (!this.#isOver) this.#consume(method, piece)
    if (isEnded && !this.#isOver) this.#end()
    return reading
  }

  get #isOver(): boolean {
    return this.#reading.isDone || this.#reading.fault !== null
  }

  #consume(method: string, read: Buffer): void {
    let bytes = read
    let at = 0
    this.#arrivedBytes += read.length
    if (this.#partial !== null) {
      bytes = Buffer.concat([this.#partial, read])
      this.#partial = bytes
      const hasLine = bytes.includes(LF, bytes.length - read.length)
      if (!hasLine && bytes.length < LIMITS.responseHeadBytes) return
      this.#partial = null
    }
    while (this.#message === null) {
      const headEnd = this.#readHead(method, bytes, at)
      if (headEnd < 0) return
      at = headEnd
    }
    this.#readBody(this.#message, bytes, at)
  }

  /** Returns the position after a head, or -1 when there is nothing more to do with these bytes. */
  #readHead(method: string, bytes: Buffer, start: number): number {
    const head = this.#head
    if (start === bytes.length) return -1
    const headEnd = head.parse(bytes, start, bytes.length, method)
    if (headEnd === 0) {
      this.#partial = bytes.subarray(start)
      return -1
    }
    this.#reading.stoppedAt = this.#arrivedBytes - bytes.length + start
    if (headEnd < 0) return this.#fail(head.isTooLarge ? 'headTooLarge' : 'protocol')
    const isInterim = head.status < 200
    if (head.status === 101) return this.#fail('switch')
    if (isInterim && this.#reading.messages.length === INFORMATIONAL_LIMIT)
      return this.#fail('interim')
    const message = messageOf(head, isInterim)
    this.#reading.messages.push(message)
    if (isInterim) return headEnd
    this.#reading.stoppedAt = this.#arrivedBytes - bytes.length + headEnd
    this.#message = message
    this.#bodyKind = head.bodyKind
    this.#remainingBytes = head.bodyKind === BY_LENGTH ? head.contentLength : 0
    if (head.bodyKind === CHUNKED) this.#decoder.reset()
    return headEnd
  }

  #readBody(message: Message, bytes: Buffer, start: number): void {
    const end = bytes.length
    switch (this.#bodyKind) {
      case NO_BODY:
        return this.#finish(message)
      case BY_LENGTH: {
        const take = Math.min(this.#remainingBytes, end - start)
        this.#remainingBytes -= take
        this.onChunkData(bytes, start, start + take)
        if (this.#remainingBytes === 0) this.#finish(message)
        return
      }
      case CHUNKED: {
        const at = this.#decoder.decode(bytes, start, end, this)
        if (at < 0) this.#fail('protocol')
        else if (this.#decoder.isDone) this.#finish(message)
        return
      }
      default:
        this.onChunkData(bytes, start, end)
    }
  }

  onChunkData(bytes: Buffer, start: number, end: number): void {
    this.#message!.body += bytes.toString('latin1', start, end)
  }

  #finish(message: Message): void {
    message.isWhole = true
    if (this.#bodyKind === CHUNKED) message.trailers = fieldsOf(this.#decoder.trailers)
    this.#reading.isDone = true
  }

  #end(): void {
    if (this.#message !== null && this.#bodyKind === UNTIL_CLOSE) this.#finish(this.#message)
    else this.#fail('incomplete')
  }

  #fail(fault: string): -1 {
    this.#reading.fault = fault
    return -1
  }
}

function messageOf(head: ResponseHead, isInterim: boolean): Message {
  const { statusText, minorVersion, lines } = head
  return {
    start: statusText,
    host: '',
    version: String(minorVersion),
    fields: fieldsOf(lines),
    lines,
    body: '',
    trailers: [],
    isWhole: isInterim,
    isLast: false,
    isUpgrade: false,
  }
}
