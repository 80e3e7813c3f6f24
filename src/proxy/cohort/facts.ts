/**
 * What rules and units ask of one request, worked out when it is asked for and at most once. Hot.
 *
 * One object a thread: a request is decided in one go while its head is there. What flags ask by name is served by the
 * same object.
 */

import { THREAD } from '../../analyzer/tally.ts'
import type { FlagSubject } from '../flags/evaluator.ts'
import type { Peer } from '../forwarding.ts'
import { X_FORWARDED_FOR } from '../headers.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { CompiledRoute, RoutingTable } from '../table.ts'
import { clientAddress } from './client-address.ts'
import type { ConditionFacts } from './condition.ts'
import { COHORT_FAULT_INDEX, type CohortFault } from './faults.ts'
import { queryParameter } from './query.ts'
import { encoded } from './text.ts'
import type { Token } from './token/token.ts'
import type { UnitFacts } from './unit.ts'

/** What a request stands in. */
export interface FactsContext {
  readonly tally: Uint32Array
  readonly table: Pick<RoutingTable, 'trusted'>
  /** Milliseconds since 1970. */
  readonly wallMs: number
}

export class RequestFacts implements ConditionFacts, UnitFacts, FlagSubject {
  /** Of the coin; null: the request has none. */
  unit: string | null = null
  readonly #context: FactsContext
  #head!: RequestHead
  #peer!: Peer
  #path: string | null = null
  #address: string | null = null
  #route!: Pick<CompiledRoute, 'name' | 'tokens'>
  /** Undefined: not looked at. */
  #token: Token | null | undefined = undefined
  /** There is a token that is not to be believed. */
  #isForged = false

  constructor(context: FactsContext) {
    this.#context = context
  }

  /** A request has come; what was known is forgotten. */
  begin(head: RequestHead, peer: Peer, route: Pick<CompiledRoute, 'name' | 'tokens'>): void {
    this.#head = head
    this.#peer = peer
    this.#route = route
    this.#token = undefined
    this.#isForged = false
    this.#path = null
    this.#address = null
    this.unit = null
  }

  get method(): string {
    return this.#head.method
  }

  get path(): string {
    if (this.#path === null) {
      const { target } = this.#head
      const query = target.indexOf('?')
      this.#path = query < 0 ? target : target.slice(0, query)
    }
    return this.#path
  }

  get address(): string {
    if (this.#address === null) {
      const peer = this.#peer
      const chain = peer.isTrusted ? this.#head.forwarding(X_FORWARDED_FOR) : ''
      this.#address = clientAddress(peer, chain, this.#context.table.trusted)
    }
    return this.#address
  }

  header(name: string): string | null {
    return this.#head.find(name)
  }

  cookie(name: string): string | null {
    return this.#head.findCookie(name)
  }

  query(name: string): string | null {
    return queryParameter(this.#head.target, name)
  }

  claim(name: string): readonly string[] | null | undefined {
    const token = this.#token === undefined ? this.#readToken() : this.#token
    if (this.#isForged) return undefined
    return token === null ? null : token.texts(name)
  }

  /** Its fault is counted once for each request that has something to ask of it. */
  #readToken(): Token | null {
    const found = this.#route.tokens.read(this)
    this.#token = null
    if (found === null) return null
    const fault = found === 'tooLong' ? 'tokenTooLong' : found.faultAt(this.#context.wallMs / 1_000)
    if (found !== 'tooLong' && fault === null) return (this.#token = found)
    this.#isForged = true
    if (fault !== null) this.fault(fault)
    return null
  }

  claimText(name: string): string | null {
    const texts = this.claim(name)
    return texts?.length === 1 ? texts[0]! : null
  }

  attribute(name: string): string | null {
    const dot = name.indexOf('.')
    if (dot < 0) return this.#plainAttribute(name)
    const rest = name.slice(dot + 1)
    switch (name.slice(0, dot)) {
      case 'header':
        return this.header(rest)
      case 'cookie':
        return this.cookie(rest)
      case 'query':
        return this.query(encoded(rest))
      case 'claim':
        return this.claim(rest)?.join(',') ?? null
      default:
        return null
    }
  }

  #plainAttribute(name: string): string | null {
    switch (name) {
      case 'method':
        return this.method
      case 'path':
        return this.path
      case 'host':
        return this.#head.host
      case 'address':
        return this.address
      case 'route':
        return this.#route.name
      default:
        return null
    }
  }

  fault(reason: CohortFault): void {
    this.#context.tally[THREAD.cohortFaults + COHORT_FAULT_INDEX[reason]]!++
  }
}
