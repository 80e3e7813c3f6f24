/**
 * What everything in one proxy thread works with: the table in force, the tally, the clock, the buffers that
 * are used again. One object a thread; nothing in it is seen by another thread but the tally.
 */

import { AccessLog, type AccessSink } from './access/log.ts'
import { RetryBudgets } from './attempt/budget.ts'
import { createBufferPool, type BufferPool } from './buffers.ts'
import { RequestFacts } from './cohort/facts.ts'
import { TokenReaders } from './cohort/token/reader.ts'
import { ThreadFlags } from './flags/flags.ts'
import { RequestHead } from './http1/request-head.ts'
import { ResponseHead } from './http1/response-head.ts'
import { type RefusalReport, Refusals } from './refusals.ts'
import { SettlementRings } from './settlement/rings.ts'
import type { RoutingTable } from './table.ts'
import { EndpointSet } from './upstream/endpoint-set.ts'

export interface ThreadContextOptions {
  readonly tally: Uint32Array
  readonly nowMs: number
  readonly random: () => number
  readonly report: (error: unknown) => void
  /** Hears of refusals where the table in force asks for it; default: nobody does. */
  readonly tellRefusal?: (report: RefusalReport) => void
  /** Where the access log goes, and its clocks; default: nowhere. */
  readonly access?: AccessSink
  /** Imports a module of a flag provider; default: as Node does. */
  readonly load?: (module: string) => Promise<unknown>
}

/** The default export of a module. */
async function importDefault(module: string): Promise<unknown> {
  const exported: { readonly default?: unknown } = await import(module)
  return exported.default
}

const NO_ACCESS: AccessSink = { send: () => undefined, nowMs: () => 0, wallMs: () => 0 }

/** An exchange that has become a tunnel. */
export interface Tunnel {
  /** Another table is in force. */
  onTableChange(): void
}

/** A copy of a request that is on its way. */
export interface Copy {
  giveUp(): void
}

export class ThreadContext {
  readonly endpoints: EndpointSet = new EndpointSet()
  readonly budgets: RetryBudgets = new RetryBudgets()
  /** This thread's words, see `analyzer/tally.ts`. */
  readonly tally: Uint32Array
  readonly rings: SettlementRings
  readonly flags: ThreadFlags
  readonly buffers: BufferPool = createBufferPool()
  /** Reused by every assignment: of the request that is being assigned. */
  readonly facts: RequestFacts = new RequestFacts(this)
  readonly tokens: TokenReaders = new TokenReaders()
  /** 0 up to, not including, 1. */
  readonly random: () => number
  /** Tells control about a bug; bounded by the receiver. */
  readonly report: (error: unknown) => void
  readonly refusals: Refusals
  readonly accessLog: AccessLog

  /** Milliseconds of the monotonic clock, renewed by the sweep: for deadlines, not for latencies. */
  nowMs: number
  /** Milliseconds since 1970, renewed with `nowMs`: for times that others wrote. */
  wallMs = 0
  /** `date: …` and line end, renewed with `nowMs`. */
  dateLine = ''
  isDraining = false
  /** How long what is under way may go on, once draining has begun. */
  drainMs = Infinity
  /** Requests that keep a connection to an upstream, or wait for one, while their bodies come. */
  openBodyCount = 0
  /** Copies of requests on their way, see `mirror.ts`. */
  readonly copies: Set<Copy> = new Set()
  /** All that are open. */
  readonly tunnels: Set<Tunnel> = new Set()
  /** Reused by every connection: valid until the next parse. */
  requestHead!: RequestHead
  responseHead!: ResponseHead
  #table!: RoutingTable

  constructor(options: ThreadContextOptions) {
    this.tally = options.tally
    this.rings = new SettlementRings(options.tally)
    this.nowMs = options.nowMs
    this.endpoints.nowMs = options.nowMs
    this.random = options.random
    this.report = options.report
    this.flags = new ThreadFlags({
      nowMs: () => this.nowMs,
      after: (delayMs, run) => void setTimeout(run, delayMs).unref(),
      load: options.load ?? importDefault,
      report: options.report,
    })
    this.refusals = new Refusals(this, options.tellRefusal ?? (() => undefined))
    this.accessLog = new AccessLog(this, options.access ?? NO_ACCESS)
  }

  get table(): RoutingTable {
    return this.#table
  }

  /** Every request that starts from now on works by this table. */
  use(table: RoutingTable): void {
    this.#table = table
    this.requestHead = new RequestHead(table.limits)
    this.responseHead = new ResponseHead(table.limits.responseHeadBytes)
    for (const tunnel of this.tunnels) tunnel.onTableChange()
    this.endpoints.dismiss()
  }
}
