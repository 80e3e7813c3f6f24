/**
 * What Kayenta's judge is told of a metric: its words and its defaults.
 *
 * Source: Kayenta's canary configuration, `analysisConfigurations.canary` of a metric, as `NetflixACAJudge-v1.0`
 * reads it. Tolerance and confidence are fixed there and are options here only for its own tests.
 */

import type { RootTolerance } from './mann-whitney.ts'

export type Direction = 'increase' | 'decrease' | 'either'

/** Limits of an effect: beyond `allowed` it counts, beyond `critical` a critical metric fails all. */
export interface EffectRules {
  /** `meanRatio`: the canary's mean by stable's, above 0. `cles`: how often the canary's value is the higher, 0 to 1. */
  readonly measure: 'meanRatio' | 'cles'
  readonly allowedIncrease: number
  readonly allowedDecrease: number
  readonly criticalIncrease: number
  readonly criticalDecrease: number
}

export interface MetricRules {
  /** Which way a change is bad. */
  readonly direction: Direction
  /** What a missing value is: left out, or 0 (a counter that nobody counted). */
  readonly nanStrategy: 'remove' | 'replace'
  readonly outliers: 'keep' | 'remove'
  /** Times the interquartile range, above 0. */
  readonly outlierFactor: number
  readonly effect: EffectRules
  /** Whether anything but `Pass` takes the whole score to 0. */
  readonly isCritical: boolean
  /** Whether no data is a failure of the metric. */
  readonly mustHaveData: boolean
}

export interface JudgeOptions {
  readonly rootTolerance: RootTolerance
  /** The share of the estimated shift that the interval must be beyond, 0 to 1. */
  readonly tolerance: number
  /** Of the interval for the shift, above 0.5 and below 1. */
  readonly confidence: number
}

/** Fixed in Kayenta's judge. */
export const TOLERANCE = 0.25

/** Fixed in Kayenta's judge. */
export const CONFIDENCE = 0.98

/** Kayenta's defaults of a metric. */
export const DEFAULT_RULES: MetricRules = {
  direction: 'either',
  nanStrategy: 'remove',
  outliers: 'keep',
  outlierFactor: 3,
  effect: defaultEffect('meanRatio'),
  isCritical: false,
  mustHaveData: false,
}

/** The limits at which any change counts. */
export function defaultEffect(measure: EffectRules['measure']): EffectRules {
  const none = measure === 'meanRatio' ? 1 : 0.5
  return {
    measure,
    allowedIncrease: none,
    allowedDecrease: none,
    criticalIncrease: none,
    criticalDecrease: none,
  }
}
