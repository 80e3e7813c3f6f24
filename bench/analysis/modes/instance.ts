/**
 * F3: the canary runs on one instance, and instances differ. The version is as good as stable; its one instance fails more or
 * less by a lognormal factor. Off: the strict coin. On: a tolerance.
 */

import { FailedCoin, STRICT, TOLERANT } from '../judges/coin.ts'
import { Random } from '../random.ts'
import { sharesAt } from '../share.ts'
import type { ModeOptions, ModeResult } from './mode.ts'

const REQUESTS_PER_SECOND = 100
const WEIGHT = 0.05
const BASE_RATIO = 0.01

const VARIANTS = [
  { name: 'strict', isMitigated: false, tolerance: STRICT },
  { name: 'rho 1.5 + 0.1 points', isMitigated: true, tolerance: TOLERANT },
  { name: 'rho 2 + 0.2 points', isMitigated: true, tolerance: { rho: 2, delta: 0.002 } },
] as const

export function measureInstance(options: ModeOptions, sigma: number): ModeResult {
  const { seed, runCount, horizonS } = options
  const runs = Array.from({ length: runCount }, (_, run) =>
    runOnce(new Random(seed, `F3 ${sigma} ${run}`), horizonS, sigma),
  )
  return {
    mode: `F3, ${sigma}`,
    words: `one canary instance that fails more or less by a lognormal factor of ${sigma}, around 1 %`,
    variants: VARIANTS.map(({ name, isMitigated }, i) => ({
      name,
      isMitigated,
      shares: sharesAt(runs.map((run) => run[i]!)),
    })),
  }
}

function runOnce(random: Random, horizonS: number, sigma: number): readonly number[] {
  const coins = VARIANTS.map(
    ({ tolerance }) => new FailedCoin(tolerance, { horizonTickCount: horizonS, stepCount: 0 }),
  )
  const canaryRatio = BASE_RATIO * Math.exp(sigma * random.normal())
  for (let atS = 0; atS < horizonS; atS++) {
    const canaryFailed = random.poisson(REQUESTS_PER_SECOND * WEIGHT * canaryRatio)
    const well = random.poisson(REQUESTS_PER_SECOND * WEIGHT * (1 - canaryRatio))
    const stableFailed = random.poisson(REQUESTS_PER_SECOND * (1 - WEIGHT) * BASE_RATIO)
    for (const coin of coins) {
      coin.add(WEIGHT, { canaryCount: canaryFailed + well, canaryFailed, stableFailed })
    }
  }
  return coins.map(({ mostLn }) => mostLn)
}
