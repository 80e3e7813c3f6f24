/** Kayenta's own tests, where their values are at hand: the exact mode must give their answers. */

import { describe, expect, test } from 'vitest'
import { classify } from '../../../src/analyzer/kayenta/classify.ts'
import { shiftInterval, standardised } from '../../../src/analyzer/kayenta/mann-whitney.ts'
import { seededRandom } from '../../../src/analyzer/kayenta/normal.ts'
import { DEFAULT_RULES } from '../../../src/analyzer/kayenta/rules.ts'
import { score } from '../../../src/analyzer/kayenta/score.ts'
import { type ClassifierCase, ours, rulesOf, theirs } from './vectors.ts'

const suites = theirs ?? {
  kayenta_classifier_suite: { cases: [] },
  kayenta_mann_whitney_suite: { cases: [] },
  kayenta_scorer_suite: { cases: [] },
}
const classifierCases = suites.kayenta_classifier_suite.cases
const statisticCases = suites.kayenta_mann_whitney_suite.cases
const intervalCases = statisticCases.filter((each) => each.wilcoxonDiff === undefined)
const scorerCases = suites.kayenta_scorer_suite.cases

function classifyCase({ experiment, control, config }: ClassifierCase, mode: 'exact' | 'relative') {
  const options = { rootTolerance: mode, tolerance: config.tolerance, confidence: config.conf }
  return classify({ experiment, control }, rulesOf(config), options, seededRandom(1))
}

describe.skipIf(theirs === null)("Kayenta's tests", () => {
  test('are all here', () => {
    expect(classifierCases).toHaveLength(34)
    expect(intervalCases).toHaveLength(5)
    expect(scorerCases).toHaveLength(13)
  })

  describe.for(['exact', 'relative'] as const)('%s classifier', (mode) => {
    test.for(classifierCases)('$name', (given) => {
      const { label, isCritical } = classifyCase(given, mode)
      const { classification, critical } = given.expected
      expect({ label, isCritical }).toEqual({
        label: classification ?? label,
        isCritical: critical ?? isCritical,
      })
    })
  })

  test.for(intervalCases)('interval: $name', ({ experiment, control, conf, ...given }) => {
    const found = shiftInterval(experiment, control, { confidence: conf, rootTolerance: 'exact' })
    const { expected, tolerance } = given
    expect(Math.abs(found!.low - expected.lo)).toBeLessThanOrEqual(tolerance.ci)
    expect(Math.abs(found!.high - expected.hi)).toBeLessThanOrEqual(tolerance.ci)
    expect(Math.abs(found!.estimate - expected.estimate)).toBeLessThanOrEqual(tolerance.estimate)
  })

  test('the statistic itself is theirs', () => {
    const given = statisticCases.find((each) => each.wilcoxonDiff !== undefined)!
    const samples = {
      experiment: Float64Array.from(given.experiment).toSorted(),
      control: Float64Array.from(given.control).toSorted(),
    }
    expect(standardised(samples, 0)).toBeCloseTo(given.wilcoxonDiff!['mu=0']!, 5)
    expect(standardised(samples, 5)).toBeCloseTo(given.wilcoxonDiff!['mu=5']!, 5)
  })

  test.for(scorerCases)('score: $name', ({ results, groupWeights, expectedSummaryScore }) => {
    const metrics = results.map(({ classification, critical, groups }) => {
      return { label: classification, isCritical: critical, groups }
    })
    expect(score(metrics, groupWeights).score).toBe(expectedSummaryScore)
  })
})

function times(values: readonly number[], scale: string): readonly number[] {
  return values.map((value) => value * Number(scale))
}

describe.skipIf(theirs === null)('data in another unit', () => {
  function verdicts(name: string, mode: 'exact' | 'relative', scales: readonly string[]) {
    const given = classifierCases.find((each) => each.name === name)!
    return Object.fromEntries(
      scales.map((scale) => {
        const values = {
          experiment: times(given.experiment, scale),
          control: times(given.control, scale),
        }
        const options = { rootTolerance: mode, tolerance: 0.25, confidence: 0.98 }
        return [scale, classify(values, DEFAULT_RULES, options, seededRandom(1)).label]
      }),
    )
  }

  test.for(ours.kayenta_unit_dependence.cases)('changes the exact verdict: $test', (given) => {
    const scales = Object.keys(given.verdict_by_scale)
    expect(verdicts(given.test, 'exact', scales)).toEqual(given.verdict_by_scale)
  })

  test.for(classifierCases)('never changes the relative one: $name', ({ name }) => {
    const labels = verdicts(name, 'relative', ['1', '1e-6', '0.001', '0.01', '100', '1e6'])
    expect(new Set(Object.values(labels)).size).toBe(1)
  })
})
