/**
 * The life of one request: match, assign, send, stream, retry, record. Hot.
 *
 * A downstream connection owns one exchange and uses it for each of its requests, so that a request makes
 * no object and no closure of its own. The downstream side is an interface, for HTTP/2 streams to come;
 * the upstream side is `UpstreamConnection`.
 */

import { randomUUID } from 'node:crypto'
import { binIndex } from '../analyzer/histogram.ts'
import { CODE_COUNT, FIRST_CODE, SERIES, THREAD } from '../analyzer/tally.ts'
import { chooseVariant, forcedVariant, unitOf } from './assign.ts'
import type { ThreadContext } from './context.ts'
import {
  type Failure,
  NO_ROUTE,
  REQUEST_FAULTS,
  UPSTREAM_FAILURE_INDEX,
  UPSTREAM_FAILURES,
  type UpstreamFailure,
} from './failure.ts'
import { forwardingLines, type Peer } from './forwarding.ts'
import { BY_LENGTH, CHUNKED, NO_BODY, type RequestHead } from './http1/request-head.ts'
import type { ResponseHead } from './http1/response-head.ts'
import { matchRoute } from './match.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'
import { chooseEndpoint } from './upstream/balance.ts'
import { UpstreamConnection, type UpstreamUser } from './upstream/connection.ts'

/** The side of the client, as an exchange needs it. */
export interface Downstream {
  readonly peer: Peer
  /** Bytes written that the client's side of the kernel has not taken. */
  readonly unsentBytes: number
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
  /** The answer is written; what is left of the request is the downstream's to read or refuse. */
  onExchangeEnd(): void
  /** Cuts the connection, so that the client sees that the answer is not whole. */
  destroy(): void
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
  #phase = IDLE
  #route!: CompiledRoute
  #variant!: CompiledVariant
  #upstream: UpstreamConnection | null = null
  #forced: string | null = null
  #unit: string | null = null
  #tableVersion = 0

  #methodIndex = 0
  #mayRetry = false
  #startMs = 0
  /** Whether the tally knows that it has started. */
  #isCounted = false
  #status = 0
  #setCookieLine = ''
  /** The request's head before and after what depends on the variant. */
  #headBefore = ''
  #headAfter = ''
  #bodyKind = NO_BODY
  #isUpstreamPaused = false
  #isRequestPaused = false
  #unsentAtDeadline = 0

  constructor(context: ThreadContext, downstream: Downstream) {
    this.#context = context
    this.#downstream = downstream
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

    this.#startMs = performance.now()
    this.#route = route
    this.#tableVersion = table.version
    this.#forced = forcedVariant(route, head)
    this.#unit = unitOf(route, head)
    this.#setCookieLine = ''
    if (this.#unit === null && route.sticky !== null) this.#mintUnit(route)
    this.#methodIndex = head.methodIndex
    this.#bodyKind = head.bodyKind
    this.#mayRetry = head.isIdempotent && head.bodyKind === NO_BODY
    this.isRequestDone = false
    this.#status = 0
    this.#isCounted = false
    this.#isUpstreamPaused = false
    this.#isRequestPaused = false
    this.#headBefore =
      `${head.method} ${head.target} HTTP/1.1\r\n` +
      head.keptLines() +
      forwardingLines(this.#downstream.peer, head)
    this.#headAfter = framingLines(head)
    this.#assign()
    this.#attempt()
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
      this.#answerLocally(NO_ROUTE)
      return false
    }
    this.#route = route
    this.#assign()
    return true
  }

  #attempt(): void {
    const { table, nowMs, random } = this.#context
    const endpoint = chooseEndpoint(this.#variant.endpoints, random)
    if (endpoint === null) return this.#fail('unavailable')
    const idle = endpoint.takeIdle()
    if (idle !== undefined) {
      idle.assign(this)
      this.#upstream = idle
      this.#send(idle)
      return
    }
    if (endpoint.connectionCount >= table.limits.upstreamConnections)
      return this.#fail('connectionLimit')
    this.#phase = CONNECTING
    this.deadlineMs = nowMs + table.timeouts.connectMs
    this.#upstream = new UpstreamConnection(this.#context, endpoint, this)
  }

  /** While it connected the canary may have been taken out, and then this request is not for it any more. */
  onConnected(): void {
    const upstream = this.#upstream!
    this.#upstream = null
    if (!this.#renewAssignment()) return upstream.close()
    if (!this.#variant.endpoints.includes(upstream.endpoint)) {
      upstream.close()
      this.#attempt()
    } else {
      this.#upstream = upstream
      this.#send(upstream)
    }
    this.flushUpstream()
    if (this.takesBody) this.#downstream.resumeRequest()
  }

  #send(upstream: UpstreamConnection): void {
    const { nowMs, table } = this.#context
    this.#countStart()
    upstream.outbox.text(this.#headBefore + this.#variant.lines + this.#headAfter)
    this.isRequestDone = this.#bodyKind === NO_BODY
    if (this.isRequestDone) {
      this.#phase = WAITING
      this.deadlineMs = nowMs + table.timeouts.responseHeadMs
    } else {
      this.#phase = SENDING
      this.deadlineMs = nowMs + table.timeouts.bodyStallMs
    }
  }

  #countStart(): void {
    if (this.#isCounted) return
    this.#isCounted = true
    this.#context.tally[this.#variant.series + SERIES.started]!++
  }

  /** A piece of the request's body; the bytes are the exchange's to keep. */
  onRequestData(bytes: Buffer, start: number, end: number): void {
    const upstream = this.#upstream
    if (upstream === null) return
    const { limits, timeouts } = this.#context.table
    this.deadlineMs = this.#context.nowMs + timeouts.bodyStallMs
    this.#context.tally[this.#variant.series + SERIES.requestBytes]! += end - start
    if (this.#bodyKind === CHUNKED) upstream.outbox.text(`${(end - start).toString(16)}\r\n`)
    upstream.outbox.bytes(bytes, start, end)
    if (this.#bodyKind === CHUNKED) upstream.outbox.text('\r\n')
    if (upstream.unsentBytes > limits.bufferBytes && !this.#isRequestPaused) {
      this.#isRequestPaused = true
      this.#downstream.pauseRequest()
    }
  }

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
    if (this.#phase !== CONNECTING) this.#upstream?.outbox.flush()
  }

  onUpstreamDrain(): void {
    if (!this.#isRequestPaused) return
    this.#isRequestPaused = false
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
    this.#downstream.resumeRequest()
  }

  onInformational(head: ResponseHead): void {
    this.#downstream.sendInformational(head)
  }

  onResponseHead(head: ResponseHead): void {
    const { nowMs, table, dateLine } = this.#context
    this.#phase = STREAMING
    this.#status = head.status
    this.deadlineMs = nowMs + table.timeouts.bodyStallMs
    this.#downstream.sendHead(
      head,
      head.hasDate ? this.#setCookieLine : dateLine + this.#setCookieLine,
    )
  }

  onResponseData(bytes: Buffer, start: number, end: number): boolean {
    const { nowMs, table, tally } = this.#context
    this.deadlineMs = nowMs + table.timeouts.bodyStallMs
    tally[this.#variant.series + SERIES.responseBytes]! += end - start
    const isInUse = this.#downstream.sendData(bytes, start, end)
    if (
      isInUse &&
      !this.#isUpstreamPaused &&
      this.#downstream.unsentBytes > table.limits.bufferBytes
    ) {
      this.#isUpstreamPaused = true
      this.#unsentAtDeadline = this.#downstream.unsentBytes
      this.#upstream?.pause()
    }
    return isInUse
  }

  onResponseEnd(): void {
    this.#upstream = null
    this.#downstream.sendEnd()
    this.#record(this.#status, null)
    this.#phase = IDLE
    this.#downstream.onExchangeEnd()
  }

  onReadEnd(): void {
    this.#downstream.flush()
  }

  /** The client has taken what was written. */
  onDownstreamDrain(): void {
    if (!this.#isUpstreamPaused) return
    this.#isUpstreamPaused = false
    this.deadlineMs = this.#context.nowMs + this.#context.table.timeouts.bodyStallMs
    this.#upstream?.resume()
  }

  onUpstreamFailure(reason: UpstreamFailure, isUntouched: boolean): void {
    if (this.#phase === IDLE) return
    this.#upstream = null
    if (isUntouched && this.#mayRetry) {
      this.#mayRetry = false
      this.#context.tally[this.#variant.series + SERIES.retries]!++
      if (!this.#renewAssignment()) return
      this.#attempt()
      this.flushUpstream()
      return
    }
    this.#fail(reason)
  }

  /** The client is gone: cancels the upstream's work. */
  onClientGone(): void {
    if (this.#phase === IDLE) return
    this.#dropUpstream()
    this.#record(0, null)
    this.#phase = IDLE
  }

  /** The client broke the rules in the middle of its body. */
  onRequestFault(failure: Failure): void {
    if (this.#phase === IDLE) return
    this.#dropUpstream()
    const isAnswered = this.#phase === STREAMING
    this.#record(isAnswered ? 0 : failure.status, null)
    this.#phase = IDLE
    if (isAnswered) this.#downstream.destroy()
    else this.#downstream.sendFailure(failure, '')
    this.#downstream.onExchangeEnd()
  }

  /** Called by the sweep when `deadlineMs` has passed. */
  onDeadline(): void {
    switch (this.#phase) {
      case CONNECTING:
        return this.#failAndDrop('connectTimeout')
      case SENDING:
        if (this.#isRequestPaused) return this.#failAndDrop('writeStalled')
        return this.onRequestFault(REQUEST_FAULTS.timeout)
      case WAITING:
        return this.#failAndDrop('responseTimeout')
      case STREAMING:
        if (!this.#isUpstreamPaused) return this.#failAndDrop('stalled')
        if (this.#downstream.unsentBytes < this.#unsentAtDeadline) return this.#waitForSlowClient()
        this.onClientGone()
        this.#downstream.destroy()
        return
      default:
        this.deadlineMs = Infinity
    }
  }

  #waitForSlowClient(): void {
    this.#unsentAtDeadline = this.#downstream.unsentBytes
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

  #fail(reason: UpstreamFailure): void {
    const failure = UPSTREAM_FAILURES[reason]
    const isAnswered = this.#phase === STREAMING
    this.#record(isAnswered ? this.#status : failure.status, reason)
    this.#phase = IDLE
    if (isAnswered) {
      this.#downstream.flush()
      this.#downstream.destroy()
    } else {
      this.#downstream.sendFailure(failure, this.#setCookieLine)
      this.#downstream.flush()
    }
    this.#downstream.onExchangeEnd()
  }

  /** An answer before any variant was chosen; the request's body, if there is one, is not read. */
  #answerLocally(failure: Failure): void {
    this.#context.tally[THREAD.localCodes + failure.status - FIRST_CODE]!++
    this.#phase = IDLE
    this.#downstream.sendFailure(failure, '')
    this.#downstream.flush()
    this.#downstream.onExchangeEnd()
  }

  /** Counts the outcome: `status` is what the client saw, 0 when it left before. */
  #record(status: number, reason: UpstreamFailure | null): void {
    const { tally } = this.#context
    const { series } = this.#variant
    this.deadlineMs = Infinity
    this.#countStart()
    tally[series + SERIES.finished]!++
    if (reason !== null) tally[series + SERIES.failures + UPSTREAM_FAILURE_INDEX[reason]]!++
    if (status === 0) {
      tally[series + SERIES.clientAborts]!++
      return
    }
    if (reason !== null || this.#route.errorByStatus[status] === 1) tally[series + SERIES.errors]!++
    tally[series + SERIES.codes + this.#methodIndex * CODE_COUNT + status - FIRST_CODE]!++
    tally[series + SERIES.latency + binIndex((performance.now() - this.#startMs) * 1000)]!++
  }
}

function framingLines(head: RequestHead): string {
  if (head.bodyKind === BY_LENGTH) return `content-length: ${head.contentLength}\r\n\r\n`
  return head.bodyKind === CHUNKED ? 'transfer-encoding: chunked\r\n\r\n' : '\r\n'
}
