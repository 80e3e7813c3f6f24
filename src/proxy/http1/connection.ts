/**
 * One downstream connection, HTTP/1.1: reads requests one after the other and has the answers written in order.
 *
 * Pipelined requests wait in `#rest` (bounded by one read, since the socket is paused meanwhile), so there
 * is never more than one exchange and it is used again for each. A request in doubt gets its answer, and
 * then the connection is closed: what follows on it could be anything.
 *
 * While the socket is paused nobody hears that the client has left; then a deadline finds out.
 */

import type { Socket } from 'node:net'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { ClientConnection, Downstream, LocalAnswer } from '../downstream.ts'
import { Exchange } from '../exchange.ts'
import { type Failure, REQUEST_FAULTS, type RequestFault } from '../failure.ts'
import type { Peer } from '../forwarding.ts'
import { recordUnread } from '../outcome.ts'
import { unsentBytes } from '../unsent.ts'
import type { OnRead } from './adopt.ts'
import { isCrowded, mustBringBody, OpenBody } from '../crowd.ts'
import { NO_BODY } from './framing.ts'
import { INLINE_BYTES } from './outbox.ts'
import { RequestBody } from './request-body.ts'
import type { ResponseHead } from './response-head.ts'
import { ResponseWriter } from './response-writer.ts'

/** How long a connection that we close is still read, so that the client can take its last answer. */
const LINGER_MS = 2_000

/** Of a head that is refused, for the log. */
const SHOWN_BYTES = 200

const LF = 0x0a

const HEAD = 0
const BODY = 1
/** The request is whole; the exchange works on it. */
const BUSY = 2
/** The answer was given before the body was read: the rest of it is thrown away. */
const DISCARDING = 3
/** What is read belongs to a tunnel. */
const TUNNEL = 4
/** What is read is thrown away; the last answer drains. */
const CLOSING = 5

export class DownstreamConnection implements ClientConnection, Downstream {
  readonly peer: Peer
  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #writer: ResponseWriter
  readonly #exchange: Exchange
  readonly #body = new RequestBody()

  #state = HEAD
  /** Bytes that have arrived and wait: the beginning of a head, or what is pipelined. */
  #rest: Buffer | null = null
  #isReading = false
  /** The socket is not read: something waits that cannot be taken, or the upstream does not keep up. */
  #isPaused = false
  #isHeldByUpstream = false
  /** Some of a head has come. */
  #hasHeadBegun = false
  /** While no exchange is active. */
  #deadlineMs: number
  /** What was unsent at the last deadline. */
  #unsentBefore = Infinity
  /** The head is whole, and waits for its body. */
  #isHeldBack = false
  /** What had come of both when the deadline was set. */
  #broughtBytes = 0

  /** Of the present request, so far. */
  #bodyBytes = 0
  /** It is at its upstream, or on its way there, and its body is still coming. */
  readonly #openBody: OpenBody
  #isPersistent = true

  /** `attach` has the bytes of the connection handed over and returns its socket. */
  constructor(context: ThreadContext, peer: Peer, attach: (onRead: OnRead) => Socket) {
    this.#context = context
    this.peer = peer
    const socket = attach((bytes, byteCount) => this.#onRead(bytes, byteCount))
    this.#socket = socket
    this.#writer = new ResponseWriter(socket)
    this.#exchange = new Exchange(context, this)
    this.#openBody = new OpenBody(context)
    this.#deadlineMs = context.nowMs + context.table.timeouts.headMs
    context.tally[THREAD.accepted]!++
    socket
      .on('end', () => this.#onEnd())
      .on('drain', () => this.#onDrain())
      .on('error', () => socket.destroy())
      .on('close', () => this.#onClose())
  }

  get unsentBytes(): number {
    return unsentBytes(this.#socket)
  }

  /** More than the limit waits to be written; and `drain` will follow, which needs a full socket. */
  get isFull(): boolean {
    const socket = this.#socket
    return (
      socket.writableLength > this.#context.table.limits.bufferBytes && socket.writableNeedDrain
    )
  }

  /** Closes the connection if nothing is under way on it; otherwise it closes after the answer. */
  drain(): void {
    const { drainMs, table } = this.#context
    if (this.#exchange.isTunnel) {
      return this.#exchange.drainTunnel(Math.min(drainMs, table.timeouts.tunnelDrainMs))
    }
    if (this.#exchange.isActive || this.#state !== HEAD || this.#rest !== null) return
    if (this.unsentBytes === 0) this.destroy()
    else this.#close()
  }

  /** Calls back when the connection is closed. */
  onClosed(listener: () => void): void {
    this.#socket.once('close', listener)
  }

  /** Called every 250 ms with the time by which deadlines are due. */
  sweep(dueMs: number): void {
    try {
      this.#enforceDeadline(dueMs)
    } catch (error) {
      this.#onBug(error)
    }
  }

  #enforceDeadline(dueMs: number): void {
    if (this.#exchange.isActive) {
      if (this.#exchange.deadlineMs <= dueMs) this.#exchange.onDeadline()
    } else if (this.#deadlineMs <= dueMs) this.#onDeadline()
    else if (this.#isHeldBack && !isCrowded(this.#context)) this.#readRest()
  }

  /** Whoever has not taken all gets a reset, with which the kernel forgets its share too. */
  destroy(): void {
    this.#state = CLOSING
    this.#rest = null
    if (this.unsentBytes > 0) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** Without a length and without chunks only a reset tells that something is missing. */
  breakOff(): void {
    if (!this.#writer.isUntilClose) return this.destroy()
    this.#startClosing()
    this.#socket.resetAndDestroy()
  }

  #onDeadline(): void {
    if (this.#isClientTaking()) return
    if (this.#state === HEAD && this.#hasHeadBegun) this.#refuse('timeout')
    else this.destroy()
  }

  /** Whether a client that reads slowly has taken enough since the last deadline; then it gets another one. */
  #isClientTaking(): boolean {
    const { unsentBytes: leftBytes } = this
    if (leftBytes === 0 || leftBytes > this.#unsentBefore - this.#shareBytes) return false
    this.#unsentBefore = leftBytes
    this.#armStall()
    return true
  }

  /** Of a body, what has to move before the deadline is put off. */
  get #shareBytes(): number {
    const { limits, timeouts } = this.#context.table
    return Math.max(1, limits.bodyBytesPerSecond * (timeouts.bodyStallMs / 1000))
  }

  #armStall(): void {
    this.#deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
  }

  /** The bytes may be shared: small ones are used up or copied before this returns, large ones are copied first. */
  #onRead(bytes: Buffer, byteCount: number): void {
    const read = bytes.subarray(0, byteCount)
    this.#onData(byteCount > INLINE_BYTES ? Buffer.from(read) : read)
    if (this.#rest !== null && this.#rest.buffer === bytes.buffer)
      this.#rest = Buffer.from(this.#rest)
  }

  #onData(bytes: Buffer): void {
    if (this.#state === CLOSING) return
    if (this.#rest === null) {
      this.#rest = bytes
    } else {
      this.#rest = Buffer.concat([this.#rest, bytes])
      if (this.#isHeadStillCut(bytes)) return
    }
    this.#read()
  }

  /** A head that comes byte by byte is looked at once a line, not once a byte. */
  #isHeadStillCut(bytes: Buffer): boolean {
    return (
      this.#state === HEAD &&
      this.#hasHeadBegun &&
      !this.#isHeldBack &&
      !bytes.includes(LF) &&
      this.#rest!.length < this.#context.table.limits.headBytes
    )
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
    this.#writer.flush()
    this.#updateReading()
  }

  /** Returns whether there may be more to do. */
  #step(): boolean {
    switch (this.#state) {
      case HEAD:
        return !this.isFull && this.#readHead()
      case BODY:
        return this.#exchange.takesBody && this.#readBody()
      case DISCARDING:
        return this.#readBody()
      case TUNNEL:
        return this.#exchange.takesBody && this.#readTunnel()
      case CLOSING:
        this.#rest = null
        return false
      default:
        return false
    }
  }

  #updateReading(): void {
    const mustPause = this.#isHeldByUpstream || (this.#rest !== null && !this.#takesRest())
    if (mustPause === this.#isPaused) return
    this.#isPaused = mustPause
    if (mustPause) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Whether what waits in `#rest` needs no more than further bytes. */
  #takesRest(): boolean {
    if (this.#state === HEAD) return !this.isFull
    return this.#state === DISCARDING || this.#state === CLOSING
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
    if (head.bodyKind !== NO_BODY && isCrowded(this.#context)) {
      const isLate = mustBringBody(head, bytes.subarray(headEnd))
      if (isLate && !head.expectsContinue) return this.#holdBack(bytes.length)
      if (isLate) {
        this.#refuse('crowded')
        return false
      }
    }
    this.#isHeldBack = false
    this.#rest = headEnd === bytes.length ? null : bytes.subarray(headEnd)
    this.#deadlineMs = Infinity
    this.#bodyBytes = 0
    this.#body.begin(head)
    this.#isPersistent = head.isPersistent && !head.isUpgrade
    this.#writer.isHttp11 = head.minorVersion === 1
    this.#writer.via = this.#context.table.via
    this.#state = head.bodyKind === NO_BODY ? BUSY : BODY
    if (this.#state === BODY) this.#openBody.open()
    this.#exchange.begin(head)
    if (this.#state === BODY && this.#body.isWhole) this.#finishBody()
    return true
  }

  /** The first bytes of a head start its clock; more bytes do not wind it up again. */
  #armHeadDeadline(): void {
    if (this.#hasHeadBegun) return
    this.#hasHeadBegun = true
    this.#deadlineMs = this.#context.nowMs + this.#context.table.timeouts.headMs
  }

  /** Waits for more of a request of which `byteCount` have come, as long as it comes at a certain pace. */
  #holdBack(byteCount: number): false {
    if (!this.#isHeldBack || byteCount >= this.#broughtBytes + this.#shareBytes) {
      this.#broughtBytes = byteCount
      this.#armStall()
    }
    this.#isHeldBack = true
    this.#hasHeadBegun = true
    return false
  }

  #readBody(): boolean {
    const bytes = this.#rest!
    const end = this.#body.read(bytes, this)
    if (end < 0) {
      this.refuseBody('badChunk')
      return false
    }
    this.#rest = end === bytes.length ? null : bytes.subarray(end)
    if (this.#body.isWhole) this.#finishBody()
    return true
  }

  #readTunnel(): boolean {
    const bytes = this.#rest!
    this.#rest = null
    this.#exchange.onRequestData(bytes, 0, bytes.length)
    return false
  }

  onChunkData(bytes: Buffer, start: number, end: number): void {
    if (this.#state !== BODY) return
    this.#bodyBytes += end - start
    const limit = this.#context.table.limits.bodyBytes
    if (limit > 0 && this.#bodyBytes > limit) this.refuseBody('bodyTooLarge')
    else this.#exchange.onRequestData(bytes, start, end)
  }

  #finishBody(): void {
    if (this.#state === DISCARDING) {
      this.#nextRequest()
    } else if (this.#state === BODY) {
      this.#state = BUSY
      this.#openBody.close()
      this.#exchange.onRequestEnd(this.#body.trailers)
    }
  }

  refuseBody(fault: RequestFault): void {
    this.#isPersistent = false
    if (this.#exchange.isActive) this.#exchange.onRequestFault(fault)
    else this.#close()
  }

  /** Answers a head that was refused, and closes. */
  #refuse(fault: RequestFault): void {
    const found = this.#rest?.toString('latin1', 0, SHOWN_BYTES) ?? ''
    recordUnread(this.#context, this.peer, { fault, found })
    const { dateLine } = this.#context
    this.#writer.failure(REQUEST_FAULTS[fault], { dateLine, extraLines: '', isPersistent: false })
    this.#close()
  }

  pauseRequest(): void {
    this.#isHeldByUpstream = true
    this.#updateReading()
  }

  resumeRequest(): void {
    if (this.#state === CLOSING) return
    this.#isHeldByUpstream = false
    this.#readOrResume()
  }

  #onDrain(): void {
    this.#exchange.onDownstreamDrain()
    if (this.#state === HEAD) this.#readOrResume()
  }

  #readOrResume(): void {
    if (this.#rest === null) this.#updateReading()
    else this.#read()
  }

  sendInformational(head: ResponseHead): void {
    this.#writer.informational(head)
  }

  sendSwitch(head: ResponseHead, extraLines: string): void {
    this.#state = TUNNEL
    this.#writer.switch(head, extraLines)
  }

  sendHead(head: ResponseHead, extraLines: string): void {
    this.#settlePersistence()
    if (this.#writer.needsClose(head)) this.#isPersistent = false
    this.#writer.head(head, extraLines, this.#isPersistent)
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    return this.#writer.data(bytes, start, end)
  }

  sendEnd(trailers: string): void {
    this.#writer.end(trailers)
    if (this.#state !== TUNNEL) return
    this.#writer.flush()
    this.#socket.end()
  }

  /** HTTP/1.0 is answered with a close, as its clients expect of a failure. */
  sendFailure(failure: Failure, { extraLines, isGrpc }: LocalAnswer): void {
    this.#settlePersistence()
    if (!this.#writer.isHttp11) this.#isPersistent = false
    const { dateLine } = this.#context
    const isHead = this.#exchange.method === 'HEAD'
    const isPersistent = this.#isPersistent
    this.#writer.failure(failure, { dateLine, extraLines, isPersistent, isHead, isGrpc })
  }

  flush(): void {
    this.#writer.flush()
  }

  /** From here on persistent means: when the answer comes before the body's end, the rest of it is short. */
  #settlePersistence(): void {
    if (this.#context.isDraining) this.#isPersistent = false
    if (this.#state === BODY && !this.#body.isRestShort) this.#isPersistent = false
  }

  onExchangeEnd(): void {
    this.#openBody.close()
    if (this.#state === CLOSING) return
    if (!this.#isPersistent) return this.#close()
    if (this.#state === BUSY || this.#body.isWhole) {
      this.#nextRequest()
    } else {
      this.#state = DISCARDING
      this.#isHeldByUpstream = false
      this.#armStall()
    }
    this.#readOrResume()
  }

  /** Draining may have begun after the answer's head, which then did not say so. */
  #nextRequest(): void {
    if (this.#context.isDraining) return this.#close()
    this.#state = HEAD
    this.#hasHeadBegun = false
    this.#isHeldByUpstream = false
    this.#unsentBefore = Infinity
    this.#deadlineMs = this.#context.nowMs + this.#context.table.timeouts.idleMs
  }

  /** Writes what is left and closes; reads on for a while, since a reset would take the answer with it. */
  #close(): void {
    this.#startClosing()
    this.#writer.flush()
    this.#socket.end()
    this.#updateReading()
  }

  #startClosing(): void {
    this.#state = CLOSING
    this.#rest = null
    this.#isHeldByUpstream = false
    this.#unsentBefore = Infinity
    this.#deadlineMs = this.#context.nowMs + LINGER_MS
  }

  /** The client sends no more. Where it waits for an answer it is taken to be gone, as by nginx and Envoy. */
  #onEnd(): void {
    if (this.#state === CLOSING) return
    if (this.#state === TUNNEL) this.#exchange.onRequestEnd('')
    else if (this.#exchange.isActive) this.destroy()
    else this.#close()
  }

  #onClose(): void {
    this.#state = CLOSING
    this.#openBody.close()
    this.#context.tally[THREAD.closed]!++
    this.#exchange.onClientGone()
  }
}
