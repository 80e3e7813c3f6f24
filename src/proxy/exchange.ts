/**
 * The life of one request: match, assign, send, stream, retry, record. Hot.
 *
 * A downstream connection owns one exchange and uses it for each of its requests, so that a request makes
 * no object and no closure of its own.
 *
 *     IDLE -> CONNECTING -> SENDING -> WAITING -> STREAMING -> IDLE
 *        \______________________^ over a kept connection; without a body straight to WAITING
 */

import { FIRST_CODE, THREAD } from '../analyzer/tally.ts'
import { Assignment } from './assignment.ts'
import type { ThreadContext } from './context.ts'
import type { Downstream } from './downstream.ts'
import {
  type Failure,
  NO_ROUTE,
  REQUEST_FAULTS,
  UPSTREAM_FAILURES,
  type UpstreamFailure,
} from './failure.ts'
import { forwardingLines } from './forwarding.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from './http1/framing.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { matchRoute } from './match.ts'
import { Outcome } from './outcome.ts'
import { chooseEndpoint } from './upstream/balance.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream/connection.ts'

const IDLE = 0
/** Waits for an upstream connection; nothing was sent. */
const CONNECTING = 1
/** The request is on its way. */
const SENDING = 2
/** The request was sent, no final head has come. */
const WAITING = 3
/** The final head has been passed on. */
const STREAMING = 4

export class Exchange implements UpstreamUser {
  method = ''
  isRequestDone = false
  /** Monotonic milliseconds at which the present phase has lasted too long. */
  deadlineMs = Infinity

  readonly #context: ThreadContext
  readonly #downstream: Downstream
  readonly #assignment: Assignment
  readonly #outcome: Outcome
  #phase = IDLE
  #upstream: UpstreamConnection | null = null
  #mayRetry = false
  #status = 0
  /** The request's head before and after what depends on the variant. */
  #headBefore = ''
  #headAfter = ''
  #bodyKind = NO_BODY
  /** The client keeps its body back until the upstream has said 100. */
  #awaitsContinue = false
  /** The answer is not read further: the client does not keep up. */
  #isUpstreamPaused = false
  /** The request is not read further: the upstream does not keep up. */
  #isRequestPaused = false
  /** What was unsent when the deadline was set; less at the deadline means that somebody reads, slowly. */
  #unsentBefore = 0

  constructor(context: ThreadContext, downstream: Downstream) {
    this.#context = context
    this.#downstream = downstream
    this.#assignment = new Assignment(context)
    this.#outcome = new Outcome(context.tally)
  }

  get isActive(): boolean {
    return this.#phase !== IDLE
  }

  /** Whether body bytes can be taken now. */
  get takesBody(): boolean {
    return this.#phase >= SENDING && !this.isRequestDone
  }

  /** Starts a request whose head has just been parsed; may end it at once with an answer of our own. */
  begin(head: RequestHead): void {
    const { table } = this.#context
    this.method = head.method
    if (head.isUpgrade) return this.#answerLocally(REQUEST_FAULTS.upgrade)
    const route = matchRoute(table, head.host, head.target)
    if (route === null) return this.#answerLocally(NO_ROUTE)

    this.#outcome.begin(head.methodIndex)
    this.#assignment.begin(route, head)
    this.#bodyKind = head.bodyKind
    this.isRequestDone =
      head.bodyKind === NO_BODY || (head.bodyKind === BY_LENGTH && head.contentLength === 0)
    this.#mayRetry = head.isIdempotent && this.isRequestDone
    this.#awaitsContinue = head.expectsContinue
    this.#isUpstreamPaused = false
    this.#isRequestPaused = false
    this.#headBefore =
      `${head.method} ${head.target} HTTP/1.1\r\n` +
      head.keptLines() +
      forwardingLines(this.#downstream.peer, head)
    this.#headAfter = framingLines(head)
    this.#attempt(true)
  }

  /** Chooses again where the table has changed since; false when the route is gone, which is then answered. */
  #renewAssignment(): boolean {
    if (this.#assignment.renew()) return true
    this.#answer(NO_ROUTE, null)
    return false
  }

  /**
   * Sends the request, or begins to connect for it. Returns false when it has failed and was answered.
   * `mayReuse`: over a connection that was kept. Not so for a second try: if one was dead, all may be.
   */
  #attempt(mayReuse: boolean): boolean {
    const { table, nowMs, random } = this.#context
    const endpoint = chooseEndpoint(this.#assignment.variant.endpoints, random)
    if (endpoint === null) return this.#fail('unavailable')
    const kept = mayReuse ? endpoint.takeIdle() : undefined
    if (kept !== undefined) {
      kept.assign(this)
      this.#upstream = kept
      this.#send(kept)
      return true
    }
    const isFull = endpoint.connectionCount >= table.limits.upstreamConnections
    if (isFull && !endpoint.closeOldest()) return this.#fail('connectionLimit')
    this.#phase = CONNECTING
    this.deadlineMs = nowMs + table.timeouts.connectMs
    this.#upstream = new UpstreamConnection(this.#context, endpoint, this)
    return true
  }

  /** While it connected the canary may have been taken out, and then this request is not for it any more. */
  onConnected(): void {
    const upstream = this.#upstream!
    this.#upstream = null
    if (!this.#renewAssignment()) return upstream.close()
    if (this.#assignment.variant.endpoints.includes(upstream.endpoint)) {
      this.#upstream = upstream
      this.#send(upstream)
    } else {
      upstream.close()
      if (!this.#attempt(true)) return
    }
    this.flushUpstream()
    if (this.takesBody) this.#downstream.resumeRequest()
  }

  #send(upstream: UpstreamConnection): void {
    const { nowMs, table } = this.#context
    this.#outcome.start(this.#assignment.variant.series)
    upstream.outbox.text(this.#headBefore + this.#assignment.variant.lines + this.#headAfter)
    this.#phase = this.isRequestDone ? WAITING : SENDING
    if (this.isRequestDone || this.#awaitsContinue) {
      this.deadlineMs = nowMs + table.timeouts.responseHeadMs
    } else {
      this.#armStall()
    }
  }

  /** A piece of the request's body. Up to `INLINE_BYTES` it may be overwritten afterwards, and the outbox has copied it. */
  onRequestData(bytes: Buffer, start: number, end: number): void {
    const upstream = this.#upstream
    if (upstream === null) return
    this.#awaitsContinue = false
    this.#armStall()
    this.#outcome.countRequestBytes(end - start)
    if (this.#bodyKind === CHUNKED) upstream.outbox.text(`${(end - start).toString(16)}\r\n`)
    upstream.outbox.bytes(bytes, start, end)
    if (this.#bodyKind === CHUNKED) upstream.outbox.text('\r\n')
  }

  /** A body without a byte may end before there is a connection to send it on. */
  onRequestEnd(): void {
    const { nowMs, table } = this.#context
    this.isRequestDone = true
    if (this.#bodyKind === CHUNKED) this.#upstream?.outbox.text('0\r\n\r\n')
    if (this.#phase !== SENDING) return
    this.#phase = WAITING
    this.deadlineMs = nowMs + table.timeouts.responseHeadMs
  }

  /** Writes what has gathered for the upstream. */
  flushUpstream(): void {
    const upstream = this.#upstream
    if (upstream === null) return
    upstream.outbox.flush()
    if (!this.takesBody || this.#isRequestPaused || !upstream.isFull) return
    this.#isRequestPaused = true
    this.#unsentBefore = upstream.unsentBytes
    this.#downstream.pauseRequest()
  }

  onUpstreamDrain(): void {
    if (!this.#isRequestPaused) return
    this.#isRequestPaused = false
    this.#armStall()
    this.#downstream.resumeRequest()
  }

  onInformational(head: ResponseHead): void {
    if (head.status === 100 && this.#awaitsContinue && this.#phase === SENDING) {
      this.#awaitsContinue = false
      this.#armStall()
    }
    this.#downstream.sendInformational(head)
  }

  onResponseHead(head: ResponseHead): void {
    this.#phase = STREAMING
    this.#status = head.status
    this.#armStall()
    const { setCookieLine } = this.#assignment
    const extraLines = head.hasDate ? setCookieLine : this.#context.dateLine + setCookieLine
    this.#downstream.sendHead(head, extraLines)
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    this.#armStall()
    this.#outcome.countResponseBytes(end - start)
    return this.#downstream.sendData(bytes, start, end)
  }

  onResponseEnd(): void {
    this.#upstream = null
    this.#downstream.sendEnd()
    this.#outcome.finish(this.#status, null, this.#assignment.route.errorByStatus)
    this.#end()
    this.#downstream.onExchangeEnd()
  }

  /** Only an answer that goes on is paused: a connection that is kept must hear its upstream. */
  onReadEnd(): void {
    const downstream = this.#downstream
    downstream.flush()
    if (this.#phase !== STREAMING || this.#isUpstreamPaused || !downstream.isFull) return
    this.#isUpstreamPaused = true
    this.#unsentBefore = downstream.unsentBytes
    this.#upstream?.pause()
  }

  /** The client has taken what was written. */
  onDownstreamDrain(): void {
    if (!this.#isUpstreamPaused) return
    this.#isUpstreamPaused = false
    this.#armStall()
    this.#upstream?.resume()
  }

  onUpstreamFailure(reason: UpstreamFailure, isUntouched: boolean): void {
    if (this.#phase === IDLE) return
    this.#upstream = null
    if (!isUntouched || !this.#mayRetry) return void this.#fail(reason)
    this.#mayRetry = false
    this.#outcome.countRetry()
    if (this.#renewAssignment() && this.#attempt(false)) this.flushUpstream()
  }

  /** The client is gone: cancels the upstream's work. */
  onClientGone(): void {
    this.#dropUpstream()
    if (this.#phase !== IDLE) this.#giveUp()
  }

  /** The client broke the rules in the middle of its body, or the body did not come. */
  onRequestFault(failure: Failure): void {
    if (this.#phase === IDLE) return
    this.#dropUpstream()
    if (this.#phase !== STREAMING) return this.#answer(failure, null)
    this.#giveUp()
    this.#downstream.breakOff()
  }

  /** Called by the sweep when `deadlineMs` has passed. */
  onDeadline(): void {
    switch (this.#phase) {
      case CONNECTING:
        return this.#failAndDrop('connectTimeout')
      case SENDING:
        if (this.#awaitsContinue) return this.#failAndDrop('responseTimeout')
        if (!this.#isRequestPaused) return this.#downstream.refuseBody('timeout')
        if (!this.#isTaking(this.#upstream!.unsentBytes)) this.#failAndDrop('writeStalled')
        return
      case WAITING:
        return this.#failAndDrop('responseTimeout')
      case STREAMING:
        return this.#onStall()
      default:
        this.deadlineMs = Infinity
    }
  }

  /** The answer has not moved: the client does not take it, or keeps back its request, or the upstream stopped. */
  #onStall(): void {
    if (this.#isUpstreamPaused) {
      if (this.#isTaking(this.#downstream.unsentBytes)) return
      this.onClientGone()
      this.#downstream.breakOff()
    } else if (this.isRequestDone) {
      this.#failAndDrop('stalled')
    } else if (!this.#isRequestPaused) {
      this.#downstream.refuseBody('timeout')
    } else if (!this.#isTaking(this.#upstream!.unsentBytes)) {
      this.#failAndDrop('stalled')
    }
  }

  /** Whether a slow reader has taken anything since the deadline was set; then it gets another one. */
  #isTaking(unsentBytes: number): boolean {
    if (unsentBytes >= this.#unsentBefore) return false
    this.#unsentBefore = unsentBytes
    this.#armStall()
    return true
  }

  #armStall(): void {
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
  }

  #failAndDrop(reason: UpstreamFailure): void {
    this.#dropUpstream()
    this.#fail(reason)
  }

  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#upstream = null
    upstream?.close()
  }

  #fail(reason: UpstreamFailure): false {
    this.#outcome.start(this.#assignment.variant.series)
    if (this.#phase === STREAMING) {
      this.#outcome.finish(this.#status, reason, this.#assignment.route.errorByStatus)
      this.#end()
      this.#downstream.flush()
      this.#downstream.breakOff()
    } else {
      this.#answer(UPSTREAM_FAILURES[reason], reason)
    }
    return false
  }

  /** Ends the request with an answer of our own, which counts for the variant. */
  #answer(failure: Failure, reason: UpstreamFailure | null): void {
    this.#outcome.start(this.#assignment.variant.series)
    this.#outcome.finish(failure.status, reason, this.#assignment.route.errorByStatus)
    this.#end()
    this.#downstream.sendFailure(failure, this.#assignment.setCookieLine)
    this.#downstream.flush()
    this.#downstream.onExchangeEnd()
  }

  /** An answer before any variant was chosen; the request's body, if there is one, is not read. */
  #answerLocally(failure: Failure): void {
    this.#context.tally[THREAD.localCodes + failure.status - FIRST_CODE]!++
    this.#downstream.sendFailure(failure, '')
    this.#downstream.flush()
    this.#downstream.onExchangeEnd()
  }

  #giveUp(): void {
    this.#outcome.start(this.#assignment.variant.series)
    this.#outcome.giveUp()
    this.#end()
  }

  #end(): void {
    this.#phase = IDLE
    this.deadlineMs = Infinity
  }
}

function framingLines(head: RequestHead): string {
  if (head.bodyKind === BY_LENGTH) return `content-length: ${head.contentLength}\r\n\r\n`
  return head.bodyKind === CHUNKED ? 'transfer-encoding: chunked\r\n\r\n' : '\r\n'
}
