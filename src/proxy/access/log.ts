/**
 * The access log of one thread: chooses what is written, gathers lines, and hands them to control in batches.
 *
 * Nothing is sent on a request's way: a full batch leaves at the end of the turn, a smaller one with the sweep.
 * Control says how much it has written; when too much waits for that, lines are dropped and counted, since
 * a log must neither hold up requests nor fill the memory. A file a thread was rejected: people follow one.
 */

import { THREAD } from '../../analyzer/tally.ts'
import { REQUEST_FAULTS, type RequestFault } from '../failure.ts'
import type { AccessLog as AccessRule } from '../snapshot.ts'
import { accessLine, type AccessEnd, type AccessRequest, type AccessTimes } from './entry.ts'

/** A batch of this many bytes is sent without waiting for the sweep. */
export const BATCH_BYTES = 64 * 1024
/** Bytes that may wait to be written; beyond them lines are dropped. */
export const WAITING_LIMIT_BYTES = 1024 * 1024

/** What the log needs of its thread. */
export interface AccessContext {
  readonly tally: Uint32Array
  readonly table: { readonly accessLog: AccessRule | null }
}

export interface AccessSink {
  /** Whole lines, ASCII; answered by `acknowledge` when they are written or lost. */
  send(lines: string): void
  /** Monotonic milliseconds, with their fraction. */
  nowMs(): number
  /** Milliseconds since 1970. */
  wallMs(): number
}

export class AccessLog {
  readonly sink: AccessSink
  readonly #context: AccessContext
  #batch = ''
  /** Sent and not acknowledged. */
  #sentBytes = 0
  #isLeaving = false

  constructor(context: AccessContext, sink: AccessSink) {
    this.#context = context
    this.sink = sink
  }

  /** Whether a request is written. `random`: 0 up to, not including, 1. */
  wants(isError: boolean, random: number): boolean {
    const rule = this.#context.table.accessLog
    if (rule === null) return false
    if (isError || rule.mode === 'all') return true
    return rule.mode === 'sampled' && random < rule.ratio
  }

  write(request: AccessRequest, end: AccessEnd, times: AccessTimes): void {
    if (this.#sentBytes + this.#batch.length >= WAITING_LIMIT_BYTES) {
      this.#context.tally[THREAD.accessDropped]!++
      return
    }
    this.#batch += accessLine(request, end, times)
    if (this.#batch.length < BATCH_BYTES || this.#isLeaving) return
    this.#isLeaving = true
    setImmediate(() => this.flush())
  }

  /** A request whose head could not be read, so that no exchange began. */
  writeRefused(fault: RequestFault, client: { address: string; isSecure: boolean }): void {
    if (!this.wants(true, 0)) return
    const request: AccessRequest = {
      beganMs: this.sink.wallMs(),
      method: null,
      host: null,
      target: null,
      protocol: null,
      client: client.address,
      isTls: client.isSecure,
      userAgent: null,
      traceparent: null,
      requestId: null,
    }
    this.write(
      request,
      { ...UNREAD, status: REQUEST_FAULTS[fault].status, fault },
      { durationUs: 0, untilHeadUs: -1 },
    )
  }

  /** Sends what has gathered; called by the sweep, and in the end. */
  flush(): void {
    this.#isLeaving = false
    if (this.#batch === '') return
    const lines = this.#batch
    this.#batch = ''
    this.#sentBytes += lines.length
    this.sink.send(lines)
  }

  /** That many bytes are not waiting any more. */
  acknowledge(bytes: number): void {
    this.#sentBytes -= bytes
  }
}

const UNREAD: AccessEnd = {
  failure: null,
  fault: null,
  ending: null,
  status: 0,
  grpcStatus: -1,
  isError: false,
  route: null,
  variant: null,
  endpoint: null,
  requestBytes: 0,
  responseBytes: 0,
  retryCount: 0,
  isRescue: false,
}
