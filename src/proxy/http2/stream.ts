/**
 * One stream of a client's HTTP/2 session: a request and its answer, and the exchange between them. Hot.
 *
 * Reading begins when the exchange takes content, and stops when the upstream does not keep up: the client then comes
 * to the end of its window and waits. What is reset, by whom ever, ends with `close`.
 */

import { constants, type ServerHttp2Stream } from 'node:http2'
import type { ThreadContext } from '../context.ts'
import type { Downstream, LocalAnswer } from '../downstream.ts'
import { isCrowded, OpenBody } from '../crowd.ts'
import { Exchange } from '../exchange.ts'
import { type Failure, REQUEST_FAULTS, type RequestFault } from '../failure.ts'
import type { Peer } from '../forwarding.ts'
import { isGrpcType } from '../grpc.ts'
import { BY_LENGTH } from '../http1/framing.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { passedTrailers } from '../http1/trailers.ts'
import { recordUnread } from '../outcome.ts'
import { Pace } from '../pace.ts'
import { AnswerWriter } from './answer-writer.ts'
import { type RequestText, trailerText } from './request-text.ts'

const { NGHTTP2_INTERNAL_ERROR } = constants

/** The session, as its streams know it. */
export interface StreamOwner {
  readonly peer: Peer
  /** Unsent bytes that each stream may hold. */
  readonly bufferBytes: number
  readonly requestText: RequestText
  /** Whether the stream has a malformed field that nghttp2 has left out; asked once. */
  takeUnsound(streamId: number | undefined): boolean
  /** What the stream's header block said in so many words, where that is kept. */
  foundIn(streamId: number | undefined): string
  /** `wasOfUse`: its answer has begun, and it did not end for a fault of the client's. */
  onStreamClosed(streamId: number, wasOfUse: boolean): void
}

export class ClientStream implements Downstream {
  readonly #context: ThreadContext
  readonly #owner: StreamOwner
  readonly #stream: ServerHttp2Stream
  readonly #answer: AnswerWriter
  readonly #exchange: Exchange

  /** All of the request has come. */
  #isRequestDone: boolean
  /** Its content is listened to. */
  #isReading = false
  /** -1 where the length is not known. */
  #contentLength = -1
  #bodyBytes = 0
  #trailers = ''
  /** We have reset it, or cut it off with its session. */
  #isCut = false
  /** It was reset because the client broke a rule. */
  #isFault = false
  /** While no exchange is active. */
  #deadlineMs = Infinity
  readonly #pace = new Pace()
  readonly #openBody: OpenBody

  constructor(
    context: ThreadContext,
    owner: StreamOwner,
    opened: { readonly stream: ServerHttp2Stream; readonly isWhole: boolean },
  ) {
    this.#context = context
    this.#owner = owner
    this.#stream = opened.stream
    this.#isRequestDone = opened.isWhole
    this.#answer = new AnswerWriter(opened.stream)
    this.#answer.onDrain = () => this.#guard(() => this.#exchange.onDownstreamDrain())
    this.#exchange = new Exchange(context, this)
    this.#openBody = new OpenBody(context)
    opened.stream.on('error', ignore).on('close', () => this.#guard(() => this.#onClose()))
  }

  get peer(): Peer {
    return this.#owner.peer
  }

  get unsentBytes(): number {
    return this.#answer.unsentBytes
  }

  get isFull(): boolean {
    return this.#answer.isFull(this.#owner.bufferBytes)
  }

  /** Starts the request. `raw`: names and values in turn. */
  begin(raw: readonly string[]): void {
    this.#guard(() => this.#begin(raw))
  }

  /** A bug ends the stream it struck, and nothing else. */
  #guard(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#context.report(error)
      this.#cutOff()
    }
  }

  #cutOff(): void {
    this.breakOff()
    if (this.#exchange.isActive) this.#exchange.onClientGone()
  }

  #begin(raw: readonly string[]): void {
    const text = this.#owner.requestText
    if (this.#owner.takeUnsound(this.#stream.id)) {
      return this.#refuse('malformed', this.#owner.foundIn(this.#stream.id), raw)
    }
    if (!text.read(raw, this.#isRequestDone)) return this.#refuse(text.fault, text.found, raw)
    const head = this.#parse(text.text)
    if (head.fault !== null) return this.#refuse(head.fault, text.text, raw)
    const { requestHead } = this.#context
    requestHead.isHttp2 = true
    if (!this.#isRequestDone) {
      if (isCrowded(this.#context)) return this.#refuse('crowded', text.text, raw)
      this.#expectContent(requestHead)
    }
    this.#exchange.begin(requestHead)
    this.#exchange.flushUpstream()
    if (this.#exchange.takesBody) this.resumeRequest()
  }

  #parse(text: string): { readonly fault: RequestFault | null } {
    const { requestHead } = this.#context
    const { scratch } = this.#context.buffers
    if (text.length > scratch.length) return { fault: 'headTooLarge' }
    const byteCount = scratch.write(text, 'latin1')
    const headEnd = requestHead.parse(scratch, 0, byteCount)
    if (headEnd === byteCount) return WELL
    return { fault: headEnd < 0 ? requestHead.fault : 'malformed' }
  }

  #expectContent(head: RequestHead): void {
    if (head.bodyKind === BY_LENGTH) this.#contentLength = head.contentLength
    if (!head.isUpgrade) this.#openBody.open()
    this.#stream
      .on('aborted', () => this.#guard(() => this.#onAborted()))
      .on('end', () => this.#guard(() => this.#onEnd()))
      .on('trailers', (_fields, _flags, raw) => this.#guard(() => this.#onTrailers(raw)))
  }

  /** An answer to a request that has not come to be an exchange. */
  #refuse(fault: RequestFault, found: string, raw: readonly string[]): void {
    const failure = REQUEST_FAULTS[fault]
    recordUnread(this.#context, this.peer, { fault, found })
    const isHead = raw[raw.indexOf(':method') + 1] === 'HEAD'
    const isGrpc = isGrpcType(raw[raw.indexOf('content-type') + 1] ?? '')
    this.#sendFailure(failure, { extraLines: '', isGrpc }, isHead)
    this.onExchangeEnd()
  }

  /** Called every 250 ms with the time by which deadlines are due. */
  sweep(dueMs: number): void {
    if (this.#exchange.isActive) {
      if (this.#exchange.deadlineMs <= dueMs) this.#guard(() => this.#exchange.onDeadline())
    } else if (this.#deadlineMs <= dueMs && !this.#isClientTaking()) {
      this.breakOff()
    }
  }

  /** Whether a client that reads slowly has taken enough since the last deadline; then it gets another one. */
  #isClientTaking(): boolean {
    if (!this.#pace.isTaking(this.unsentBytes)) return false
    this.#armStall()
    return true
  }

  #armStall(): void {
    const { limits, timeouts } = this.#context.table
    this.#pace.begin(limits.bodyBytesPerSecond * (timeouts.bodyStallMs / 1000))
    this.#deadlineMs = this.#context.nowMs + timeouts.bodyStallMs
  }

  #onData(bytes: Buffer): void {
    const exchange = this.#exchange
    if (!exchange.takesBody) return
    this.#bodyBytes += bytes.length
    const limit = this.#context.table.limits.bodyBytes
    if (limit > 0 && this.#bodyBytes > limit && !exchange.isTunnel) this.refuseBody('bodyTooLarge')
    else if (this.#contentLength >= 0 && this.#bodyBytes > this.#contentLength) {
      this.refuseBody('badLength')
    } else {
      exchange.onRequestData(bytes, 0, bytes.length)
      exchange.flushUpstream()
    }
  }

  /** nghttp2 resets a stream with trailers of pseudo-header fields, or without an end. */
  #onTrailers(raw: readonly string[]): void {
    const text = this.#owner.takeUnsound(this.#stream.id) ? null : trailerText(raw)
    if (text === null) this.refuseBody('malformed')
    else this.#trailers = passedTrailers(text)
  }

  /** Without content it may come before there is an upstream, as nothing has to be read for it. */
  #onEnd(): void {
    this.#isRequestDone = true
    this.#openBody.close()
    if (!this.#exchange.isActive) return
    if (this.#contentLength >= 0 && this.#bodyBytes !== this.#contentLength) {
      return this.refuseBody('badLength')
    }
    this.#exchange.onRequestEnd(this.#trailers)
    this.#exchange.flushUpstream()
  }

  pauseRequest(): void {
    this.#stream.pause()
  }

  resumeRequest(): void {
    if (this.#isReading) return void this.#stream.resume()
    if (this.#isRequestDone) return
    this.#isReading = true
    this.#stream.on('data', (bytes: Buffer) => this.#guard(() => this.#onData(bytes)))
    // A listener does not set going what was paused before.
    this.#stream.resume()
  }

  refuseBody(fault: RequestFault): void {
    this.#exchange.onRequestFault(fault)
  }

  sendInformational(head: ResponseHead): void {
    this.#answer.informational(head, this.#context.table.via)
  }

  sendSwitch(head: ResponseHead, extraLines: string): void {
    this.#answer.switch(head, extraLines, this.#context.table.via)
  }

  sendHead(head: ResponseHead, extraLines: string): void {
    this.#answer.head(head, extraLines, this.#context.table.via)
  }

  sendData(bytes: Buffer, start: number, end: number): boolean {
    return this.#answer.data(bytes, start, end)
  }

  sendEnd(trailers: string): void {
    this.#answer.end(trailers)
  }

  sendFailure(failure: Failure, answer: LocalAnswer): void {
    this.#sendFailure(failure, answer, this.#exchange.method === 'HEAD')
  }

  #sendFailure(failure: Failure, answer: LocalAnswer, isHead: boolean): void {
    this.#answer.failure(failure, answer, { isHead, dateLine: this.#context.dateLine })
  }

  flush(): void {
    this.#answer.flush()
  }

  /** What the client still sends of its request is not read any more. */
  onExchangeEnd(): void {
    this.#openBody.close()
    this.#pace.startWriting(this.unsentBytes)
    this.#armStall()
    if (this.#isRequestDone) return
    this.#isCut = true
    this.#answer.resetWhenSent()
  }

  breakOff(): void {
    this.#isCut = true
    this.#stream.close(NGHTTP2_INTERNAL_ERROR)
  }

  /**
   * The client has reset the stream, or gone; `close` may be long in coming, as it waits for what nobody reads. Not at
   * once: node:http2 tells of it in the middle of ending the stream, and when its unsent bytes go meanwhile, nghttp2
   * never comes to an end of sending them (Node 26.10; the thread then hangs for ever).
   */
  #onAborted(): void {
    if (this.#isCut) return
    setImmediate(() => this.#stream.destroy())
  }

  /** A tunnel ends soon, spread over the time there is; requests are answered. */
  drain(): void {
    const { drainMs, table } = this.#context
    if (!this.#exchange.isTunnel) return
    this.#exchange.drainTunnel(Math.min(drainMs, table.timeouts.tunnelDrainMs))
  }

  /** nghttp2 resets the stream for a fault of the client's; `close` follows. */
  onBreach(): void {
    this.#isFault = true
    // What breaks a length that was said does not come to be content.
    const fault = this.#contentLength >= 0 ? 'badLength' : 'malformed'
    this.#guard(() => this.#exchange.onRequestFault(fault))
  }

  #onClose(): void {
    const { headersSent, id } = this.#stream
    this.#isCut = true
    this.#openBody.close()
    this.#exchange.onClientGone()
    this.#owner.onStreamClosed(id!, headersSent && !this.#isFault)
  }
}

const WELL = { fault: null }

/** What a stream's error says, its `close` says too. */
function ignore(): void {
  // nothing to do
}
