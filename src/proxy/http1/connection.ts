/**
 * One downstream connection, HTTP/1.1: reads requests one after the other and writes the answers in order.
 *
 * Pipelined requests wait in `#rest` (bounded by one read, since the socket is paused meanwhile), so there
 * is never more than one exchange and it is used again for each. A request in doubt gets its answer, and
 * then the connection is closed: what follows on it could be anything.
 */

import type { Socket } from 'node:net'
import { FIRST_CODE, THREAD } from '../../analyzer/tally.ts'
import { plainAddress } from '../address.ts'
import type { ThreadContext } from '../context.ts'
import { type Downstream, Exchange } from '../exchange.ts'
import { type Failure, REQUEST_FAULTS, type RequestFault } from '../failure.ts'
import { createPeer, type Peer, VIA_LINE } from '../forwarding.ts'
import { ChunkedDecoder } from './chunked.ts'
import { localAnswer } from './local-answer.ts'
import { Outbox } from './outbox.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, UNTIL_CLOSE } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/** An unread body up to this many bytes is read and thrown away, so that the connection can go on. */
const DISCARD_BYTES = 64 * 1024
/** How long a connection that we close is still read, so that the client can take its last answer. */
const LINGER_MS = 2_000

const HEAD = 0
const BODY = 1
/** The request is whole; the exchange works on it. */
const BUSY = 2
/** The answer was given before the body was read: the rest of it is thrown away. */
const DISCARDING = 3
/** Nothing is read any more; the last answer drains. */
const CLOSING = 4

export class DownstreamConnection implements Downstream {
  readonly peer: Peer
  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #exchange: Exchange
  readonly #decoder = new ChunkedDecoder()

  #state = HEAD
  /** Bytes that have arrived and wait: the beginning of a head, or what is pipelined. */
  #rest: Buffer | null = null
  #isReading = false
  /** The socket is not read: something waits that cannot be taken, or the upstream does not keep up. */
  #isPaused = false
  #isHeldByUpstream = false
  #hasEnded = false
  /** While no exchange is active. */
  #deadlineMs: number

  #requestBodyKind = NO_BODY
  #remainingBytes = 0
  #bodyBytes = 0
  #expectsContinue = false
  #isHttp11 = true
  #isPersistent = true
  #responseBodyKind = NO_BODY

  constructor(context: ThreadContext, socket: Socket) {
    this.#context = context
    this.#socket = socket
    this.#outbox = new Outbox(socket)
    const address = plainAddress(socket.remoteAddress ?? '')
    this.peer = createPeer(address, context.table.trusted.has(address))
    this.#exchange = new Exchange(context, this)
    this.#deadlineMs = context.nowMs + context.table.timeouts.headMs
    context.tally[THREAD.accepted]!++
    socket
      .on('data', (bytes: Buffer) => this.#onData(bytes))
      .on('end', () => this.#onEnd())
      .on('drain', () => this.#exchange.onDownstreamDrain())
      .on('error', () => socket.destroy())
      .on('close', () => this.#onClose())
  }

  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /** Whether no request is being worked on. */
  get isIdle(): boolean {
    return !this.#exchange.isActive && this.#state === HEAD && this.#rest === null
  }

  /** Called every 250 ms. */
  sweep(nowMs: number): void {
    try {
      this.#enforceDeadline(nowMs)
    } catch (error) {
      this.#onBug(error)
    }
  }

  #enforceDeadline(nowMs: number): void {
    if (this.#exchange.isActive) {
      if (this.#exchange.deadlineMs <= nowMs) this.#exchange.onDeadline()
    } else if (this.#deadlineMs <= nowMs) this.#onDeadline()
  }

  destroy(): void {
    this.#state = CLOSING
    this.#socket.destroy()
  }

  #onDeadline(): void {
    if (this.#state === HEAD && this.#rest !== null) this.#refuse('timeout')
    else this.destroy()
  }

  #onData(bytes: Buffer): void {
    if (this.#state === CLOSING) return
    this.#rest = this.#rest === null ? bytes : Buffer.concat([this.#rest, bytes])
    this.#read()
  }

  /** A bug ends the connection it struck, and nothing else. */
  #read(): void {
    try {
      this.#readRest()
    } catch (error) {
      this.#onBug(error)
    }
  }

  #onBug(error: unknown): void {
    this.#context.report(error)
    this.destroy()
  }

  /** Takes as much as can be taken of what has arrived. Not reentrant: answers given at once come back here. */
  #readRest(): void {
    if (this.#isReading) return
    this.#isReading = true
    while (this.#rest !== null && this.#step()) {
      // each step takes a head or a piece of a body
    }
    this.#isReading = false
    this.#exchange.flushUpstream()
    this.#outbox.flush()
    this.#updateReading()
  }

  /** Returns whether there may be more to do. */
  #step(): boolean {
    switch (this.#state) {
      case HEAD:
        return this.#readHead()
      case BODY:
        return this.#exchange.takesBody && this.#readBody()
      case DISCARDING:
        return this.#readBody()
      case CLOSING:
        this.#rest = null
        return false
      default:
        return false
    }
  }

  #updateReading(): void {
    const isBusy = this.#state === BUSY || this.#state === BODY
    const mustPause = isBusy && (this.#rest !== null || this.#isHeldByUpstream)
    if (mustPause === this.#isPaused) return
    this.#isPaused = mustPause
    if (mustPause) this.#socket.pause()
    else this.#socket.resume()
  }

  #readHead(): boolean {
    const bytes = this.#rest!
    const head = this.#context.requestHead
    const headEnd = head.parse(bytes, 0, bytes.length)
    if (headEnd === 0) {
      this.#armHeadDeadline()
      return false
    }
    if (headEnd < 0) {
      this.#refuse(head.fault)
      return false
    }
    this.#rest = headEnd === bytes.length ? null : bytes.subarray(headEnd)
    this.#deadlineMs = Infinity
    this.#requestBodyKind = head.bodyKind
    this.#remainingBytes = head.contentLength
    this.#bodyBytes = 0
    this.#expectsContinue = head.expectsContinue
    this.#isHttp11 = head.minorVersion === 1
    this.#isPersistent = head.isPersistent && !head.isUpgrade
    if (head.bodyKind === CHUNKED) this.#decoder.reset()
    this.#state = head.bodyKind === NO_BODY ? BUSY : BODY
    this.#exchange.begin(head)
    if (this.#state === BODY && this.#remainingBytes === 0 && head.bodyKind === BY_LENGTH)
      this.#finishBody()
    return true
  }

  /** The first bytes of a head start its clock; more bytes do not wind it up again. */
  #armHeadDeadline(): void {
    const { nowMs, table } = this.#context
    this.#deadlineMs = Math.min(this.#deadlineMs, nowMs + table.timeouts.headMs)
  }

  #readBody(): boolean {
    const bytes = this.#rest!
    if (this.#requestBodyKind === BY_LENGTH) {
      const take = Math.min(this.#remainingBytes, bytes.length)
      this.#rest = take === bytes.length ? null : bytes.subarray(take)
      this.#remainingBytes -= take
      if (this.#state === BODY) this.#exchange.onRequestData(bytes, 0, take)
      if (this.#remainingBytes === 0) this.#finishBody()
      return true
    }
    const end = this.#decoder.decode(bytes, 0, bytes.length, this)
    if (end < 0) {
      this.#faultInBody('badChunk')
      return false
    }
    this.#rest = end === bytes.length ? null : bytes.subarray(end)
    if (this.#decoder.isDone) this.#finishBody()
    return this.#state !== CLOSING
  }

  onChunkData(bytes: Buffer, start: number, end: number): void {
    if (this.#state !== BODY) return
    this.#bodyBytes += end - start
    const limit = this.#context.table.limits.bodyBytes
    if (limit > 0 && this.#bodyBytes > limit) this.#faultInBody('bodyTooLarge')
    else this.#exchange.onRequestData(bytes, start, end)
  }

  #finishBody(): void {
    if (this.#state === DISCARDING) {
      this.#nextRequest()
    } else if (this.#state === BODY) {
      this.#state = BUSY
      this.#exchange.onRequestEnd()
    }
  }

  #faultInBody(fault: RequestFault): void {
    this.#isPersistent = false
    if (this.#exchange.isActive) this.#exchange.onRequestFault(REQUEST_FAULTS[fault])
    else this.#close()
  }

  /** Answers a head that was refused, and closes. */
  #refuse(fault: RequestFault): void {
    const failure = REQUEST_FAULTS[fault]
    this.#context.tally[THREAD.localCodes + failure.status - FIRST_CODE]!++
    this.#isPersistent = false
    this.#isHttp11 = true
    this.#outbox.text(
      localAnswer(failure, {
        dateLine: this.#context.dateLine,
        extraLines: '',
        isPersistent: false,
      }),
    )
    this.#close()
  }

  pauseRequest(): void {
    this.#isHeldByUpstream = true
    this.#updateReading()
  }

  resumeRequest(): void {
    if (this.#state === CLOSING) return
    this.#isHeldByUpstream = false
    if (this.#rest === null) this.#updateReading()
    else this.#read()
  }

  sendInformational(head: ResponseHead): void {
    if (!this.#isHttp11) return
    this.#outbox.text(`HTTP/1.1 ${head.statusText}\r\n${head.lines}${VIA_LINE}\r\n`)
    this.#outbox.flush()
  }

  sendHead(head: ResponseHead, extraLines: string): void {
    const { bodyKind, contentLength } = head
    let framing = ''
    if (bodyKind === CHUNKED || bodyKind === UNTIL_CLOSE) {
      this.#responseBodyKind = this.#isHttp11 ? CHUNKED : UNTIL_CLOSE
      if (this.#isHttp11) framing = 'transfer-encoding: chunked\r\n'
      else this.#isPersistent = false
    } else {
      this.#responseBodyKind = bodyKind
      if (contentLength >= 0) framing = `content-length: ${contentLength}\r\n`
    }
    this.#outbox.text(
      `HTTP/1.1 ${head.statusText}\r\n${head.lines}${VIA_LINE}${extraLines}${framing}${this.#connectionLine()}\r\n`,
    )
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    const outbox = this.#outbox
    if (this.#responseBodyKind !== CHUNKED) return outbox.bytes(bytes, start, end)
    outbox.text(`${(end - start).toString(16)}\r\n`)
    const isInUse = outbox.bytes(bytes, start, end)
    outbox.text('\r\n')
    return isInUse
  }

  sendEnd(): void {
    if (this.#responseBodyKind === CHUNKED) this.#outbox.text('0\r\n\r\n')
  }

  sendFailure(failure: Failure, extraLines: string): void {
    this.#settlePersistence()
    const { dateLine } = this.#context
    const isHead = this.#exchange.method === 'HEAD'
    this.#outbox.text(
      localAnswer(failure, { dateLine, extraLines, isPersistent: this.#isPersistent, isHead }),
    )
  }

  flush(): void {
    this.#outbox.flush()
  }

  /** Says what becomes of the connection, where that is not what the version implies. */
  #connectionLine(): string {
    this.#settlePersistence()
    if (!this.#isPersistent) return 'connection: close\r\n'
    return this.#isHttp11 ? '' : 'connection: keep-alive\r\n'
  }

  #settlePersistence(): void {
    if (this.#context.isDraining) this.#isPersistent = false
    if (this.#state === BODY && !this.#isRestShort()) this.#isPersistent = false
  }

  /** Whether what is missing of the body is short and sure to come. */
  #isRestShort(): boolean {
    return (
      this.#requestBodyKind === BY_LENGTH &&
      this.#remainingBytes <= DISCARD_BYTES &&
      !this.#expectsContinue
    )
  }

  onExchangeEnd(): void {
    if (this.#state === CLOSING) return
    if (this.#context.isDraining) this.#isPersistent = false
    if (!this.#isPersistent) {
      this.#close()
    } else if (this.#state === BUSY) {
      this.#nextRequest()
      if (this.#rest !== null) this.#read()
      else if (this.#hasEnded) this.#close()
    } else if (this.#isRestShort()) {
      this.#state = DISCARDING
      this.#deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
      this.#isHeldByUpstream = false
      if (this.#rest === null) this.#updateReading()
      else this.#read()
    } else {
      this.#close()
    }
  }

  #nextRequest(): void {
    this.#state = HEAD
    this.#deadlineMs = this.#context.nowMs + this.#context.table.timeouts.idleMs
    this.#isHeldByUpstream = false
    if (this.#rest === null) this.#updateReading()
  }

  /** Writes what is left and closes; reads on for a while, since a reset would take the answer with it. */
  #close(): void {
    this.#state = CLOSING
    this.#rest = null
    this.#deadlineMs = this.#context.nowMs + LINGER_MS
    this.#outbox.flush()
    this.#socket.end()
    this.#updateReading()
  }

  /** The client sends no more. Where it waits for an answer it is taken to be gone, as by nginx and Envoy. */
  #onEnd(): void {
    this.#hasEnded = true
    if (this.#state === CLOSING) return
    if (this.#exchange.isActive) this.destroy()
    else this.#close()
  }

  #onClose(): void {
    this.#state = CLOSING
    this.#context.tally[THREAD.closed]!++
    this.#exchange.onClientGone()
  }
}
