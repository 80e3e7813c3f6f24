import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Classified, classify } from '../../../src/analyzer/kayenta/classify.ts'
import { commonLanguageEffect, shiftInterval } from '../../../src/analyzer/kayenta/mann-whitney.ts'
import { normalDraw, normalQuantile, seededRandom } from '../../../src/analyzer/kayenta/normal.ts'
import { percentile, prepare, withNoise } from '../../../src/analyzer/kayenta/prepare.ts'
import { findRoot } from '../../../src/analyzer/kayenta/root.ts'
import {
  CONFIDENCE,
  DEFAULT_RULES,
  type MetricRules,
  TOLERANCE,
  defaultEffect,
} from '../../../src/analyzer/kayenta/rules.ts'
import { ours, rulesOf } from './vectors.ts'

const OPTIONS = { rootTolerance: 'relative', tolerance: TOLERANCE, confidence: CONFIDENCE } as const

function labelOf(
  experiment: readonly number[],
  control: readonly number[],
  rules: Partial<MetricRules> = {},
): Classified {
  const all = { ...DEFAULT_RULES, ...rules }
  return classify({ experiment, control }, all, OPTIONS, seededRandom(7))
}

const ONE_TO_NINE = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const plus = (values: readonly number[], shift: number) => values.map((value) => value + shift)

describe('our own values', () => {
  test.for(ours.kayenta_judge_own_data.cases.map((given, index) => ({ index, given })))(
    'case $index, exactly as the independent judge',
    ({ given: { experiment, control, config, expected } }) => {
      const options = { tolerance: config.tolerance, confidence: config.conf }
      const exact = classify(
        { experiment, control },
        rulesOf(config),
        { ...options, rootTolerance: 'exact' },
        seededRandom(1),
      )
      expect(exact.label).toBe(expected.classification)
      expect(exact.isCritical).toBe(expected.critical)
      expect(exact.meanRatio).toBeCloseTo(expected.deviation, 9)
      const [low, high, estimate] = expected.ci_lo_hi_est
      expect(exact.shift!.low).toBeCloseTo(low, 9)
      expect(exact.shift!.high).toBeCloseTo(high, 9)
      expect(exact.shift!.estimate).toBeCloseTo(estimate, 9)

      const relative = classify(
        { experiment, control },
        rulesOf(config),
        { ...options, rootTolerance: 'relative' },
        seededRandom(1),
      )
      expect(relative.label).toBe(expected.classification)
      expect(Math.abs(relative.shift!.low - low)).toBeLessThan(1e-4)
    },
  )
})

describe('a metric', () => {
  test.for([
    ['High', plus(ONE_TO_NINE, 10), ONE_TO_NINE, {}],
    ['Low', ONE_TO_NINE, plus(ONE_TO_NINE, 10), {}],
    ['Pass', plus(ONE_TO_NINE, 0.1), ONE_TO_NINE, {}],
    ['Pass', plus(ONE_TO_NINE, 10), ONE_TO_NINE, { direction: 'decrease' }],
    ['Pass', ONE_TO_NINE, plus(ONE_TO_NINE, 10), { direction: 'increase' }],
    ['Pass', [3, 3], [3, 3, 3], {}],
    ['Pass', [2, 1], [1, 2], {}],
    ['High', [10, 10, 10, 10, 10], [0, 0, 0, 0, 0], {}],
    ['Low', [0, 0, 0, 0, 0], [10, 10, 10, 10, 10], {}],
    ['Error', [5e-324, 5e-324], [1e-323, 1e-323], {}],
  ] as const)('is %s: %j against %j, %j', ([label, experiment, control, rules]) => {
    expect(labelOf(experiment, control, rules).label).toBe(label)
  })

  test('says in one sentence what it saw', () => {
    expect(labelOf(plus(ONE_TO_NINE, 10), ONE_TO_NINE).reason).toBe(
      "canary is above stable: its mean is 3 times stable's, the shift is 6 to 14",
    )
    expect(labelOf([], [1]).reason).toBe('canary has no value')
    expect(labelOf([1], [Number.NaN, Infinity]).reason).toBe('stable has no value')
  })

  test('that reaches no effect passes, though its values differ', () => {
    const effect = { ...defaultEffect('meanRatio'), allowedIncrease: 4, criticalIncrease: 4 }
    expect(labelOf(plus(ONE_TO_NINE, 10), ONE_TO_NINE, { effect }).label).toBe('Pass')
    const cles = { ...defaultEffect('cles'), allowedIncrease: 0.9 }
    expect(labelOf(plus(ONE_TO_NINE, 10), ONE_TO_NINE, { effect: cles }).label).toBe('High')
  })

  test('is critical only from its critical effect on', () => {
    const effect = { ...defaultEffect('meanRatio'), criticalIncrease: 4 }
    const rules = { isCritical: true, effect }
    expect(labelOf(plus(ONE_TO_NINE, 10), ONE_TO_NINE, rules)).toMatchObject({
      label: 'High',
      isCritical: false,
    })
    expect(labelOf(plus(ONE_TO_NINE, 20), ONE_TO_NINE, rules).isCritical).toBe(true)
  })
})

describe('without values', () => {
  test.for([
    [{}, 'Nodata', false],
    [{ isCritical: true }, 'Nodata', true],
    [{ mustHaveData: true }, 'NodataFailMetric', false],
    [{ mustHaveData: true, isCritical: true }, 'Nodata', true],
    [{ nanStrategy: 'replace' }, 'Pass', false],
  ] as const)('%j gives %s', ([rules, label, isCritical]) => {
    expect(labelOf([], ONE_TO_NINE, rules)).toMatchObject({ label, isCritical, shift: null })
    expect(labelOf(ONE_TO_NINE, [], rules)).toMatchObject({ label, isCritical })
  })

  test('a missing one is left out, or 0', () => {
    const values = [1, Number.NaN, 2, Infinity]
    expect(prepare(values, DEFAULT_RULES)).toEqual([1, 2])
    expect(prepare(values, { ...DEFAULT_RULES, nanStrategy: 'replace' })).toEqual([1, 0, 2, 0])
  })
})

describe('outliers', () => {
  const rules = { ...DEFAULT_RULES, outliers: 'remove' } as const

  test('beyond three times the interquartile range are dropped from enough values', () => {
    const values = [...Array.from({ length: 200 }, (_, i) => i % 10), 1_000, -1_000]
    expect(prepare(values, rules)).toEqual(values.slice(0, 200))
  })

  test('of few values are kept: the 99th percentile is near them', () => {
    expect(prepare([], rules)).toEqual([])
    expect(prepare([5], rules)).toEqual([5])
    // between the two largest, so the largest of few is always above it.
    expect(prepare([1, 2, 3], rules)).toEqual([1, 2, 3])
  })

  test('percentiles lie between the values around the rank', () => {
    const sorted = Float64Array.from([1, 2, 3, 4])
    expect([0, 0.25, 0.5, 0.75, 1].map((share) => percentile(sorted, share))).toEqual([
      1, 1.75, 2.5, 3.25, 4,
    ])
  })
})

describe('the interval', () => {
  const sizes = { minLength: 2, maxLength: 20 }
  // Not so small that another unit is 0.
  const doubles = fc
    .double({ min: -1e6, max: 1e6, noNaN: true })
    .map((value) => (Math.abs(value) < 1e-6 ? 0 : value))
  const values = fc.array(doubles, sizes)
  const thousandths = fc.array(
    fc.integer({ min: 0, max: 1e6 }).map((value) => value / 1_000),
    sizes,
  )

  test('has its ends in order, and mirrors when the variants change places', () => {
    fc.assert(
      fc.property(thousandths, thousandths, (one, other) => {
        const options = { confidence: 0.95, rootTolerance: 'relative' } as const
        const found = shiftInterval(one, other, options)
        const mirrored = shiftInterval(other, one, options)
        if (found === null || mirrored === null) return found === mirrored
        const slack = 1e-6
        return (
          found.low <= found.high &&
          Math.abs(found.low + mirrored.high) < slack &&
          Math.abs(found.high + mirrored.low) < slack
        )
      }),
    )
  })

  test('in the relative mode is the same in any unit that is a power of two', () => {
    fc.assert(
      fc.property(values, values, fc.integer({ min: -30, max: 30 }), (one, other, power) => {
        const times = (list: readonly number[]) => list.map((value) => value * 2 ** power)
        const options = { confidence: CONFIDENCE, rootTolerance: 'relative' } as const
        const found = shiftInterval(one, other, options)
        const scaled = shiftInterval(times(one), times(other), options)
        expect(scaled?.low).toBe(found === null ? undefined : found.low * 2 ** power)
        expect(scaled?.high).toBe(found === null ? undefined : found.high * 2 ** power)
      }),
    )
  })

  test('of nothing but ties does not exist', () => {
    const options = { confidence: 0.95, rootTolerance: 'relative' } as const
    expect(shiftInterval([1, 1], [1, 1], options)).toBeNull()
    expect(shiftInterval([2, 2], [1, 1], options)).toBeNull()
  })
})

test('the common-language effect is the share of pairs in which the canary is higher, ties by half', () => {
  expect(commonLanguageEffect([2, 3], [1])).toBe(1)
  expect(commonLanguageEffect([1], [2, 3])).toBe(0)
  expect(commonLanguageEffect([1, 2], [1, 2])).toBe(0.5)
  expect(commonLanguageEffect([5, 1], [1, 4])).toBe(0.625)
})

test.for([
  [0.5, 0],
  [0.975, 1.959963984540054],
  [0.99, 2.3263478740408408],
  [0.01, -2.3263478740408408],
  [1e-9, -5.997807015007686],
  [0.8, 0.8416212335729143],
] as const)('the normal quantile of %d is %d', ([probability, value]) => {
  expect(normalQuantile(probability)).toBeCloseTo(value, 12)
})

test.for([0, 1, -1, Number.NaN])('there is no normal quantile of %d', (probability) => {
  expect(() => normalQuantile(probability)).toThrow(RangeError)
})

test('noise comes from its seed and is of the size that it should be', () => {
  const noisy = withNoise(
    Array.from({ length: 1_000 }, () => 100),
    seededRandom(3),
  )
  expect(noisy).toEqual(
    withNoise(
      Array.from({ length: 1_000 }, () => 100),
      seededRandom(3),
    ),
  )
  const deviations = noisy.map((value) => (value - 100) / 1e-3)
  const variance = deviations.reduce((sum, value) => sum + value * value, 0) / deviations.length
  expect(variance).toBeGreaterThan(0.8)
  expect(variance).toBeLessThan(1.2)
  expect(withNoise([0], seededRandom(3))).toEqual([0])
  expect(Number.isFinite(normalDraw(() => 0))).toBe(true)
})

describe('the root', () => {
  test('is where the sign changes', () => {
    const root = findRoot((x) => x ** 3 - 2, { low: 0, high: 2, tolerance: 1e-12 })
    expect(root).toBeCloseTo(Math.cbrt(2), 11)
  })

  test('is an end that is exactly 0', () => {
    expect(findRoot((x) => x - 1, { low: 1, high: 2, tolerance: 1e-3 })).toBe(1)
    expect(findRoot((x) => x - 2, { low: 1, high: 2, tolerance: 1e-3 })).toBe(2)
  })

  test('of a step is the step, from either side', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 0.999, noNaN: true }), (at) => {
        const root = findRoot((x) => (x < at ? 1 : -1), { low: 0, high: 1, tolerance: 1e-9 })
        return Math.abs(root - at) < 1e-8
      }),
    )
  })
})
