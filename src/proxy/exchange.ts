/**
 * The life of one request: match, assign, send, stream, retry, record. Hot.
 *
 * A downstream connection owns one exchange and uses it for each of its requests, so that a request makes
 * no object and no closure of its own. The downstream side is an interface, for HTTP/2 streams to come;
 * the upstream side is `UpstreamConnection`.
 *
 *     IDLE -> CONNECTING -> SENDING -> WAITING -> STREAMING -> IDLE
 *        \______________________^ over a kept connection; without a body straight to WAITING
 */

import { randomUUID } from 'node:crypto'
import { FIRST_CODE, THREAD } from '../analyzer/tally.ts'
import { chooseVariant, forcedVariant, unitOf } from './assign.ts'
import type { ThreadContext } from './context.ts'
import {
  type Failure,
  NO_ROUTE,
  REQUEST_FAULTS,
  type RequestFault,
  UPSTREAM_FAILURES,
  type UpstreamFailure,
} from './failure.ts'
import { forwardingLines, type Peer } from './forwarding.ts'
import { BY_LENGTH, CHUNKED, NO_BODY } from './http1/framing.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { matchRoute } from './match.ts'
import { Outcome } from './outcome.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'
import { chooseEndpoint } from './upstream/balance.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream/connection.ts'

/** The side of the client, as an exchange needs it. */
export interface Downstream {
  readonly peer: Peer
  /** Bytes written that the client's side of the kernel has not taken. */
  readonly unsentBytes: number
  /** Whether they are more than may be held; the exchange hears `onDownstreamDrain` when they are gone. */
  readonly isFull: boolean
  sendInformational(head: ResponseHead): void
  /** `extraLines` go after the upstream's. */
  sendHead(head: ResponseHead, extraLines: string): void
  /** Returns whether the bytes are still in use afterwards. */
  sendData(bytes: Buffer, start: number, end: number): boolean
  sendEnd(): void
  /** An answer of our own. */
  sendFailure(failure: Failure, extraLines: string): void
  flush(): void
  /** Reads no more of the request until `resumeRequest`. */
  pauseRequest(): void
  resumeRequest(): void
  /** The request's body is at fault: hands that back as `onRequestFault`, and goes on with no other request. */
  refuseBody(fault: RequestFault): void
  /** The answer is written; what is left of the request is the downstream's to read or refuse. */
  onExchangeEnd(): void
  /** Cuts the connection, so that the client sees that the answer is not whole. */
  breakOff(): void
}

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
  readonly #outcome: Outcome
  #phase = IDLE
  #route!: CompiledRoute
  #variant!: CompiledVariant
  #upstream: UpstreamConnection | null = null
  #forced: string | null = null
  #unit: string | null = null
  #tableVersion = 0

  #mayRetry = false
  #status = 0
  #setCookieLine = ''
  /** The request's head before and after what depends on the variant. */
  #headBefore = ''
  #headAfter = ''
  #bodyKind = NO_BODY
  /** The answer is not read further: the client does not keep up. */
  #isUpstreamPaused = false
  /** The request is not read further: the upstream does not keep up. */
  #isRequestPaused = false
  /** What was unsent when the deadline was set; less at the deadline means that somebody reads, slowly. */
  #unsentBefore = 0

  constructor(context: ThreadContext, downstream: Downstream) {
    this.#context = context
    this.#downstream = downstream
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
    this.#route = route
    this.#tableVersion = table.version
    this.#forced = forcedVariant(route, head)
    this.#unit = unitOf(route, head)
    this.#setCookieLine = ''
    if (this.#unit === null && route.sticky !== null) this.#mintUnit(route)
    this.#bodyKind = head.bodyKind
    this.#mayRetry = head.isIdempotent && head.bodyKind === NO_BODY
    this.isRequestDone = head.bodyKind === NO_BODY
    this.#isUpstreamPaused = false
    this.#isRequestPaused = false
    this.#headBefore =
      `${head.method} ${head.target} HTTP/1.1\r\n` +
      head.keptLines() +
      forwardingLines(this.#downstream.peer, head)
    this.#headAfter = framingLines(head)
    this.#assign()
    this.#attempt(true)
  }

  #mintUnit(route: CompiledRoute): void {
    const { sticky } = route
    if (sticky?.kind !== 'cookie' || !sticky.mint || route.variants.length === 1) return
    this.#unit = randomUUID()
    this.#setCookieLine = `set-cookie: ${sticky.name}=${this.#unit}; Path=/; HttpOnly; SameSite=Lax\r\n`
  }

  #assign(): void {
    this.#variant = chooseVariant(
      this.#route,
      { forced: this.#forced, unit: this.#unit },
      this.#context.random,
    )
  }

  /** Chooses again where the table has changed since; false when the route is gone, which is then answered. */
  #renewAssignment(): boolean {
    const { table } = this.#context
    if (this.#tableVersion === table.version) return true
    this.#tableVersion = table.version
    const route = table.byName.get(this.#route.name)
    if (route === undefined) {
      this.#outcome.start(this.#variant.series)
      this.#answer(NO_ROUTE, null)
      return false
    }
    this.#route = route
    this.#assign()
    return true
  }

  /**
   * Sends the request, or begins to connect for it. Returns false when it has failed and was answered.
   * `mayReuse`: over a connection that was kept. Not so for a second try: if one was dead, all may be.
   */
  #attempt(mayReuse: boolean): boolean {
    const { table, nowMs, random } = this.#context
    const endpoint = chooseEndpoint(this.#variant.endpoints, random)
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
    if (this.#variant.endpoints.includes(upstream.endpoint)) {
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
    this.#outcome.start(this.#variant.series)
    upstream.outbox.text(this.#headBefore + this.#variant.lines + this.#headAfter)
    if (this.isRequestDone) {
      this.#phase = WAITING
      this.deadlineMs = nowMs + table.timeouts.responseHeadMs
    } else {
      this.#phase = SENDING
      this.deadlineMs = nowMs + table.timeouts.bodyStallMs
    }
  }

  /** A piece of the request's body; the bytes are the exchange's to keep. */
  onRequestData(bytes: Buffer, start: number, end: number): void {
    const upstream = this.#upstream
    if (upstream === null) return
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
    this.#downstream.sendInformational(head)
  }

  onResponseHead(head: ResponseHead): void {
    this.#phase = STREAMING
    this.#status = head.status
    this.#armStall()
    this.#downstream.sendHead(
      head,
      head.hasDate ? this.#setCookieLine : this.#context.dateLine + this.#setCookieLine,
    )
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    this.#armStall()
    this.#outcome.countResponseBytes(end - start)
    return this.#downstream.sendData(bytes, start, end)
  }

  onResponseEnd(): void {
    this.#upstream = null
    this.#downstream.sendEnd()
    this.#outcome.finish(this.#status, null, this.#route.errorByStatus)
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
    if (this.#phase === IDLE) return
    this.#dropUpstream()
    this.#giveUp()
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
    this.#outcome.start(this.#variant.series)
    if (this.#phase === STREAMING) {
      this.#outcome.finish(this.#status, reason, this.#route.errorByStatus)
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
    this.#outcome.start(this.#variant.series)
    this.#outcome.finish(failure.status, reason, this.#route.errorByStatus)
    this.#end()
    this.#downstream.sendFailure(failure, this.#setCookieLine)
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
    this.#outcome.start(this.#variant.series)
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
