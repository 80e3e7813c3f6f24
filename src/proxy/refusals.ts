/**
 * What was refused: every refusal is counted by its reason, and at debug level some are told one by one.
 *
 * The counters are words of the thread's tally, so that no flood of refusals costs more than a count. What is
 * told to control is bounded by the second and in length; the rest is counted with the next that is told.
 */

import { THREAD } from '../analyzer/tally.ts'
import { escaped } from './escape.ts'
import { REQUEST_FAULTS, type RequestFault } from './failure.ts'

/** Why connections are refused, in the order in which the tally counts them. */
export const CONNECTION_REFUSALS = [
  /** The thread has as many as it may. */
  'limit',
  /** The address has as many as it may. */
  'addressLimit',
  /** A PROXY protocol listener takes connections from trusted proxies only. */
  'untrusted',
  /** The PROXY protocol header is missing or malformed. */
  'proxyHeader',
  /** The TLS handshake failed. */
  'handshake',
  /** The PROXY header or the TLS handshake did not come in time. */
  'handshakeTimeout',
  /** Neither the HTTP/2 preface nor a protocol that the listener serves. */
  'preface',
  /** Abuse of HTTP/2: more of what costs us than any client needs. */
  'flood',
  /** A breach of HTTP/2 that ends the connection. */
  'protocol',
] as const

export type ConnectionRefusal = (typeof CONNECTION_REFUSALS)[number]

/** The faults in the order in which the tally counts them. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table has these keys and no others
export const REQUEST_FAULT_NAMES = Object.keys(REQUEST_FAULTS) as readonly RequestFault[]

const CONNECTION_INDEX = indexOf(CONNECTION_REFUSALS)
const REQUEST_INDEX = indexOf(REQUEST_FAULT_NAMES)

/** What control is told of one refusal. The texts are escaped, see `escape.ts`. */
export interface RefusalReport {
  readonly refused: 'connection' | 'request'
  /** The rule that refused it: a `ConnectionRefusal` or a `RequestFault`. */
  readonly rule: string
  readonly address: string
  /** What was found, where there is something to show. */
  readonly found: string
  /** Refusals before this one that were not told. */
  readonly untoldCount: number
}

/** Reports of one thread in one second; further ones are only counted. */
export const REPORTS_PER_SECOND = 100
const SECOND_MS = 1_000
/** Characters of `address` and `found`. */
const TEXT_LIMIT = 200

/** What the refusals need of their thread. */
export interface RefusalContext {
  readonly tally: Uint32Array
  readonly nowMs: number
  readonly table: { readonly tellsRefusals: boolean }
}

export class Refusals {
  readonly #context: RefusalContext
  readonly #tell: (report: RefusalReport) => void
  #secondEndsMs = -Infinity
  #toldCount = 0
  #untoldCount = 0

  /** `tell` is called where the table in force has `tellsRefusals`. */
  constructor(context: RefusalContext, tell: (report: RefusalReport) => void) {
    this.#context = context
    this.#tell = tell
  }

  /** A connection is closed for that reason. `found`: the bytes that broke the rule, latin1, at best those alone. */
  connection(reason: ConnectionRefusal, address: string, found: string = ''): void {
    const { tally, table } = this.#context
    tally[THREAD.refused]!++
    tally[THREAD.refusedConnections + CONNECTION_INDEX[reason]]!++
    if (table.tellsRefusals) this.#report('connection', reason, address, found)
  }

  /** A request is refused for that fault. `found`: what broke the rule, latin1, at best that alone. */
  request(fault: RequestFault, address: string, found: string): void {
    const { tally, table } = this.#context
    tally[THREAD.refusedRequests + REQUEST_INDEX[fault]]!++
    if (table.tellsRefusals) this.#report('request', fault, address, found)
  }

  #report(
    refused: RefusalReport['refused'],
    rule: ConnectionRefusal | RequestFault,
    address: string,
    found: string,
  ): void {
    const { nowMs } = this.#context
    if (nowMs >= this.#secondEndsMs) {
      this.#secondEndsMs = nowMs + SECOND_MS
      this.#toldCount = 0
    }
    if (this.#toldCount === REPORTS_PER_SECOND) {
      this.#untoldCount++
      return
    }
    this.#toldCount++
    const untoldCount = this.#untoldCount
    this.#untoldCount = 0
    this.#tell({
      refused,
      rule,
      address: escaped(address, TEXT_LIMIT),
      found: escaped(found, TEXT_LIMIT),
      untoldCount,
    })
  }
}

function indexOf<Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each name
  return Object.fromEntries(names.map((name, index) => [name, index])) as Record<Name, number>
}
