/**
 * Which variant a request is for, and made anew when the table changes before the request is sent. Hot.
 *
 * The exchange owns one and uses it for each of its requests. What the choice depends on is read once, at
 * the request's start, since its head is gone when the choice has to be made again.
 */

import { randomUUID } from 'node:crypto'
import { SERIES } from '../analyzer/tally.ts'
import { type Choice, chooseVariant, chosenVariant, forcedVariant } from './assign.ts'
import { murmur3 } from './bucket.ts'
import { type Asked, decide, type PendingFlag } from './cohort/rules.ts'
import { unitIn } from './cohort/unit.ts'
import type { ThreadContext } from './context.ts'
import { PENDING } from './flags/evaluator.ts'
import type { Peer } from './forwarding.ts'
import type { RequestHead } from './http1/request-head.ts'
import type { CompiledRoute, CompiledVariant } from './table.ts'

/** Where rules have not been looked at, since the route had one variant. */
const STABLE = 'stable'

export class Assignment implements Choice {
  route!: CompiledRoute
  variant!: CompiledVariant
  forced: string | null = null
  decided: string | null = null
  unit: string | null = null
  /** With its line end; empty unless the unit was minted. */
  setCookieLine = ''
  /** The client or a rule has chosen the variant: it says nothing about the coin, and is no evidence. */
  isForced = false
  readonly #context: ThreadContext
  readonly #pending: PendingFlag[] = []
  /** Null where no flag has decided. */
  #decidedBy: PendingFlag | null = null
  #tableVersion = 0
  #hasFallenBack = false

  constructor(context: ThreadContext) {
    this.#context = context
  }

  begin(route: CompiledRoute, head: RequestHead, peer: Peer): void {
    const { facts, table, random } = this.#context
    this.route = route
    this.#tableVersion = table.version
    this.#hasFallenBack = false
    this.forced = forcedVariant(route, head)
    this.decided = null
    this.isForced = false
    this.#pending.length = 0
    this.#decidedBy = null
    this.unit = null
    this.setCookieLine = ''
    facts.begin(head, peer, route)
    if (route.sticky !== null) {
      this.unit = unitIn(route.sticky, facts) ?? this.#mintUnit(route, peer.isSecure)
    }
    if (route.rules.length > 0) this.#askRules(route)
    this.variant = chooseVariant(route, this, random)
    if (!this.isPending) this.#countForced(route)
  }

  #countForced(route: CompiledRoute): void {
    this.isForced = chosenVariant(route, this) !== null
    if (this.isForced && route.variants.length > 1) {
      this.#context.tally[this.variant.series + SERIES.forced]!++
    }
  }

  /** Rules ask flags that have not answered yet; until they have, the variant is not decided. */
  get isPending(): boolean {
    return this.#pending.length > 0
  }

  /** Calls back once all flags have answered that were pending; may do so long after the request is gone. */
  whenKnown(onKnown: () => void): void {
    const { flags } = this.#context.table
    let left = this.#pending.length
    const onOne = (): void => {
      if (--left === 0) onKnown()
    }
    for (const { provider, key } of this.#pending) {
      flags.whenKnown(provider, key, this.unit ?? '', onOne)
    }
  }

  /** Decides by what the flags have answered. The first that names a variant goes before what the other rules said. */
  settle(): void {
    const { table, random } = this.#context
    const subject = { unit: this.unit, attribute: () => null }
    for (const flag of this.#pending.splice(0)) {
      const found = table.flags.evaluate(flag.provider, flag.key, subject)
      if (found === null || found === PENDING) continue
      this.decided = found
      this.#decidedBy = flag
      break
    }
    this.variant = chooseVariant(this.route, this, random)
    this.#countForced(this.route)
  }

  /** A rule that sends to the canary does nothing while there is none. */
  #askRules(route: CompiledRoute): void {
    const { facts, table } = this.#context
    if (route.variants.length === 1) {
      this.decided = STABLE
      return
    }
    facts.unit = this.unit
    const asked: Asked = { flags: table.flags, pending: this.#pending, decidedBy: null }
    this.decided = decide(route.rules, facts, asked)
    this.#decidedBy = asked.decidedBy ?? null
  }

  /** 32 bits that tell units apart; a request without one is a unit of its own. */
  get unitHash(): number {
    const { unit } = this
    return unit === null ? this.#context.random() * 2 ** 32 : murmur3(unit, this.route.seed)
  }

  /** Whether the choice was made by the table in force. */
  get isCurrent(): boolean {
    return this.#tableVersion === this.#context.table.version
  }

  /** The request is sent: what stable has seen does not go to the canary any more. */
  noteSent(): void {
    this.#hasFallenBack ||= this.variant === this.route.variants[0]
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
    const kept = this.#keptIn(route)
    this.route = route
    // What else the rules said cannot be asked again, since the request is gone; that a flag is off can.
    const flag = this.#decidedBy
    if (flag !== null && table.flags.isOff(flag.provider, flag.key)) this.decided = STABLE
    this.variant = this.#hasFallenBack
      ? route.variants[0]!
      : (kept ?? chooseVariant(route, this, random))
    return true
  }

  /**
   * The coin is not tossed again while its side has traffic in the same rollout: else every new table would take what waits
   * for a connection from the evidence, and of the canary's nearly all.
   */
  #keptIn({ variants, seed }: CompiledRoute): CompiledVariant | null {
    // Where there was one variant, no coin has been tossed.
    if (this.isForced || this.route.variants.length === 1 || seed !== this.route.seed) return null
    const { name } = this.variant
    const [stable, ...others] = variants
    if (stable!.name === name) return stable!
    return others.find((variant) => variant.name === name && variant.weightBp > 0) ?? null
  }

  /** Returns null where the route mints none. */
  #mintUnit({ sticky, variants }: CompiledRoute, isSecure: boolean): string | null {
    if (variants.length === 1) return null
    for (const source of sticky ?? []) {
      if (source.kind !== 'cookie' || !source.mint) continue
      const unit = randomUUID()
      const secure = isSecure ? '; Secure' : ''
      this.setCookieLine = `set-cookie: ${source.name}=${unit}; Path=/; HttpOnly; SameSite=Lax${secure}\r\n`
      return unit
    }
    return null
  }
}
