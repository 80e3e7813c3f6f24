/**
 * F2: the variants fail at different speeds. In a shared outage of a minute the canary fails at once and stable after ten
 * seconds. Off: outcomes count when they happen. On: each counts at the same age, one second.
 */

import { FailedCoin, STRICT } from '../judges/coin.ts'
import { Random } from '../random.ts'
import { sharesAt } from '../share.ts'
import type { ModeOptions, ModeResult } from './mode.ts'

const REQUESTS_PER_SECOND = 100
const WEIGHT = 0.05
const BASE_RATIO = 0.001
const OUTAGE_S = 60

/** How long stable takes to fail in an outage, and the age at which outcomes settle, in ticks of a second. */
const STABLE_FAILS_AFTER = 10
const SETTLES_AFTER = 1

export function measureTiming({ seed, runCount, horizonS }: ModeOptions): ModeResult {
  const runs = Array.from({ length: runCount }, (_, run) =>
    runOnce(new Random(seed, `F2 ${run}`), horizonS),
  )
  return {
    mode: 'F2',
    words: 'a shared outage of a minute; the canary fails at once, stable after 10 s',
    variants: [
      {
        name: 'outcomes count when they happen',
        isMitigated: false,
        shares: sharesAt(runs.map(([asTheyCome]) => asTheyCome)),
      },
      {
        name: 'outcomes count at the age of 1 s',
        isMitigated: true,
        shares: sharesAt(runs.map(([, settled]) => settled)),
      },
    ],
  }
}

function runOnce(random: Random, horizonS: number): readonly [number, number] {
  const plan = { horizonTickCount: horizonS, stepCount: 0 }
  const asTheyCome = new FailedCoin(STRICT, plan)
  const settled = new FailedCoin(STRICT, plan)
  const fromS = random.below(horizonS - OUTAGE_S - STABLE_FAILS_AFTER)
  const canaryFailed: number[] = []
  const stableFailed: number[] = []
  for (let atS = 0; atS < horizonS; atS++) {
    const ratio = isOut(atS - fromS) ? 1 : BASE_RATIO
    canaryFailed.push(random.poisson(REQUESTS_PER_SECOND * WEIGHT * ratio))
    stableFailed.push(random.poisson(REQUESTS_PER_SECOND * (1 - WEIGHT) * ratio))
    const late = atS - SETTLES_AFTER
    const ofOutage = atS - STABLE_FAILS_AFTER
    asTheyCome.add(WEIGHT, {
      canaryCount: 0,
      canaryFailed: canaryFailed[atS]!,
      // What fails in the outage is known late; the rest fails at once.
      stableFailed:
        (isOut(atS - fromS) ? 0 : stableFailed[atS]!) +
        (isOut(ofOutage - fromS) ? stableFailed[ofOutage]! : 0),
    })
    settled.add(WEIGHT, {
      canaryCount: 0,
      canaryFailed: canaryFailed[late] ?? 0,
      stableFailed: stableFailed[late] ?? 0,
    })
  }
  return [asTheyCome.mostLn, settled.mostLn]
}

function isOut(sinceS: number): boolean {
  return sinceS >= 0 && sinceS < OUTAGE_S
}
