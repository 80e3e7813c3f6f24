/**
 * F4 and F5: the splitter is not the coin that it is believed to be.
 *
 * F4: each twentieth request goes to the canary in turn, and a probe that always fails comes once a second, in step with the
 * turn. On: each request is tossed for. F5: the coin falls for the canary in 6 % where 5 % are believed. On: the
 * splitter's check on itself pauses first.
 */

import { lnMismatch } from '../../../src/analyzer/ratio.ts'
import { FailedCoin, STRICT } from '../judges/coin.ts'
import { Random } from '../random.ts'
import { sharesAt } from '../share.ts'
import type { ModeOptions, ModeResult } from './mode.ts'

const REQUESTS_PER_SECOND = 100
const WEIGHT = 0.05
const EACH = 1 / WEIGHT

/** Share of the other requests that fail. */
const BASE_RATIO = 0.001

/** Where F5 has to tell the coin from the errors there are errors to tell by. */
const F5_RATIO = 0.01
const TRUE_WEIGHT = 0.06

/** Bound on a false alarm of the splitter's check. */
const RATIO_ALPHA = 1e-4

export function measureRotation({ seed, runCount, horizonS }: ModeOptions): ModeResult {
  const most = (isTossed: boolean) =>
    Array.from({ length: runCount }, (_, run) =>
      rotate(new Random(seed, `F4 ${isTossed} ${run}`), horizonS, isTossed),
    )
  return {
    mode: 'F4',
    words: 'a probe that always fails comes once a second, in step with a rotation of 1 in 20',
    variants: [
      { name: 'requests take turns', isMitigated: false, shares: sharesAt(most(false)) },
      { name: 'each request is tossed for', isMitigated: true, shares: sharesAt(most(true)) },
    ],
  }
}

function rotate(random: Random, horizonS: number, isTossed: boolean): number {
  const coin = new FailedCoin(STRICT, { horizonTickCount: horizonS, stepCount: 0 })
  const isProbeCanary = random.below(EACH) === 0
  for (let atS = 0; atS < horizonS; atS++) {
    const probe = isTossed ? random.uniform() < WEIGHT : isProbeCanary
    const canaryFailed = random.poisson(REQUESTS_PER_SECOND * WEIGHT * BASE_RATIO)
    const stableFailed = random.poisson(REQUESTS_PER_SECOND * (1 - WEIGHT) * BASE_RATIO)
    coin.add(WEIGHT, {
      canaryCount: 0,
      canaryFailed: canaryFailed + (probe ? 1 : 0),
      stableFailed: stableFailed + (probe ? 0 : 1),
    })
  }
  return coin.mostLn
}

export function measureWrongCoin({ seed, runCount, horizonS }: ModeOptions): ModeResult {
  const runs = Array.from({ length: runCount }, (_, run) =>
    toss(new Random(seed, `F5 ${run}`), horizonS),
  )
  return {
    mode: 'F5',
    words: 'a coin of 6 % that is believed to be 5 %, 1 % fail',
    variants: [
      {
        name: 'nobody checks the splitter',
        isMitigated: false,
        shares: sharesAt(runs.map(([whole]) => whole)),
      },
      {
        name: 'the splitter checks itself',
        isMitigated: true,
        shares: sharesAt(runs.map(([, before]) => before)),
      },
    ],
  }
}

/** Returns the largest ln E of the whole run, and until the splitter's check found it out. */
function toss(random: Random, horizonS: number): readonly [number, number] {
  const coin = new FailedCoin(STRICT, { horizonTickCount: horizonS, stepCount: 0 })
  let [canaryCount, stableCount] = [0, 0]
  let before: number | null = null
  for (let atS = 0; atS < horizonS; atS++) {
    const canary = random.poisson(REQUESTS_PER_SECOND * TRUE_WEIGHT)
    canaryCount += canary
    stableCount += random.poisson(REQUESTS_PER_SECOND * (1 - TRUE_WEIGHT))
    coin.add(WEIGHT, {
      canaryCount: canary,
      canaryFailed: random.poisson(REQUESTS_PER_SECOND * TRUE_WEIGHT * F5_RATIO),
      stableFailed: random.poisson(REQUESTS_PER_SECOND * (1 - TRUE_WEIGHT) * F5_RATIO),
    })
    const isFound =
      lnMismatch([canaryCount, stableCount], [WEIGHT, 1 - WEIGHT]) >= -Math.log(RATIO_ALPHA)
    if (isFound) before ??= coin.mostLn
  }
  return [coin.mostLn, before ?? coin.mostLn]
}
