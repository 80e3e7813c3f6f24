/**
 * Which variant a request is for, and made anew when the table changes before the request is sent. Hot.
 *
 * The exchange owns one and uses it for each of its requests. What the choice depends on is read once, at
 * the request's start, since its head is gone when the choice has to be made again.
 */

import { randomUUID } from 'node:crypto'
import { type Choice, chooseVariant, forcedVariant, unitOf } from './assign.ts'
import { murmur3 } from './bucket.ts'
import type { ThreadContext } from './context.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'

export class Assignment implements Choice {
  route!: CompiledRoute
  variant!: CompiledVariant
  forced: string | null = null
  unit: string | null = null
  /** With its line end; empty unless the unit was minted. */
  setCookieLine = ''
  /** The client has chosen the variant. */
  isForced = false
  readonly #context: ThreadContext
  #tableVersion = 0
  #hasFallenBack = false

  constructor(context: ThreadContext) {
    this.#context = context
  }

  /** `isSecure`: the client speaks TLS, so a cookie can be kept to it. */
  begin(route: CompiledRoute, head: RequestHead, isSecure: boolean): void {
    this.route = route
    this.#tableVersion = this.#context.table.version
    this.#hasFallenBack = false
    this.forced = forcedVariant(route, head)
    this.unit = unitOf(route, head)
    this.setCookieLine = ''
    if (this.unit === null && route.sticky !== null) this.#mintUnit(route, isSecure)
    this.variant = chooseVariant(route, this, this.#context.random)
    this.isForced = this.variant.name === this.forced
  }

  /** 32 bits that tell units apart; a request without one is a unit of its own. */
  get unitHash(): number {
    const { unit } = this
    return unit === null ? this.#context.random() * 2 ** 32 : murmur3(unit, this.route.seed)
  }

  /** Stable takes over, whatever the coin said. */
  fallBack(): void {
    this.#hasFallenBack = true
    this.variant = this.route.variants[0]!
  }

  /** Chooses again where the table has changed since; false when the route is gone. */
  renew(): boolean {
    const { table, random } = this.#context
    if (this.#tableVersion === table.version) return true
    this.#tableVersion = table.version
    const route = table.byName.get(this.route.name)
    if (route === undefined) return false
    this.route = route
    this.variant = this.#hasFallenBack ? route.variants[0]! : chooseVariant(route, this, random)
    return true
  }

  #mintUnit(route: CompiledRoute, isSecure: boolean): void {
    const { sticky } = route
    if (sticky?.kind !== 'cookie' || !sticky.mint || route.variants.length === 1) return
    this.unit = randomUUID()
    const secure = isSecure ? '; Secure' : ''
    this.setCookieLine = `set-cookie: ${sticky.name}=${this.unit}; Path=/; HttpOnly; SameSite=Lax${secure}\r\n`
  }
}
