/**
 * An upstream of endpoints that nobody connects to: attempts take as long as the test says, on a clock that the test puts
 * forward, and chance is seeded.
 */

import type { UpstreamSettings } from '../../../src/proxy/upstream/settings.ts'
import { CompiledUpstream } from '../../../src/proxy/upstream/compiled.ts'
import type { AttemptResult, Endpoint } from '../../../src/proxy/upstream/endpoint.ts'
import { EndpointSet } from '../../../src/proxy/upstream/endpoint-set.ts'
import type { OutlierRules } from '../../../src/proxy/upstream/settings.ts'
import { TURN_MS } from '../../../src/proxy/upstream/vitals.ts'
import { seededRandom } from '../../sim/random.ts'
import { endpointOf, upstreamOf } from '../routes.ts'

/** Those that hold where nothing is configured. */
export const RULES: OutlierRules = {
  consecutiveErrors: 5,
  consecutiveConnectFailures: 3,
  successRateGap: 0.2,
  latencyFactor: 5,
  silenceMs: 1_000,
  minRequests: 10,
  intervalMs: 10_000,
  baseEjectionMs: 10_000,
  maxEjectionMs: 300_000,
  maxEjectedRatio: 0.5,
}

/** What an endpoint does with a request. */
export interface Behaviour {
  readonly latencyMs: number
  readonly result: AttemptResult
}

export const WELL: Behaviour = { latencyMs: 5, result: 'ok' }
export const HUNG: Behaviour = { latencyMs: 12_000, result: 'timeout' }

export interface FleetOptions {
  readonly weights?: readonly number[]
  readonly zones?: readonly (string | null)[]
  readonly settings?: Partial<UpstreamSettings>
  readonly seed?: number
}

export class Fleet {
  readonly set: EndpointSet = new EndpointSet()
  readonly random: () => number
  readonly behaviours: Behaviour[]
  /** Requests that each was sent since `clear`. */
  counts: number[] = []
  upstream!: CompiledUpstream
  nowMs = 0
  readonly #weights: readonly number[]
  readonly #zones: readonly (string | null)[]
  readonly #underWay: { readonly endMs: number; readonly end: () => void }[] = []
  #turnMs = 0

  constructor(size: number, options: FleetOptions = {}) {
    this.random = seededRandom(options.seed ?? 1)
    this.behaviours = Array.from({ length: size }, () => WELL)
    this.#weights = options.weights ?? []
    this.#zones = options.zones ?? []
    this.use(options.settings ?? {})
  }

  /** From now on all of them do so. */
  behave(behaviour: Behaviour): void {
    for (const index of this.behaviours.keys()) this.behaviours[index] = behaviour
  }

  /** Compiles it anew, with so many endpoints. */
  use(settings: Partial<UpstreamSettings>, size: number = this.behaviours.length): void {
    const endpoints = Array.from({ length: size }, (_, index) =>
      endpointOf(9_001 + index, {
        weight: this.#weights[index] ?? 1,
        zone: this.#zones[index] ?? null,
      }),
    )
    this.upstream = new CompiledUpstream(upstreamOf('fleet', endpoints, settings), {
      endpoints: this.set,
      random: this.random,
    })
    this.set.follow([this.upstream])
    this.clear()
  }

  clear(): void {
    this.counts = this.upstream.endpoints.map(() => 0)
  }

  endpoint(index: number): Endpoint {
    return this.upstream.endpoints[index]!
  }

  /** Chooses, for a unit with that hash, and counts it. */
  choose(hash: number = this.random() * 2 ** 32, avoid: Endpoint | null = null): number {
    const endpoint = this.upstream.choose({ unitHash: () => hash, avoid })
    const index = endpoint === null ? -1 : this.upstream.endpoints.indexOf(endpoint)
    if (index >= 0) this.counts[index]!++
    return index
  }

  /** Sends one request to whom the upstream chooses. */
  send(): number {
    const index = this.choose()
    if (index >= 0) this.#begin(this.endpoint(index), this.behaviours[index]!)
    return index
  }

  #begin(endpoint: Endpoint, { latencyMs, result }: Behaviour): void {
    endpoint.connectionCount++
    endpoint.vitals.beginWait(this.nowMs)
    // Not all alike.
    const tookMs = latencyMs * (0.8 + 0.4 * this.random())
    this.#underWay.push({
      endMs: this.nowMs + tookMs,
      end: () => {
        endpoint.connectionCount--
        endpoint.vitals.endWait(result === 'ok' || result === 'serverError', this.nowMs)
        endpoint.note(result, tookMs * 1000)
      },
    })
  }

  /** So many milliseconds go by, with so many requests a second. */
  run(forMs: number, perSecond: number): void {
    const untilMs = this.nowMs + forMs
    while (this.nowMs < untilMs) {
      this.nowMs++
      this.#settle()
      if (this.random() < perSecond / 1000) this.send()
      if (this.nowMs - this.#turnMs < TURN_MS) continue
      this.#turnMs = this.nowMs
      this.set.endTurn(this.nowMs)
    }
  }

  /** Returns after how many milliseconds it is so, or Infinity where it is not within `limitMs`. */
  until(isSo: () => boolean, limitMs: number, perSecond: number): number {
    const sinceMs = this.nowMs
    while (this.nowMs - sinceMs < limitMs) {
      if (isSo()) return this.nowMs - sinceMs
      this.run(10, perSecond)
    }
    return Infinity
  }

  #settle(): void {
    for (let i = this.#underWay.length - 1; i >= 0; i--) {
      const { endMs, end } = this.#underWay[i]!
      if (endMs > this.nowMs) continue
      this.#underWay.splice(i, 1)
      end()
    }
  }

  reason(index: number): string | null {
    return this.endpoint(index).standing.ejection?.reason ?? null
  }

  /** The part of the requests that each got, relative to an even part. */
  get parts(): readonly number[] {
    const total = this.counts.reduce((sum, count) => sum + count, 0)
    return this.counts.map((count) => (count * this.counts.length) / total)
  }
}
