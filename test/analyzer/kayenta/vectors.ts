/** Kayenta's own test values, which are read from beside the checkout, and ours, which stand here. */

import { existsSync, readFileSync } from 'node:fs'
import { type MetricRules, defaultEffect } from '../../../src/analyzer/kayenta/rules.ts'

/** As Kayenta's configuration has it: effects as [decrease, increase]. */
export interface JudgeConfig {
  readonly tolerance: number
  readonly conf: number
  readonly eff: readonly [number, number]
  readonly crit: readonly [number, number]
  readonly measure: 'meanRatio' | 'cles'
  readonly direction: MetricRules['direction']
  readonly nan: MetricRules['nanStrategy']
  readonly critical: boolean
}

export interface ClassifierCase {
  readonly name: string
  readonly config: JudgeConfig
  readonly experiment: readonly number[]
  readonly control: readonly number[]
  /** Null is not asked for. */
  readonly expected: { readonly classification: string | null; readonly critical: boolean | null }
}

export interface IntervalCase {
  readonly name: string
  readonly experiment: readonly number[]
  readonly control: readonly number[]
  readonly conf: number
  readonly expected: { readonly lo: number; readonly hi: number; readonly estimate: number }
  readonly tolerance: { readonly ci: number; readonly estimate: number }
}

export interface ScorerCase {
  readonly name: string
  readonly groupWeights: Readonly<Record<string, number>>
  readonly results: readonly {
    readonly classification: 'Pass' | 'High' | 'Low' | 'Nodata'
    readonly critical: boolean
    readonly groups: readonly string[]
  }[]
  readonly expectedSummaryScore: number
}

interface Theirs {
  readonly kayenta_classifier_suite: { readonly cases: readonly ClassifierCase[] }
  readonly kayenta_mann_whitney_suite: {
    readonly cases: readonly (IntervalCase & {
      readonly wilcoxonDiff?: Readonly<Record<string, number>>
    })[]
  }
  readonly kayenta_scorer_suite: { readonly cases: readonly ScorerCase[] }
}

interface Ours {
  readonly kayenta_judge_own_data: {
    readonly cases: readonly (Omit<ClassifierCase, 'name' | 'expected'> & {
      readonly expected: {
        readonly classification: string
        readonly critical: boolean
        readonly deviation: number
        /** Low, high, estimate. */
        readonly ci_lo_hi_est: readonly [number, number, number]
      }
    })[]
  }
  readonly kayenta_unit_dependence: {
    readonly cases: readonly {
      readonly test: string
      readonly verdict_by_scale: Readonly<Record<string, string>>
    }[]
  }
}

const THEIRS = new URL('../../../../shared/vectors/stats.json', import.meta.url)
const OURS = new URL('../../vectors/kayenta.json', import.meta.url)

/** Null, and said so, where the folder is not beside the checkout. */
export const theirs: Theirs | null = existsSync(THEIRS)
  ? JSON.parse(readFileSync(THEIRS, 'utf8'))
  : null

export const ours: Ours = JSON.parse(readFileSync(OURS, 'utf8'))

if (theirs === null) {
  process.stderr.write(
    "\nSKIPPED: Kayenta's own 34 classifier, 5 interval and 13 scorer cases; shared/vectors/stats.json is not beside the checkout\n\n",
  )
}

export function rulesOf({ eff, crit, ...config }: JudgeConfig): MetricRules {
  return {
    direction: config.direction,
    nanStrategy: config.nan,
    outliers: 'keep',
    outlierFactor: 3,
    effect: {
      ...defaultEffect(config.measure),
      allowedDecrease: eff[0],
      allowedIncrease: eff[1],
      criticalDecrease: crit[0],
      criticalIncrease: crit[1],
    },
    isCritical: config.critical,
    mustHaveData: false,
  }
}
