/**
 * Watches over the endpoints of one upstream: ejects those that fail, readmits them, tells who may be silent.
 *
 * The shell of `ejection.ts` and `peers.ts`, which decide. Each thread watches for itself: it takes no longer to see a
 * fault than to hear of it, and a fault between one thread and an endpoint is that thread's alone.
 */

import {
  ejected,
  type EjectionReason,
  noted,
  passed,
  roomToEject,
  STEADY,
  trip,
} from './ejection.ts'
import type { AttemptResult, Endpoint } from './endpoint.ts'
import { judge } from './peers.ts'
import type { OutlierRules } from './settings.ts'
import { TURN_MS } from './vitals.ts'

/** How fast the memory of failures fades, where the others answer at once. */
const LEAST_FADE_MS = 200
const MOST_FADE_MS = 10_000
/** So many times as long as the others take for an answer, a failure weighs as much as a request under way. */
const FADE_FACTOR = 2
/** Turns of whose answers it is known how long they take. */
const FADE_TURNS = 20

export class Watch {
  readonly endpoints: readonly Endpoint[]
  readonly #rules: OutlierRules | null
  /** One more request for this one would tell whether it is silent. Null: none. */
  suspect: Endpoint | null = null

  constructor(endpoints: readonly Endpoint[], rules: OutlierRules | null) {
    this.endpoints = endpoints
    this.#rules = rules
  }

  /** Ejects it, where that is one too many. `beganMs`: when the attempt did. */
  note(
    endpoint: Endpoint,
    result: AttemptResult,
    { beganMs, nowMs }: { readonly beganMs: number; readonly nowMs: number },
  ): void {
    const rules = this.#rules
    const before = endpoint.standing
    const after = noted(before, result, beganMs)
    if (rules === null || after === before) return
    endpoint.standing = after
    const reason = trip(after, rules, this.endpoints.length === 1)
    if (reason !== null) this.#eject(endpoint, reason, { rules, nowMs })
  }

  /** A turn is over. Returns whether an endpoint came back. */
  endTurn(nowMs: number): boolean {
    this.#fadePenalties()
    const rules = this.#rules
    this.suspect = null
    let hasChanged = false
    for (const endpoint of this.endpoints) {
      if (endpoint.watch !== this || endpoint.standing === STEADY) continue
      const before = endpoint.standing
      endpoint.standing = rules === null ? STEADY : passed(before, rules, nowMs)
      if (before.ejection === null || endpoint.standing.ejection !== null) continue
      endpoint.warm(nowMs, { isReadmitted: true })
      // What it did before, and has not answered since, is known.
      endpoint.vitals.beginAnew(nowMs)
      hasChanged = true
    }
    if (rules !== null) this.#judge(rules, nowMs)
    return hasChanged
  }

  #judge(rules: OutlierRules, nowMs: number): void {
    if (this.endpoints.length < 2) return
    const inUse = this.endpoints.filter((endpoint) => endpoint.isFit)
    const { findings, suspect } = judge(
      inUse.map(({ vitals }) => vitals),
      rules,
      nowMs,
    )
    this.suspect = suspect === null ? null : inUse[suspect]!
    for (const { index, reason } of findings) this.#eject(inUse[index]!, reason, { rules, nowMs })
  }

  #eject(
    endpoint: Endpoint,
    reason: EjectionReason,
    context: { readonly rules: OutlierRules; readonly nowMs: number },
  ): void {
    if (endpoint.watch !== this) return
    const outCount = this.endpoints.filter((each) => !each.isFit).length
    const { maxEjectedRatio } = context.rules
    if (roomToEject(this.endpoints.length, outCount, maxEjectedRatio) <= 0) return
    endpoint.eject(ejected(endpoint.standing, reason, context))
  }

  /**
   * A failure weighs on the load for about as long as an answer of the others would have: whoever fails at once looks as
   * busy as those who work, and gets no more than they do.
   */
  #fadePenalties(): void {
    if (this.endpoints.every(({ vitals }) => vitals.penalty === 0)) return
    const latenciesUs = this.endpoints
      .map(({ vitals }) => vitals.meanLatencyUs(FADE_TURNS))
      .filter((latencyUs) => latencyUs !== null)
    const meanMs = latenciesUs.reduce((sum, each) => sum + each / 1000, 0) / latenciesUs.length || 0
    const fadeMs = Math.min(Math.max(FADE_FACTOR * meanMs, LEAST_FADE_MS), MOST_FADE_MS)
    const ratio = Math.exp(-TURN_MS / fadeMs)
    for (const { vitals, watch } of this.endpoints) if (watch === this) vitals.fadePenalty(ratio)
  }
}
