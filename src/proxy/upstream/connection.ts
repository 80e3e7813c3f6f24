/**
 * One connection to an endpoint, HTTP/1.1, one request at a time.
 *
 * Reads without a stream: `onread` hands over bytes in a buffer that is used again, and the answer is
 * parsed as it comes. After an answer the connection is kept only when both messages ended where they
 * should and nothing followed; what comes while a connection is idle closes it, also when it is read
 * after the next request has been sent, or that request would get an answer that is not its own.
 */

import type { Socket } from 'node:net'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { UpstreamFailure } from '../failure.ts'
import { ChunkedDecoder } from '../http1/chunked.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from '../http1/framing.ts'
import { INLINE_BYTES, Outbox } from '../http1/outbox.ts'
import { requestText } from '../http1/request-text.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { unsentBytes } from '../unsent.ts'
import { connectedEvent, dial, dialFailure } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { pollMark } from './poll.ts'
import { ReadBuffer } from './read-buffer.ts'
import { Stay } from './stay.ts'
import {
  IF_IDEMPOTENT,
  NEVER,
  type OutgoingRequest,
  type Upstream,
  type UpstreamUser,
} from './upstream.ts'

/** Interim answers to one request; more are a protocol error. */
const INFORMATIONAL_LIMIT = 16

/** How long what is left of a tunnel may take to be written after both sides have ended. */
const LINGER_MS = 2_000

/** The body of an answer that switched protocols: it ends with the upstream's half of the connection. */
const TUNNEL = -1

const LF = 0x0a

export class UpstreamConnection implements Upstream {
  readonly endpoint: Endpoint
  isConnected = false
  /** Monotonic milliseconds; valid while idle. */
  idleSinceMs = 0

  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #decoder = new ChunkedDecoder()
  readonly #buffer: ReadBuffer
  #user: UpstreamUser | null
  /** The request's body goes out in chunks. */
  #sendsChunks = false
  #isClosed = false
  #requestCount = 0
  /** When the request was sent. */
  #sentPoll = 0

  /** Waiting for a head, or in a body. */
  #isInBody = false
  #bodyKind = NO_BODY
  #remainingBytes = 0
  #isPersistent = false
  #hasAnswered = false
  readonly #stay: Stay
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
    endpoint.connections.add(this)
    this.#stay = new Stay(endpoint)
    this.#stay.begin(context.nowMs)
    context.tally[THREAD.upstreamOpened]!++
    this.#socket = dial(endpoint, {
      buffer: () => this.#buffer.next(this.#isInBody || this.#wasLong),
      callback: (byteCount, bytes) => this.#onRead(bytes, byteCount),
    })
    this.#outbox = new Outbox(this.#socket)
    this.#socket
      .on(connectedEvent(endpoint), () => this.#onConnect())
      .on('drain', () => this.#user?.onUpstreamDrain())
      .on('end', () => this.#onEnd())
      .on('error', (error: NodeJS.ErrnoException) => this.#fail(this.#reasonOf(error)))
      .on('close', () => this.#onClose())
  }

  /** Bytes written that the kernel has not taken. */
  get unsentBytes(): number {
    return unsentBytes(this.#socket)
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
    this.#stay.begin(this.#context.nowMs)
  }

  /** Until the request is over. */
  countAsRetry(): void {
    this.#stay.countAsRetry()
  }

  sendHead(request: OutgoingRequest): void {
    this.#sentPoll = pollMark()
    this.#sendsChunks = request.bodyKind === CHUNKED
    this.#outbox.text(requestText(request))
    if (this.#sendsChunks && request.isRequestDone) this.sendEnd('')
  }

  sendData(bytes: Buffer, start: number, end: number): void {
    if (this.#sendsChunks) this.#outbox.text(`${(end - start).toString(16)}\r\n`)
    this.#outbox.bytes(bytes, start, end)
    if (this.#sendsChunks) this.#outbox.text('\r\n')
  }

  sendEnd(trailers: string): void {
    if (this.#sendsChunks) this.#outbox.text(`0\r\n${trailers}\r\n`)
    if (this.#bodyKind !== TUNNEL) return
    this.#outbox.flush()
    this.#socket.end()
  }

  flush(): void {
    this.#outbox.flush()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** A tunnel that both sides have ended may have something left to write. */
  close(): void {
    this.#user = null
    this.#isClosed = true
    this.#stay.endWait(false, this.#context.nowMs)
    this.#stay.endRetry()
    const socket = this.#socket
    if (this.#bodyKind !== TUNNEL || !socket.writableEnded) return void socket.destroy()
    socket.setTimeout(LINGER_MS, () => socket.destroy())
    socket.destroySoon()
  }

  #onConnect(): void {
    this.isConnected = true
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
    if (user === null || (!this.#hasAnswered && this.#sentPoll === pollMark())) {
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
      if (!this.#takeInterim(user, head)) return -1
      return this.#user === null ? -1 : headEnd
    }
    this.#stay.endWait(true, this.#context.nowMs)
    this.#isInBody = true
    this.#bodyBytes = 0
    this.#bodyKind = head.bodyKind
    this.#remainingBytes = head.bodyKind === BY_LENGTH ? head.contentLength : 0
    this.#isPersistent = head.isPersistent && head.bodyKind !== UNTIL_CLOSE
    if (head.bodyKind === CHUNKED) this.#decoder.reset()
    user.onResponseHead(head)
    return this.#user === null ? -1 : headEnd
  }

  /** Returns false where the answer is not to be believed any more. */
  #takeInterim(user: UpstreamUser, head: ResponseHead): boolean {
    if (head.status === 101) {
      if (!user.isUpgrade) this.#fail('protocol')
      else if (!head.switchesToWebSocket) this.#fail('upgrade')
      else this.#switch(user, head)
      return this.#isInBody
    }
    if (++this.#informationalCount > INFORMATIONAL_LIMIT) {
      this.#fail('protocol')
      return false
    }
    user.onInformational(head)
    return true
  }

  /** Each side ends by itself: the upstream may go on after the client has ended, and the other way round. */
  #switch(user: UpstreamUser, head: ResponseHead): void {
    this.#stay.endWait(true, this.#context.nowMs)
    this.#isInBody = true
    this.#bodyKind = TUNNEL
    this.#isPersistent = false
    this.#sendsChunks = false
    this.#socket.allowHalfOpen = true
    user.onSwitch(head)
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
    const trailers = this.#bodyKind === CHUNKED ? this.#decoder.trailers : ''
    this.#user = null
    this.#isInBody = false
    this.#stay.endRetry()
    this.#wasLong = this.#bodyBytes > INLINE_BYTES
    this.#requestCount++
    const isSent = user.isRequestDone && this.#socket.writableLength === 0
    if (isClean && isSent && this.#isPersistent && !this.#isClosed) {
      this.idleSinceMs = this.#context.nowMs
      this.endpoint.release(this)
    } else {
      this.close()
    }
    user.onResponseEnd(trailers)
  }

  #onEnd(): void {
    const user = this.#user
    const endsBody = this.#bodyKind === UNTIL_CLOSE || this.#bodyKind === TUNNEL
    if (user === null || !this.#isInBody || !endsBody) {
      this.#fail(this.#hasAnswered ? 'incomplete' : 'reset')
      return
    }
    try {
      if (this.#bodyKind === TUNNEL) user.onResponseEnd('')
      else this.#finish(user, false)
      user.onReadEnd()
    } catch (error) {
      this.#onBug(error)
    }
  }

  #onClose(): void {
    this.endpoint.connectionCount--
    this.endpoint.connections.delete(this)
    this.endpoint.onRoom()
    this.#context.tally[THREAD.upstreamClosed]!++
    this.#buffer.drop()
    this.#fail(this.#hasAnswered ? 'incomplete' : 'reset')
  }

  #reasonOf(error: NodeJS.ErrnoException): UpstreamFailure {
    if (!this.isConnected) return dialFailure(error, this.#socket)
    return this.#hasAnswered ? 'incomplete' : 'reset'
  }

  #fail(reason: UpstreamFailure): void {
    const user = this.#user
    const isUntouched = this.#requestCount > 0 && !this.#hasAnswered
    const retry = isUntouched ? IF_IDEMPOTENT : NEVER
    if (!this.#isClosed) {
      this.endpoint.forget(this)
      this.close()
    }
    this.#user = null
    if (user !== null) this.#tellFailure(user, reason, retry)
  }

  /** The endpoint answers nothing to anybody: gives up a request that can be sent elsewhere. */
  abandon(): void {
    const user = this.#user
    if (!this.#stay.isWaiting || user?.isMovable !== true) return
    this.close()
    this.#tellFailure(user, 'responseTimeout', NEVER)
  }

  #tellFailure(user: UpstreamUser, reason: UpstreamFailure, retry: number): void {
    try {
      user.onUpstreamFailure(reason, retry)
    } catch (error) {
      this.#context.report(error)
      user.onUpstreamFailure('internal', NEVER)
    }
  }
}
