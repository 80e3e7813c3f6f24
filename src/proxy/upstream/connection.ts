/**
 * One connection to an endpoint, HTTP/1.1, one request at a time.
 *
 * Reads without a stream: `onread` hands over bytes in a buffer that is used again, and the answer is
 * parsed as it comes. After an answer the connection is kept only when both messages ended where they
 * should and nothing followed; what comes on an idle connection closes it, or a later request would get
 * an answer that is not its own.
 */

import { connect, type Socket } from 'node:net'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { UpstreamFailure } from '../failure.ts'
import { ChunkedDecoder } from '../http1/chunked.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../http1/framing.ts'
import { INLINE_BYTES, Outbox } from '../http1/outbox.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Endpoint } from './endpoint.ts'
import { ReadBuffer } from './read-buffer.ts'

/** Interim answers to one request; more are a protocol error. */
const INFORMATIONAL_LIMIT = 16

const LF = 0x0a

/** The request that a connection works for. */
export interface UpstreamUser {
  readonly method: string
  /** Whether the whole request has been handed to the connection. */
  readonly isRequestDone: boolean
  onConnected(): void
  /** `head` is reused: valid until this returns. */
  onInformational(head: ResponseHead): void
  onResponseHead(head: ResponseHead): void
  /** Returns whether the bytes are still in use afterwards. */
  onResponseData(bytes: Buffer, start: number, end: number): boolean
  onResponseEnd(): void
  /** Everything that had arrived has been handed over. */
  onReadEnd(): void
  onUpstreamDrain(): void
  /** The connection is gone. `isUntouched`: it was used before, and died before one byte of this answer. */
  onUpstreamFailure(reason: UpstreamFailure, isUntouched: boolean): void
}

export class UpstreamConnection {
  readonly endpoint: Endpoint
  readonly outbox: Outbox
  /** Monotonic milliseconds; valid while idle. */
  idleSinceMs = 0

  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #decoder = new ChunkedDecoder()
  readonly #buffer: ReadBuffer
  #user: UpstreamUser | null
  #isConnected = false
  #isClosed = false
  #requestCount = 0

  /** Waiting for a head, or in a body. */
  #isInBody = false
  #bodyKind = NO_BODY
  #remainingBytes = 0
  #isPersistent = false
  #hasAnswered = false
  #informationalCount = 0
  /** The beginning of a head that was cut. */
  #partial: Buffer | null = null
  /** Whether the last answer took more than one small read; then the next one is likely to. */
  #wasLong = false
  #bodyBytes = 0

  /** Begins to connect on behalf of `user`, who hears `onConnected` or `onUpstreamFailure`. */
  constructor(context: ThreadContext, endpoint: Endpoint, user: UpstreamUser) {
    this.#context = context
    this.#buffer = new ReadBuffer(context.buffers)
    this.endpoint = endpoint
    this.#user = user
    endpoint.connectionCount++
    context.tally[THREAD.upstreamOpened]!++
    this.#socket = connect({
      host: endpoint.host,
      port: endpoint.port,
      noDelay: true,
      onread: {
        buffer: () => this.#buffer.next(this.#isInBody || this.#wasLong),
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is what `buffer` returned
        callback: (byteCount, bytes) => this.#onRead(bytes as Buffer, byteCount),
      },
    })
    this.outbox = new Outbox(this.#socket)
    this.#socket
      .on('connect', () => this.#onConnect())
      .on('drain', () => this.#user?.onUpstreamDrain())
      .on('end', () => this.#onEnd())
      .on('error', (error: NodeJS.ErrnoException) => this.#fail(this.#reasonOf(error)))
      .on('close', () => this.#onClose())
  }

  /** Bytes written that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** More than the limit waits to be written; and the user will hear `onUpstreamDrain`, which needs a full socket. */
  get isFull(): boolean {
    const socket = this.#socket
    return (
      socket.writableLength > this.#context.table.limits.bufferBytes && socket.writableNeedDrain
    )
  }

  /** Takes an idle connection into use. */
  assign(user: UpstreamUser): void {
    this.#user = user
    this.#hasAnswered = false
    this.#informationalCount = 0
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Closes at once and tells nobody. */
  close(): void {
    this.#user = null
    this.#isClosed = true
    this.#socket.destroy()
  }

  #onConnect(): void {
    this.#isConnected = true
    try {
      this.#user?.onConnected()
    } catch (error) {
      this.#onBug(error)
    }
  }

  /** A bug ends the connection and the request it struck, and nothing else. */
  #onBug(error: unknown): void {
    this.#context.report(error)
    this.#fail('internal')
  }

  #onRead(bytes: Buffer, byteCount: number): boolean {
    const user = this.#user
    if (user === null) {
      this.#fail('protocol')
      return false
    }
    try {
      this.#hasAnswered = true
      this.#consume(user, bytes, byteCount)
      user.onReadEnd()
    } catch (error) {
      this.#onBug(error)
    }
    return true
  }

  #consume(user: UpstreamUser, read: Buffer, byteCount: number): void {
    let bytes = read
    let end = byteCount
    let at = 0
    if (this.#partial !== null) {
      bytes = Buffer.concat([this.#partial, read.subarray(0, byteCount)])
      end = bytes.length
      this.#partial = bytes
      // A head that comes byte by byte is looked at once a line, not once a byte.
      const hasLine = bytes.includes(LF, end - byteCount)
      if (!hasLine && end < this.#context.table.limits.responseHeadBytes) return
      this.#partial = null
    }
    while (!this.#isInBody) {
      const headEnd = this.#readHead(user, bytes, at, end)
      if (headEnd < 0) return
      at = headEnd
    }
    this.#readBody(user, bytes, at, end)
  }

  /** Returns the position after a head, or -1 when there is nothing more to do with these bytes. */
  #readHead(user: UpstreamUser, bytes: Buffer, start: number, end: number): number {
    const head = this.#context.responseHead
    if (start === end) return -1
    const headEnd = head.parse(bytes, start, end, user.method)
    if (headEnd === 0) {
      this.#partial = Buffer.from(bytes.subarray(start, end))
      return -1
    }
    if (headEnd < 0) {
      this.#fail(head.isTooLarge ? 'headTooLarge' : 'protocol')
      return -1
    }
    if (head.status < 200) {
      if (head.status === 101 || ++this.#informationalCount > INFORMATIONAL_LIMIT) {
        this.#fail('protocol')
        return -1
      }
      user.onInformational(head)
      return this.#user === null ? -1 : headEnd
    }
    this.#isInBody = true
    this.#bodyBytes = 0
    this.#bodyKind = head.bodyKind
    this.#remainingBytes = head.bodyKind === BY_LENGTH ? head.contentLength : 0
    this.#isPersistent = head.isPersistent && head.bodyKind !== UNTIL_CLOSE
    if (head.bodyKind === CHUNKED) this.#decoder.reset()
    user.onResponseHead(head)
    return this.#user === null ? -1 : headEnd
  }

  #readBody(user: UpstreamUser, bytes: Buffer, start: number, end: number): void {
    switch (this.#bodyKind) {
      case NO_BODY:
        this.#finish(user, start === end)
        return
      case BY_LENGTH: {
        const take = Math.min(this.#remainingBytes, end - start)
        this.#remainingBytes -= take
        if (take > 0) this.#handOver(user, bytes, start, start + take)
        if (this.#remainingBytes === 0) this.#finish(user, start + take === end)
        return
      }
      case CHUNKED: {
        const at = this.#decoder.decode(bytes, start, end, this)
        if (at < 0) this.#fail('protocol')
        else if (this.#decoder.isDone) this.#finish(user, at === end)
        return
      }
      default:
        if (end > start) this.#handOver(user, bytes, start, end)
    }
  }

  onChunkData(bytes: Buffer, start: number, end: number): void {
    if (this.#user !== null) this.#handOver(this.#user, bytes, start, end)
  }

  #handOver(user: UpstreamUser, bytes: Buffer, start: number, end: number): void {
    this.#bodyBytes += end - start
    const mustCopy = end - start > INLINE_BYTES && this.#buffer.isShared(bytes)
    if (mustCopy) user.onResponseData(Buffer.from(bytes.subarray(start, end)), 0, end - start)
    else if (user.onResponseData(bytes, start, end)) this.#buffer.keep()
  }

  /** `isClean`: no byte followed the answer. What is left of a request would stand before the next one. */
  #finish(user: UpstreamUser, isClean: boolean): void {
    this.#user = null
    this.#isInBody = false
    this.#wasLong = this.#bodyBytes > INLINE_BYTES
    this.#requestCount++
    const isSent = user.isRequestDone && this.#socket.writableLength === 0
    if (isClean && isSent && this.#isPersistent && !this.#isClosed) {
      this.idleSinceMs = this.#context.nowMs
      this.endpoint.release(this)
    } else {
      this.close()
    }
    user.onResponseEnd()
  }

  #onEnd(): void {
    const user = this.#user
    if (user === null || !this.#isInBody || this.#bodyKind !== UNTIL_CLOSE) {
      this.#fail(this.#hasAnswered ? 'incomplete' : 'reset')
      return
    }
    try {
      this.#finish(user, false)
      user.onReadEnd()
    } catch (error) {
      this.#onBug(error)
    }
  }

  #onClose(): void {
    this.endpoint.connectionCount--
    this.#context.tally[THREAD.upstreamClosed]!++
    this.#buffer.drop()
    this.#fail(this.#hasAnswered ? 'incomplete' : 'reset')
  }

  #reasonOf(error: NodeJS.ErrnoException): UpstreamFailure {
    if (this.#isConnected) return this.#hasAnswered ? 'incomplete' : 'reset'
    if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'dns'
    if (error.code === 'ETIMEDOUT') return 'connectTimeout'
    return 'refused'
  }

  #fail(reason: UpstreamFailure): void {
    const user = this.#user
    const isUntouched = this.#requestCount > 0 && !this.#hasAnswered
    if (!this.#isClosed) {
      this.endpoint.forget(this)
      this.close()
    }
    this.#user = null
    if (user === null) return
    try {
      user.onUpstreamFailure(reason, isUntouched)
    } catch (error) {
      this.#context.report(error)
      user.onUpstreamFailure('internal', false)
    }
  }
}
