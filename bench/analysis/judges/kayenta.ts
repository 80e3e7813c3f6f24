/**
 * Kayenta's judge over error fractions by the minute, the whole analysis from the start. The judge is this project's
 * port; how often it is asked is a model of its canary stage.
 *
 *     documented   an hour, judged once at its end on 60 points (at least 50 are advised)
 *     fastest      judged every five minutes on what there is, from five points on
 */

import { judgeKayenta } from '../../../src/analyzer/kayenta/judge.ts'
import { DEFAULT_RULES } from '../../../src/analyzer/kayenta/rules.ts'
import { Random } from '../random.ts'
import type { Candidate, Judge, Totals } from './judge.ts'
import { noTotals } from './judge.ts'

/** Error fractions by minute of canary and stable in; whether the canary fails. */
export type FractionJudge = (experiment: readonly number[], control: readonly number[]) => boolean

const METRIC = 'error_rate'

/** Kayenta as configured in its examples: one metric, an increase is bad, pass at 95 and marginal at 75. */
const judgeFractions: FractionJudge = (experiment, control) => {
  const random = new Random(1, METRIC)
  const { verdict } = judgeKayenta(
    {
      rootTolerance: 'exact',
      metrics: [
        {
          name: METRIC,
          rules: { ...DEFAULT_RULES, direction: 'increase' },
          groups: [],
          isMuted: false,
        },
      ],
      groupWeights: {},
      thresholds: { pass: 95, marginal: 75 },
    },
    new Map([[METRIC, { experiment, control }]]),
    () => random.uniform(),
  )
  return verdict === 'fail'
}

class Stage implements Judge {
  readonly delayS = 0
  readonly #looksAtMinute: (minute: number) => boolean
  readonly #experiment: number[] = []
  readonly #control: number[] = []
  readonly #before = noTotals()
  #nextS = 60

  constructor(looksAtMinute: (minute: number) => boolean) {
    this.#looksAtMinute = looksAtMinute
  }

  look({ atS }: { readonly atS: number }, totals: Totals): boolean {
    if (atS < this.#nextS) return false
    this.#nextS += 60
    const before = this.#before
    this.#experiment.push(
      fraction(totals.canaryFailed - before.canaryFailed, totals.canaryCount - before.canaryCount),
    )
    this.#control.push(
      fraction(totals.stableFailed - before.stableFailed, totals.stableCount - before.stableCount),
    )
    Object.assign(before, totals)
    return (
      this.#looksAtMinute(this.#experiment.length) &&
      judgeFractions(this.#experiment, this.#control)
    )
  }
}

function fraction(failed: number, count: number): number {
  return count > 0 ? failed / count : Number.NaN
}

export const KAYENTA: readonly Candidate[] = [
  {
    name: 'Kayenta documented: once, after an hour',
    isModel: true,
    make: () => new Stage((minute) => minute === 60),
  },
  {
    name: 'Kayenta fastest: every 5 minutes',
    isModel: true,
    make: () => new Stage((minute) => minute % 5 === 0),
  },
]
