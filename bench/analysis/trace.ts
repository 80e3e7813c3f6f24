/**
 * A trace: what a proxy would count, tick by tick, from conditions that change with time.
 *
 * Outcomes of a tick are Poisson by kind, which is what independent requests with these rates are. Latencies are
 * lognormal with a median that moves; thresholds come from the minute before, with the error that a sample of that size
 * has, and a request is slow or not by them.
 */

import { LATENCY_QUANTILES, LATENCY_SLOT_MS } from '../../src/analyzer/latency.ts'
import { normalQuantile, normalTail } from './normal.ts'
import type { Random } from './random.ts'

/** What holds at a moment. Both variants share all but what a fault adds to the canary. */
export interface Conditions {
  requestsPerSecond: number
  /** The canary's share of assignments, above 0 and below 1. */
  weight: number
  /** Share of stable's requests that fail. */
  failedRatio: number
  /** Share of stable's requests that are answered 4xx. */
  clientErrorRatio: number
  /** Stable's median latency by its usual one. */
  latencyScale: number
}

/** The canary's own: what fails of it, and how much slower it is. */
export interface Fault {
  /** Share of its requests that fail, from stable's at that moment. */
  readonly failedRatio: (stable: number, atS: number) => number
  /** Its latencies by stable's. */
  readonly latencyFactor: number
}

export const HEALTHY: Fault = { failedRatio: (stable) => stable, latencyFactor: 1 }

/** Outcomes of one variant in one tick. */
export interface SideTick {
  count: number
  failed: number
  clientErrors: number
  /** Slower than the threshold of each quantile. */
  slow: number[]
}

/** One tick; the object is reused for the next. */
export interface Tick {
  /** The end of the tick, in seconds since the start. */
  atS: number
  weight: number
  /** Whether the weight changed with this tick. */
  isStep: boolean
  readonly canary: SideTick
  readonly stable: SideTick
}

/** Standard deviation of the logarithm of latencies. */
const SIGMA = 0.5

/** How much slower than stable's quantile the canary may be. */
const SLACK = Math.log(1.15)

/** Closed slots that thresholds look back on, and requests they need. */
const SLOT_S = LATENCY_SLOT_MS / 1_000
const SLOT_COUNT = 6
const MIN_COUNT = 500

const PLACES = LATENCY_QUANTILES.map(({ quantile }) => {
  const z = normalQuantile(quantile)
  const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)
  return { z, error: Math.sqrt(quantile * (1 - quantile)) / density }
})

export class Trace {
  readonly #random: Random
  readonly #conditions: (atS: number) => Conditions
  readonly #fault: Fault
  readonly #tick: Tick = { atS: 0, weight: 0, isStep: false, canary: side(), stable: side() }
  /** Logarithms of stable's thresholds; null before there are enough requests. */
  #thresholds: number[] | null = null
  /** Stable's requests and the sum of the logarithm of its scale over them, by slot. */
  #slots: { count: number; lnScale: number }[] = [{ count: 0, lnScale: 0 }]
  #slotEndS = SLOT_S

  constructor(random: Random, conditions: (atS: number) => Conditions, fault = HEALTHY) {
    this.#random = random
    this.#conditions = conditions
    this.#fault = fault
  }

  /** Returns the next tick, that long; the same object each time. */
  next(lengthS: number): Tick {
    const tick = this.#tick
    const now = this.#conditions(tick.atS)
    const { requestsPerSecond, weight } = now
    tick.isStep = tick.atS > 0 && weight !== tick.weight
    tick.weight = weight
    tick.atS += lengthS
    const canaryFailed = Math.min(1, this.#fault.failedRatio(now.failedRatio, tick.atS))
    const canaryMean = requestsPerSecond * weight * lengthS
    const stableMean = requestsPerSecond * (1 - weight) * lengthS
    this.#draw(tick.canary, canaryMean, canaryFailed, now.clientErrorRatio)
    this.#draw(tick.stable, stableMean, now.failedRatio, now.clientErrorRatio)
    this.#drawSlow(tick, { canaryMean, stableMean, lnScale: Math.log(now.latencyScale) })
    return tick
  }

  #draw(into: SideTick, mean: number, failedRatio: number, clientErrorRatio: number): void {
    into.failed = this.#random.poisson(mean * failedRatio)
    into.count = into.failed + this.#random.poisson(mean * (1 - failedRatio))
    into.clientErrors = this.#random.poisson(mean * clientErrorRatio)
  }

  #drawSlow(
    tick: Tick,
    now: { readonly canaryMean: number; readonly stableMean: number; readonly lnScale: number },
  ): void {
    this.#turn(tick.atS)
    const open = this.#slots[this.#slots.length - 1]!
    open.count += tick.stable.count
    open.lnScale += tick.stable.count * now.lnScale
    if (this.#thresholds === null) return
    const lnFactor = Math.log(this.#fault.latencyFactor)
    this.#drawNested(tick.stable.slow, now.stableMean, now.lnScale)
    this.#drawNested(tick.canary.slow, now.canaryMean, now.lnScale + lnFactor - SLACK)
  }

  /** From the slowest on: who is beyond a threshold is beyond the ones below it. */
  #drawNested(slow: number[], mean: number, lnMedian: number): void {
    let beyond = 0
    let count = 0
    for (let q = slow.length - 1; q >= 0; q--) {
      const share = normalTail((this.#thresholds![q]! - lnMedian) / SIGMA)
      if (share > beyond) {
        count += this.#random.poisson(mean * (share - beyond))
        beyond = share
      }
      slow[q] = count
    }
  }

  #turn(atS: number): void {
    if (atS < this.#slotEndS) return
    this.#slotEndS = Math.floor(atS / SLOT_S + 1) * SLOT_S
    const closed = this.#slots.slice(-SLOT_COUNT)
    const count = closed.reduce((sum, slot) => sum + slot.count, 0)
    if (count >= MIN_COUNT) {
      const lnScale = closed.reduce((sum, slot) => sum + slot.lnScale, 0) / count
      this.#thresholds = PLACES.map(
        ({ z, error }) =>
          lnScale + SIGMA * (z + (error * this.#random.normal()) / Math.sqrt(count)),
      )
    }
    this.#slots = [...closed, { count: 0, lnScale: 0 }]
  }
}

function side(): SideTick {
  return { count: 0, failed: 0, clientErrors: 0, slow: LATENCY_QUANTILES.map(() => 0) }
}
