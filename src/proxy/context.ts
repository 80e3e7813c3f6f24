/**
 * What everything in one proxy thread works with: the table in force, the tally, the clock, the buffers that
 * are used again. One object a thread; nothing in it is seen by another thread but the tally.
 */

import { createBufferPool, type BufferPool } from './buffers.ts'
import { RequestHead } from './http1/request-head.ts'
import { ResponseHead } from './http1/response-head.ts'
import type { RoutingTable } from './table.ts'
import { EndpointSet } from './upstream/endpoint.ts'

export class ThreadContext {
  readonly endpoints: EndpointSet = new EndpointSet()
  /** This thread's words, see `analyzer/tally.ts`. */
  readonly tally: Uint32Array
  readonly buffers: BufferPool = createBufferPool()
  /** 0 up to, not including, 1. */
  readonly random: () => number
  /** Tells control about a bug; bounded by the receiver. */
  readonly report: (error: unknown) => void

  /** Milliseconds of the monotonic clock, renewed by the sweep: for deadlines, not for latencies. */
  nowMs: number
  /** `date: …` and line end, renewed with `nowMs`. */
  dateLine = ''
  isDraining = false
  /** Reused by every connection: valid until the next parse. */
  requestHead!: RequestHead
  responseHead!: ResponseHead
  #table!: RoutingTable

  constructor(options: {
    tally: Uint32Array
    nowMs: number
    random: () => number
    report: (error: unknown) => void
  }) {
    this.tally = options.tally
    this.nowMs = options.nowMs
    this.random = options.random
    this.report = options.report
  }

  get table(): RoutingTable {
    return this.#table
  }

  /** Every request that starts from now on works by this table. */
  use(table: RoutingTable): void {
    this.#table = table
    this.requestHead = new RequestHead(table.limits)
    this.responseHead = new ResponseHead(table.limits.responseHeadBytes)
  }
}
