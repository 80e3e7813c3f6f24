/**
 * How soon the guard as it stands finds a slower canary, with all four quantiles, its slack of 15 %, shared drift and
 * thresholds that are in force before the canary starts.
 */

import { HORIZON_S } from './false-aborts.ts'
import { GuardFeed, SETTLE_S, SIMULATED_GUARD } from './judges/coin.ts'
import { Random } from './random.ts'
import { SHAPES } from './shapes.ts'
import { type Times, timesOf } from './share.ts'
import { Trace } from './trace.ts'

const TICK_S = 0.25

/** Stable alone, until its thresholds rest on a full minute. */
const WARM_S = 70

const CELLS = [
  { requestsPerSecond: 100, weight: 0.05 },
  { requestsPerSecond: 100, weight: 0.25 },
  { requestsPerSecond: 1_000, weight: 0.05 },
] as const

const FACTORS = [1.2, 1.5, 2] as const

/** Within the hour. */
export interface SlownessCell extends Times {
  readonly factor: number
  readonly weight: number
  readonly requestsPerSecond: number
}

export function measureSlowness(options: {
  readonly seed: number
  readonly runCount: number
}): readonly SlownessCell[] {
  const { seed, runCount } = options
  return FACTORS.flatMap((factor) =>
    CELLS.map(({ weight, requestsPerSecond }) => {
      const cell = { factor, weight, requestsPerSecond }
      const label = `slow ${factor} ${weight} ${requestsPerSecond}`
      const seconds = Array.from({ length: runCount }, (_, run) =>
        foundAfter(new Random(seed, `${label} ${run}`), cell),
      )
      return Object.assign(cell, timesOf(seconds))
    }),
  )
}

function foundAfter(
  random: Random,
  cell: {
    readonly factor: number
    readonly weight: number
    readonly requestsPerSecond: number
  },
): number {
  const { factor, weight, requestsPerSecond } = cell
  const conditions = SHAPES[0]!.open(random, HORIZON_S)
  const trace = new Trace(
    random,
    (atS) => Object.assign(conditions(atS), { weight, requestsPerSecond }),
    { failedRatio: (stable) => stable, latencyFactor: factor },
  )
  for (let atS = 0; atS < WARM_S; atS += TICK_S) trace.next(TICK_S)
  const feed = new GuardFeed(SIMULATED_GUARD, { horizonS: HORIZON_S, tickS: TICK_S, stepCount: 0 })
  for (let sinceS = TICK_S; sinceS <= HORIZON_S - WARM_S; sinceS += TICK_S) {
    if (feed.add(trace.next(TICK_S))?.action === 'abort') return sinceS + SETTLE_S
  }
  return Infinity
}
