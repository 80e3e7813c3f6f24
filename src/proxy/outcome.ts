/**
 * What is told of one request: to the tally, and to the access log where there is one. Hot: some writes to shared
 * words a request, and nothing else with the log off.
 *
 * The exchange owns one and uses it for each of its requests. A request is counted with the variant that
 * it was first sent to, and stays there when it is tried again elsewhere: so what has started has always
 * finished in the same series. One that fails there and is tried on stable is finished at that moment, as the failure
 * that it is; what stable makes of it is counted as a rescue, and in the log.
 */

import { binIndex } from '../analyzer/histogram.ts'
import { CODE_COUNT, FIRST_CODE, SERIES, THREAD } from '../analyzer/tally.ts'
import type { Ending } from './access/flags.ts'
import { AccessRecord } from './access/record.ts'
import type { ThreadContext } from './context.ts'
import {
  REQUEST_FAULTS,
  type RequestFault,
  UPSTREAM_FAILURES,
  UPSTREAM_FAILURE_INDEX,
  type UpstreamFailure,
} from './failure.ts'
import type { Peer } from './forwarding.ts'
import { grpcStatusIn, grpcStatusOf } from './grpc.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { ResponseHead } from './http1/response-head.ts'
import type { Assignment } from './assignment.ts'
import {
  ABANDONED,
  CLIENT_ERROR,
  ERROR,
  NO_TICKET,
  OK,
  type Result,
  type SettlementRing,
  VOID,
} from './settlement/ring.ts'
import { type CompiledRoute, type CompiledVariant, NO_CELL } from './table.ts'

/** Why a request ended that was not answered by its upstream in full. */
export interface Why {
  readonly failure?: UpstreamFailure | null
  readonly fault?: RequestFault
  readonly ending?: Ending | null
}

const ANSWERED: Why = {}

export class Outcome {
  readonly #tally: Uint32Array
  readonly #record: AccessRecord
  /** The first variant that the request was sent to. */
  #counted: CompiledVariant | null = null
  #series = 0
  #route: CompiledRoute | null = null
  #variant: CompiledVariant | null = null
  #endpoint: string | null = null
  /** Null: the request is no evidence. */
  #ring: SettlementRing | null = null
  #ticket = NO_TICKET
  /** Of the variant that it was assigned to. */
  #followed = 0
  #methodIndex = 0
  /** When the request began, by the clock of latencies. */
  startMs = 0
  #retryCount = 0
  /** Counted as a failure already, and tried on stable. */
  #isRescue = false
  #requestBytes = 0
  #responseBytes = 0
  #isGrpc = false
  /** What the client saw; 0 while it has seen nothing. */
  #status = 0
  /** -1 without one. */
  #grpcStatus = -1

  constructor(context: ThreadContext) {
    this.#tally = context.tally
    this.#record = new AccessRecord(context)
  }

  /** A request has come. */
  begin(head: RequestHead, peer: Peer): void {
    this.#counted = null
    this.#route = null
    this.#variant = null
    this.#endpoint = null
    this.#ring = null
    this.#methodIndex = head.methodIndex
    this.startMs = performance.now()
    this.#retryCount = 0
    this.#isRescue = false
    this.#requestBytes = 0
    this.#responseBytes = 0
    this.#isGrpc = head.isGrpc
    this.#status = 0
    this.#grpcStatus = -1
    this.#record.begin(head, peer)
  }

  /** The coin has fallen: the request is settled when it has come of age. What the client chose is no evidence. */
  follow(assignment: Assignment): void {
    const { ring } = assignment.route
    const { cell, series } = assignment.variant
    if (ring === null || cell === NO_CELL || assignment.isForced) return
    this.#ring = ring
    this.#followed = series
    this.#ticket = ring.open(cell, this.startMs, ring.tellsUnits ? assignment.unitHash : 0)
  }

  #note(result: Result, nowMs: number = performance.now()): void {
    this.#ring?.note(this.#ticket, result, (nowMs - this.startMs) * 1000)
  }

  /** It is sent to that variant; the first one counts it. `endpoint`: its id, null where there is none. */
  start(route: CompiledRoute, variant: CompiledVariant, endpoint: string | null): void {
    this.#route = route
    this.#variant = variant
    if (endpoint !== null) this.#endpoint = endpoint
    if (this.#counted !== null) return
    this.#counted = variant
    if (this.#ring !== null && variant.series !== this.#followed) this.#note(VOID)
    this.#series = variant.series
    this.#tally[this.#series + SERIES.started]!++
  }

  /** The try has failed, and another one may do better: evidence is of the first one. */
  noteSetback(): void {
    this.#note(ERROR)
    this.#ring = null
  }

  /** What has failed here is tried on stable. `status`: of the answer that the client does not see, where there was one. */
  fallBack(failure: UpstreamFailure | null, status: number): void {
    const series = this.#series
    this.noteSetback()
    this.#status = failure === null ? status : UPSTREAM_FAILURES[failure].status
    this.#countFinished(true, failure)
    this.#tally[series + SERIES.fallbacks]!++
    this.#isRescue = true
    this.#endpoint = null
    this.#status = 0
  }

  countHedge(): void {
    this.#tally[this.#series + SERIES.hedges]!++
  }

  countHedgeWon(): void {
    this.#tally[this.#series + SERIES.hedgesWon]!++
  }

  /** Where nothing was sent before, nothing is sent again. */
  countRetry(): void {
    if (this.#counted === null) return
    this.#retryCount++
    this.#tally[this.#series + SERIES.retries]!++
  }

  countRequestBytes(byteCount: number): void {
    this.#requestBytes += byteCount
    this.#tally[this.#series + SERIES.requestBytes]! += byteCount
  }

  countResponseBytes(byteCount: number): void {
    this.#responseBytes += byteCount
    this.#tally[this.#series + SERIES.responseBytes]! += byteCount
  }

  /** The final head of the upstream's answer has come. `nowMs`: by the same clock. */
  noteHead(head: ResponseHead, nowMs: number): void {
    this.#status = head.status
    if (this.#isGrpc) this.#noteGrpcStatus(head.lines)
    this.#record.noteResponseHead()
    if (this.#ring !== null) this.#note(this.#headResult(), nowMs)
  }

  /** A gRPC answer that has begun is well until its status says otherwise. */
  #headResult(): Result {
    const status = this.#status
    const isOpenGrpc = this.#isGrpc && status === 200 && this.#grpcStatus < 0
    if (!isOpenGrpc && this.#isError()) return ERROR
    return status >= 400 && status < 500 ? CLIENT_ERROR : OK
  }

  noteTrailers(trailers: string): void {
    if (this.#isGrpc && trailers !== '') this.#noteGrpcStatus(trailers)
  }

  #noteGrpcStatus(lines: string): void {
    const code = grpcStatusIn(lines)
    if (code >= 0) this.#grpcStatus = code
  }

  /** The request is answered 101, and counted as that; its line in the log waits for the tunnel's end. */
  openTunnel(): void {
    this.#status = 101
    this.#note(OK)
    if (this.#isRescue) this.#tally[this.#series + SERIES.rescues]!++
    else this.#countFinished(false, null)
    this.#tally[this.#series + SERIES.tunnelsOpened]!++
  }

  closeTunnel(why: Why): void {
    this.#tally[this.#series + SERIES.tunnelsClosed]!++
    this.#write(false, why)
  }

  /** The client left, or was cut off for its own fault, before it had an answer. */
  giveUp(why: Why): void {
    if (!this.#isRescue) {
      this.#tally[this.#series + SERIES.finished]!++
      this.#tally[this.#series + SERIES.clientAborts]!++
    }
    if (this.#status === 0) this.#note(why.fault === undefined ? ABANDONED : VOID)
    this.#write(false, why)
  }

  /** The upstream has answered in full. */
  finish(): void {
    const isError = this.#isError()
    if (isError && this.#isGrpc) this.#note(ERROR)
    this.#count(isError, ANSWERED)
  }

  /** The answer broke off. */
  fail(failure: UpstreamFailure): void {
    this.#note(ERROR)
    this.#count(true, { failure })
  }

  /** Sluice itself has answered. What the client did wrong is never an error of the variant. */
  answer(status: number, why: Why): void {
    const isError = why.fault === undefined && this.#route!.errors.byStatus[status] === 1
    this.#status = status
    this.#note(why.failure === undefined ? VOID : ERROR)
    this.#count(why.failure !== undefined || isError, why)
  }

  /** So it has, before any variant was chosen. */
  answerLocally(status: number, why: Why): void {
    this.#status = status
    this.#tally[THREAD.localCodes + status - FIRST_CODE]!++
    this.#write(false, why)
  }

  #isError(): boolean {
    const { byStatus, byGrpcStatus } = this.#route!.errors
    if (!this.#isGrpc) return byStatus[this.#status] === 1
    return byGrpcStatus[grpcStatusOf(this.#status, this.#grpcStatus)] === 1
  }

  #count(isError: boolean, why: Why): void {
    if (!this.#isRescue) this.#countFinished(isError, why.failure ?? null)
    else if (!isError) this.#tally[this.#series + SERIES.rescues]!++
    this.#write(isError, why)
  }

  #countFinished(isError: boolean, failure: UpstreamFailure | null): void {
    const tally = this.#tally
    const series = this.#series
    tally[series + SERIES.finished]!++
    if (failure !== null) tally[series + SERIES.failures + UPSTREAM_FAILURE_INDEX[failure]]!++
    if (isError) tally[series + SERIES.errors]!++
    const code = this.#status - FIRST_CODE
    tally[series + SERIES.codes + this.#methodIndex * CODE_COUNT + code]!++
    tally[series + SERIES.latency + binIndex((performance.now() - this.startMs) * 1000)]!++
  }

  #write(isError: boolean, why: Why): void {
    if (!this.#record.isOn) return
    this.#record.finish({
      status: this.#status,
      isError,
      grpcStatus: this.#grpcStatus,
      failure: why.failure ?? null,
      fault: why.fault ?? null,
      ending: why.ending ?? null,
      route: this.#route?.name ?? null,
      variant: this.#variant?.name ?? null,
      endpoint: this.#endpoint,
      requestBytes: this.#requestBytes,
      responseBytes: this.#responseBytes,
      retryCount: this.#retryCount,
      isRescue: this.#isRescue,
    })
  }
}

/** A request is refused whose head could not be read, so that no exchange began. `found`: its bytes, latin1. */
export function recordUnread(
  context: ThreadContext,
  peer: Peer,
  refusal: { readonly fault: RequestFault; readonly found: string },
): void {
  const { fault, found } = refusal
  context.tally[THREAD.localCodes + REQUEST_FAULTS[fault].status - FIRST_CODE]!++
  context.refusals.request(fault, peer.address, found)
  context.accessLog.writeRefused(fault, peer)
}
