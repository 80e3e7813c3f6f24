/**
 * A bet that learns, for comparison: the default of the R package safestats for two proportions.
 *
 * Requests come in blocks of a fixed number of both variants; each block is judged by what the blocks before have taught
 * (beta priors of 0.18, weighted by the sizes: restriction "none" of `calculateSequential2x2E`). It needs fixed
 * blocks, which a coin does not give, is two-sided and has no tolerance.
 */

import { faultBets } from '../../src/analyzer/coin/bets.ts'
import { Coin } from '../../src/analyzer/coin/coin.ts'
import { STRICT } from './judges/coin.ts'
import { Random } from './random.ts'
import { meanOf } from './share.ts'

const PRIOR = 0.18
const LN_LIMIT = Math.log(1_000)

export class PlugIn {
  readonly #sizes: readonly [number, number]
  /** Bad and all of stable, bad and all of the canary, with their priors. */
  readonly #seen: [number, number, number, number]
  lnEvidence = 0

  /** Blocks hold `stableCount` and `canaryCount` requests. */
  constructor(stableCount: number, canaryCount: number) {
    const scaled = (PRIOR * canaryCount) / stableCount
    this.#sizes = [stableCount, canaryCount]
    this.#seen = [PRIOR, 2 * PRIOR, scaled, 2 * scaled]
  }

  add(stableBad: number, canaryBad: number): void {
    const [stableCount, canaryCount] = this.#sizes
    const seen = this.#seen
    const stable = seen[0] / seen[1]
    const canary = seen[2] / seen[3]
    const both = (stableCount * stable + canaryCount * canary) / (stableCount + canaryCount)
    this.lnEvidence +=
      lnLikelihood(stable, stableBad, stableCount) +
      lnLikelihood(canary, canaryBad, canaryCount) -
      lnLikelihood(both, stableBad + canaryBad, stableCount + canaryCount)
    seen[0] += stableBad
    seen[1] += stableCount
    seen[2] += canaryBad
    seen[3] += canaryCount
  }
}

function lnLikelihood(ratio: number, bad: number, count: number): number {
  return bad * Math.log(ratio) + (count - bad) * Math.log1p(-ratio)
}

export interface PlugInCell {
  readonly stableRatio: number
  readonly canaryRatio: number
  /** Mean requests to an abort at 0.001, with all capital at the start. */
  readonly coinRequests: number
  readonly plugInRequests: number
}

const STABLE_COUNT = 19
const CANARY_COUNT = 1
const REQUEST_LIMIT = 1_000_000

/** Runs both on blocks of 19 to 1, the coin as if each block were tossed for. */
export function measurePlugIn(options: {
  readonly seed: number
  readonly runCount: number
}): readonly PlugInCell[] {
  const { seed, runCount } = options
  return [0.01, 0.05, 1].map((canaryRatio) => {
    const stableRatio = 0.001
    const runs = Array.from({ length: runCount }, (_, run) =>
      runBoth(new Random(seed, `plug-in ${canaryRatio} ${run}`), stableRatio, canaryRatio),
    )
    return {
      stableRatio,
      canaryRatio,
      coinRequests: meanOf(runs.map(([coin]) => coin)),
      plugInRequests: meanOf(runs.map(([, plugIn]) => plugIn)),
    }
  })
}

function runBoth(
  random: Random,
  stableRatio: number,
  canaryRatio: number,
): readonly [number, number] {
  const coin = new Coin(faultBets(STRICT))
  const plugIn = new PlugIn(STABLE_COUNT, CANARY_COUNT)
  coin.invest(1)
  const ends = [Infinity, Infinity]
  for (let count = 0; count < REQUEST_LIMIT && ends.includes(Infinity);) {
    let stableBadCount = 0
    for (let i = 0; i < STABLE_COUNT; i++) if (random.uniform() < stableRatio) stableBadCount++
    const canaryBadCount = random.uniform() < canaryRatio ? 1 : 0
    count += STABLE_COUNT + CANARY_COUNT
    coin.bet(CANARY_COUNT / STABLE_COUNT, { canaryBadCount, canaryOkCount: 0, stableBadCount })
    plugIn.add(stableBadCount, canaryBadCount)
    if (coin.lnEvidence >= LN_LIMIT) ends[0] = Math.min(ends[0]!, count)
    if (plugIn.lnEvidence >= LN_LIMIT) ends[1] = Math.min(ends[1]!, count)
  }
  return [ends[0]!, ends[1]!]
}
