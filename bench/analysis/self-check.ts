/** The splitter's check on itself: false alarms of a coin that is right, and how soon it finds one that is not. */

import { lnMismatch } from '../../src/analyzer/ratio.ts'
import { Random } from './random.ts'
import { type Share, quantileOf, sharesAt } from './share.ts'

const REQUESTS_PER_SECOND = 100
const BELIEVED = 0.05
const ALPHA = 1e-4

/** Requests after which a search is given up. */
const REQUEST_LIMIT = 1_000_000

export interface SelfCheckResult {
  /** Of a coin that is right, in an hour at 100 requests/s, at each of `ALPHAS`. */
  readonly falseAlarms: readonly Share[]
  readonly found: readonly {
    /** What the coin really does where 5 % are believed. */
    readonly trueWeight: number
    /** At a bound of 0.0001; null: more than a million. */
    readonly medianRequests: number | null
  }[]
}

export function measureSelfCheck(options: {
  readonly seed: number
  readonly runCount: number
  readonly horizonS: number
}): SelfCheckResult {
  const { seed, runCount, horizonS } = options
  const most = Array.from({ length: runCount }, (_, run) =>
    mostLnOf(new Random(seed, `self ${run}`), horizonS),
  )
  return {
    falseAlarms: sharesAt(most),
    found: [0.06, 0.055, 0.0525].map((trueWeight) => {
      const requests = Array.from({ length: Math.min(runCount, 200) }, (_, run) =>
        requestsUntil(new Random(seed, `self ${trueWeight} ${run}`), trueWeight),
      ).toSorted((a, b) => a - b)
      const median = quantileOf(requests, 0.5)
      return { trueWeight, medianRequests: Number.isFinite(median) ? median : null }
    }),
  }
}

class Tosses {
  readonly #random: Random
  readonly #counts = [0, 0]

  constructor(random: Random) {
    this.#random = random
  }

  /** A second's; returns ln E. */
  next(weight: number): number {
    this.#counts[0]! += this.#random.poisson(REQUESTS_PER_SECOND * weight)
    this.#counts[1]! += this.#random.poisson(REQUESTS_PER_SECOND * (1 - weight))
    return lnMismatch(this.#counts, [BELIEVED, 1 - BELIEVED])
  }

  get count(): number {
    return this.#counts[0]! + this.#counts[1]!
  }
}

function mostLnOf(random: Random, horizonS: number): number {
  const tosses = new Tosses(random)
  let most = -Infinity
  for (let atS = 0; atS < horizonS; atS++) most = Math.max(most, tosses.next(BELIEVED))
  return most
}

function requestsUntil(random: Random, trueWeight: number): number {
  const tosses = new Tosses(random)
  while (tosses.count < REQUEST_LIMIT) {
    if (tosses.next(trueWeight) >= -Math.log(ALPHA)) return tosses.count
  }
  return Infinity
}
