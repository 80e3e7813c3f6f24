/**
 * One downstream connection, HTTP/1.1: has its requests read one after the other and the answers written in order.
 *
 * There is never more than one exchange, and it is used again for each request. A request in doubt gets its answer, and
 * then the connection is closed: what follows on it could be anything.
 *
 * While the socket is paused nobody hears that the client has left; then a deadline finds out.
 */

import type { Socket } from 'node:net'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { ClientConnection, Downstream, LocalAnswer } from '../downstream.ts'
import { OpenBody } from '../crowd.ts'
import { Exchange } from '../exchange.ts'
import { type Failure, REQUEST_FAULTS, type RequestFault } from '../failure.ts'
import type { Peer } from '../forwarding.ts'
import { recordUnread } from '../outcome.ts'
import { unsentBytes } from '../unsent.ts'
import type { OnRead } from './adopt.ts'
import { NO_BODY } from './framing.ts'
import { Patience } from './patience.ts'
import type { RequestHead } from './request-head.ts'
import { RequestReader, type RequestTaker } from './request-reader.ts'
import type { ResponseHead } from './response-head.ts'
import { ResponseWriter } from './response-writer.ts'

/** Of a head that is refused, for the log. */
const SHOWN_BYTES = 200

export class DownstreamConnection implements ClientConnection, Downstream, RequestTaker {
  readonly peer: Peer
  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #patience: Patience
  readonly #reader: RequestReader
  readonly #writer: ResponseWriter
  readonly #exchange: Exchange
  /** It is at its upstream, or on its way there, and its body is still coming. */
  readonly #openBody: OpenBody
  #isPersistent = true

  /** `attach` has the bytes of the connection handed over and returns its socket. */
  constructor(context: ThreadContext, peer: Peer, attach: (onRead: OnRead) => Socket) {
    this.#context = context
    this.peer = peer
    const socket = attach((bytes, byteCount) => this.#reader.receive(bytes, byteCount))
    this.#socket = socket
    this.#patience = new Patience(context)
    this.#reader = new RequestReader(context, socket, { taker: this, patience: this.#patience })
    this.#writer = new ResponseWriter(socket)
    this.#exchange = new Exchange(context, this)
    this.#openBody = new OpenBody(context)
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

  get takesBody(): boolean {
    return this.#exchange.takesBody
  }

  onHead(head: RequestHead): void {
    this.#isPersistent = head.isPersistent && !head.isUpgrade
    this.#writer.isHttp11 = head.minorVersion === 1
    this.#writer.via = this.#context.table.via
    if (head.bodyKind !== NO_BODY) this.#openBody.open()
    this.#exchange.begin(head)
  }

  onBodyData(bytes: Buffer, start: number, end: number): void {
    this.#exchange.onRequestData(bytes, start, end)
  }

  onBodyEnd(trailers: string): void {
    this.#openBody.close()
    this.#exchange.onRequestEnd(trailers)
  }

  onReadEnd(): void {
    this.#exchange.flushUpstream()
    this.#writer.flush()
  }

  /** Answers a head that was refused, and closes. */
  onHeadFault(fault: RequestFault): void {
    recordUnread(this.#context, this.peer, { fault, found: this.#reader.shown(SHOWN_BYTES) })
    const { dateLine } = this.#context
    this.#writer.failure(REQUEST_FAULTS[fault], { dateLine, extraLines: '', isPersistent: false })
    this.#close()
  }

  onDiscarded(): void {
    this.#nextRequest()
  }

  onBug(error: unknown): void {
    this.#context.report(error)
    this.destroy()
  }

  refuseBody(fault: RequestFault): void {
    this.#isPersistent = false
    if (this.#exchange.isActive) this.#exchange.onRequestFault(fault)
    else this.#close()
  }

  pauseRequest(): void {
    this.#reader.hold()
  }

  resumeRequest(): void {
    this.#reader.release()
  }

  #onDrain(): void {
    this.#exchange.onDownstreamDrain()
    if (this.#reader.isAtHead) this.#reader.goOn()
  }

  sendInformational(head: ResponseHead): void {
    this.#writer.informational(head)
  }

  sendSwitch(head: ResponseHead, extraLines: string): void {
    this.#reader.startTunnel()
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
    if (!this.#reader.isTunnel) return
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
    if (this.#reader.isRestLong) this.#isPersistent = false
  }

  onExchangeEnd(): void {
    const reader = this.#reader
    this.#openBody.close()
    if (reader.isClosing) return
    if (!this.#isPersistent) return this.#close()
    if (reader.finish()) this.#nextRequest()
    reader.goOn()
  }

  /** Draining may have begun after the answer's head, which then did not say so. */
  #nextRequest(): void {
    if (this.#context.isDraining) this.#close()
    else this.#reader.awaitNext()
  }

  /** Closes the connection if nothing is under way on it; otherwise it closes after the answer. */
  drain(): void {
    const { drainMs, table } = this.#context
    if (this.#exchange.isTunnel) {
      return this.#exchange.drainTunnel(Math.min(drainMs, table.timeouts.tunnelDrainMs))
    }
    if (this.#exchange.isActive || !this.#reader.isIdle) return
    if (this.unsentBytes === 0) this.destroy()
    else this.#close()
  }

  /** Called every 250 ms with the time by which deadlines are due. */
  sweep(dueMs: number): void {
    try {
      this.#enforceDeadline(dueMs)
    } catch (error) {
      this.onBug(error)
    }
  }

  #enforceDeadline(dueMs: number): void {
    if (this.#exchange.isActive) {
      if (this.#exchange.deadlineMs <= dueMs) this.#exchange.onDeadline()
    } else if (this.#patience.deadlineMs <= dueMs) this.#onDeadline()
    else this.#reader.retryHeldBack()
  }

  #onDeadline(): void {
    if (this.#patience.isTaking(this.unsentBytes)) return
    if (this.#reader.isAtHead && this.#patience.hasHeadBegun) this.onHeadFault('timeout')
    else this.destroy()
  }

  /** Writes what is left and closes; reads on for a while, since a reset would take the answer with it. */
  #close(): void {
    this.#startClosing()
    this.#writer.flush()
    this.#socket.end()
    this.#reader.goOn()
  }

  #startClosing(): void {
    this.#reader.close()
    this.#patience.awaitClose()
  }

  /** Whoever has not taken all gets a reset, with which the kernel forgets its share too. */
  destroy(): void {
    this.#reader.close()
    if (this.unsentBytes > 0) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
  }

  /** Without a length and without chunks only a reset tells that something is missing. */
  breakOff(): void {
    if (!this.#writer.isUntilClose) return this.destroy()
    this.#startClosing()
    this.#socket.resetAndDestroy()
  }

  /** The client sends no more. Where it waits for an answer it is taken to be gone, as by nginx and Envoy. */
  #onEnd(): void {
    if (this.#reader.isClosing) return
    if (this.#reader.isTunnel) this.#exchange.onRequestEnd('')
    else if (this.#exchange.isActive) this.destroy()
    else this.#close()
  }

  #onClose(): void {
    this.#reader.close()
    this.#openBody.close()
    this.#context.tally[THREAD.closed]!++
    this.#exchange.onClientGone()
  }

  /** Calls back when the connection is closed. */
  onClosed(listener: () => void): void {
    this.#socket.once('close', listener)
  }
}
