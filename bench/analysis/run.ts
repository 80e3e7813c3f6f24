/** Runs the parts that are wanted, one after the other, in one process. */

import { type Bar, detectionBar, falseAbortBar } from './bars.ts'
import { type ComparisonCell, measureComparison } from './comparison.ts'
import { type DetectionCell, measureDetection } from './detection.ts'
import { HORIZON_S, type ShapeResult, measureFalseAborts } from './false-aborts.ts'
import { measureInstance } from './modes/instance.ts'
import type { ModeResult } from './modes/mode.ts'
import { measureRotation, measureWrongCoin } from './modes/splitter.ts'
import { measureSticky } from './modes/sticky.ts'
import { measureTiming } from './modes/timing.ts'
import type { Options, PartName } from './options.ts'
import { type PlugInCell, measurePlugIn } from './plug-in.ts'
import { type PromotionResult, measurePromotion } from './promotion.ts'
import { type SelfCheckResult, measureSelfCheck } from './self-check.ts'
import { type SlownessCell, measureSlowness } from './slowness.ts'

export interface Report {
  readonly seed: number
  readonly runCount: number
  readonly horizonS: number
  /** Null where a part was not wanted. */
  readonly falseAborts: readonly ShapeResult[] | null
  readonly modes: readonly ModeResult[] | null
  readonly detection: readonly DetectionCell[] | null
  readonly slowness: readonly SlownessCell[] | null
  readonly comparison: readonly ComparisonCell[] | null
  readonly plugIn: readonly PlugInCell[] | null
  readonly promotion: readonly PromotionResult[] | null
  readonly selfCheck: SelfCheckResult | null
  readonly bars: readonly Bar[]
}

/** Runs a cell of the comparison has: it follows every judge for up to an hour. */
const COMPARISON_SHARE = 0.1

export function run(
  { seed, runCount, only }: Omit<Options, 'jsonFile'>,
  say: (words: string) => void,
): Report {
  const part = <Result>(name: PartName, measure: () => Result): Result | null => {
    if (!only.includes(name)) return null
    say(name)
    return measure()
  }
  const options = { seed, runCount, horizonS: HORIZON_S }
  const falseAborts = part('false-aborts', () => measureFalseAborts(options))
  const modes = part('modes', () => [
    measureSticky(options),
    measureTiming(options),
    measureInstance(options, 0.2),
    measureInstance(options, 0.4),
    measureRotation(options),
    measureWrongCoin(options),
  ])
  const detection = part('detection', () => measureDetection(options))
  const fewer = { seed, runCount: Math.ceil(runCount * COMPARISON_SHARE) }
  return {
    ...options,
    falseAborts,
    modes,
    detection,
    slowness: part('slowness', () => measureSlowness(fewer)),
    comparison: part('comparison', () => measureComparison(fewer)),
    plugIn: part('plug-in', () => measurePlugIn(fewer)),
    promotion: part('promotion', () => measurePromotion(options)),
    selfCheck: part('self-check', () => measureSelfCheck(options)),
    bars: [
      ...(falseAborts === null ? [] : [falseAbortBar(falseAborts)]),
      ...(detection === null ? [] : [detectionBar(detection)]),
    ],
  }
}
