/**
 * How soon the strict coin finds a fault, against how soon anybody could: requests until the abort by the information
 * bound, for the faults, weights and rates of a table.
 *
 * Outcomes are given at once: the age at which they settle is the same for every test and comes on top. A tick is a
 * fortieth of the bound, at least 10 ms. Restarts come as in an hour's rollout, by the clock. Between two restarts
 * counts add up, so the healthy half hour before a late fault is drawn restart by restart.
 */

import { earliestDecision } from '../../src/analyzer/bound.ts'
import { faultBets } from '../../src/analyzer/coin/bets.ts'
import { Coin } from '../../src/analyzer/coin/coin.ts'
import { restartMass, restartSpacing } from '../../src/analyzer/coin/restarts.ts'
import { HORIZON_S } from './false-aborts.ts'
import { STRICT } from './judges/coin.ts'
import { normalQuantile, normalTail } from './normal.ts'
import { Random } from './random.ts'
import { type Times, meanOf, timesOf } from './share.ts'

const ALPHA = 0.001

/** Where the late fault begins. */
const LATE_S = HORIZON_S / 2

/** Ticks after which a run is given up: twenty times the bound. */
const TICK_LIMIT = 40 * 20
const LEAST_TICK_S = 0.01
const LIMIT_S = 60

/** A restart falls due every so many seconds; the schedule counts them in hundredths. */
const SCHEDULE = { horizonTickCount: HORIZON_S * 100, stepCount: 0 }
const SPACING_S = restartSpacing(SCHEDULE) / 100

export interface DetectedFault {
  readonly name: string
  readonly stableRatio: number
  readonly canaryRatio: number
  /** Whether only a part of the canary's requests is bad; then the bar holds. */
  readonly isPartial: boolean
}

/** Beyond stable's p95, when a lognormal latency of that sigma is slower by a factor. */
function slowerBy(factor: number, sigma: number): number {
  return normalTail(normalQuantile(0.95) - Math.log(factor) / sigma)
}

export const FAULTS: readonly DetectedFault[] = [
  { name: 'errors 0.1 -> 1 %', stableRatio: 0.001, canaryRatio: 0.01, isPartial: true },
  { name: 'errors 0.1 -> 5 %', stableRatio: 0.001, canaryRatio: 0.05, isPartial: true },
  { name: 'errors 0.1 -> 100 %', stableRatio: 0.001, canaryRatio: 1, isPartial: false },
  { name: 'p95 x 1.2', stableRatio: 0.05, canaryRatio: slowerBy(1.2, 0.5), isPartial: true },
  { name: 'p95 x 2', stableRatio: 0.05, canaryRatio: slowerBy(2, 0.5), isPartial: true },
]

export const WEIGHTS = [0.01, 0.05, 0.25] as const
export const RATES = [10, 100, 1_000] as const

export interface DetectionCell {
  readonly fault: string
  readonly isPartial: boolean
  readonly weight: number
  readonly requestsPerSecond: number
  readonly boundRequests: number
  readonly start: Detection
  /** The fault begins after half an hour. */
  readonly late: Detection
}

/** Times count from the fault, in the runs that found it before twenty times the bound. */
export interface Detection extends Times {
  readonly runCount: number
  /** Of the runs that found it; null if none did. */
  readonly meanRequests: number | null
  /** Mean requests by the bound; null if none found it. */
  readonly ratio: number | null
  /** Aborts before there was a fault. */
  readonly earlyCount: number
}

export function measureDetection(options: {
  readonly seed: number
  readonly runCount: number
  /** Names of faults; default all. */
  readonly faults?: readonly string[]
}): readonly DetectionCell[] {
  const { seed, runCount, faults } = options
  return FAULTS.filter(({ name }) => faults === undefined || faults.includes(name)).flatMap(
    (fault) =>
      WEIGHTS.flatMap((weight) =>
        RATES.map((requestsPerSecond) =>
          measureCell(fault, { weight, requestsPerSecond, seed, runCount }),
        ),
      ),
  )
}

interface Cell {
  readonly weight: number
  readonly requestsPerSecond: number
  readonly seed: number
  readonly runCount: number
}

function measureCell(fault: DetectedFault, cell: Cell): DetectionCell {
  const { weight, requestsPerSecond } = cell
  const bound = earliestDecision({ weight, ...fault }, { alpha: ALPHA, requestsPerSecond })
  return {
    fault: fault.name,
    isPartial: fault.isPartial,
    weight,
    requestsPerSecond,
    boundRequests: bound.requestCount,
    start: detect(fault, cell, { fromS: 0, boundRequests: bound.requestCount }),
    late: detect(fault, cell, { fromS: LATE_S, boundRequests: bound.requestCount }),
  }
}

function detect(
  fault: DetectedFault,
  cell: Cell,
  when: { readonly fromS: number; readonly boundRequests: number },
): Detection {
  const { weight, requestsPerSecond, seed, runCount } = cell
  const label = `${fault.name} ${weight} ${requestsPerSecond} ${when.fromS}`
  const boundS = when.boundRequests / requestsPerSecond
  const tickS = Math.max(LEAST_TICK_S, boundS / 40)
  const limitS = Math.max(LIMIT_S, TICK_LIMIT * tickS)
  const runs = Array.from({ length: runCount }, (_, run) =>
    new DetectionRun(new Random(seed, `${label} ${run}`), fault, cell).find(
      when.fromS,
      tickS,
      limitS,
    ),
  )
  const found = runs.filter((run) => run !== null)
  const meanRequests =
    found.length > 0 ? meanOf(found.map(({ requestCount }) => requestCount)) : null
  return {
    ...timesOf(runs.map((run) => run?.seconds ?? Infinity)),
    runCount,
    meanRequests,
    ratio: meanRequests === null ? null : meanRequests / when.boundRequests,
    earlyCount: found.filter(({ isEarly }) => isEarly).length,
  }
}

interface Found {
  readonly requestCount: number
  /** Since the fault began. */
  readonly seconds: number
  readonly isEarly: boolean
}

class DetectionRun {
  readonly #random: Random
  readonly #fault: DetectedFault
  readonly #cell: Cell
  readonly #coin = new Coin(faultBets(STRICT))
  #restartIndex = 0

  constructor(random: Random, fault: DetectedFault, cell: Cell) {
    this.#random = random
    this.#fault = fault
    this.#cell = cell
  }

  /** Returns when the fault was found, or null if it took longer than the limit. */
  find(fromS: number, tickS: number, limitS: number): Found | null {
    const lnLimit = -Math.log(ALPHA)
    for (let atS = 0; atS < fromS;) {
      this.#restart(atS)
      const lengthS = Math.min(SPACING_S * this.#restartIndex, fromS) - atS
      this.#draw(lengthS, this.#fault.stableRatio)
      atS += lengthS
      if (this.#coin.lnEvidence >= lnLimit) return { requestCount: 0, seconds: 0, isEarly: true }
    }
    let requestCount = 0
    for (let sinceS = 0; sinceS < limitS; sinceS += tickS) {
      this.#restart(fromS + sinceS)
      requestCount += this.#draw(tickS, this.#fault.canaryRatio)
      if (this.#coin.lnEvidence < lnLimit) continue
      return { requestCount, seconds: sinceS + tickS, isEarly: false }
    }
    return null
  }

  /** Invests what has fallen due. */
  #restart(atS: number): void {
    while (this.#restartIndex * SPACING_S <= atS + 1e-9) {
      this.#coin.invest(restartMass(SCHEDULE, this.#restartIndex * restartSpacing(SCHEDULE)))
      this.#restartIndex++
    }
  }

  #draw(lengthS: number, canaryRatio: number): number {
    const { weight, requestsPerSecond } = this.#cell
    const canary = requestsPerSecond * weight * lengthS
    const stable = requestsPerSecond * (1 - weight) * lengthS
    const canaryBadCount = this.#random.poisson(canary * canaryRatio)
    const stableBadCount = this.#random.poisson(stable * this.#fault.stableRatio)
    const well = canary * (1 - canaryRatio) + stable * (1 - this.#fault.stableRatio)
    this.#coin.bet(weight / (1 - weight), { canaryBadCount, canaryOkCount: 0, stableBadCount })
    return canaryBadCount + stableBadCount + this.#random.poisson(well)
  }
}
