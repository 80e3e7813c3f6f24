import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CRITERIA_LIMIT,
  CriteriaError,
  type Criterion,
  parseCriteria,
} from '../../src/analyzer/criteria.ts'

function readOrFault(text: string): readonly Criterion[] | CriteriaError {
  try {
    return parseCriteria(text)
  } catch (error) {
    if (error instanceof CriteriaError) return error
    throw error
  }
}

function faultOf(text: string): CriteriaError {
  const read = readOrFault(text)
  if (read instanceof CriteriaError) return read
  throw new Error(`${text} was read without a fault`)
}

test('a list is read in its order, with or without spaces', () => {
  const list: Criterion[] = [
    { type: 'errorRate', text: 'error_rate<1%', limitRatio: 0.01, isInclusive: false },
    {
      type: 'latency',
      text: 'latency_p95<2s',
      name: 'p95',
      quantile: 0.95,
      limitRatio: 0.05,
      limitUs: 2_000_000,
      limitText: '2s',
    },
    { type: 'requests', text: 'requests>=100', minCount: 100 },
  ]
  expect(parseCriteria('error_rate<1%,latency_p95<2s,requests>=100')).toEqual(list)
  expect(parseCriteria('  error_rate < 1 % , latency_p95 < 2 s,\n requests >= 100 ')).toEqual(list)
})

test.for(['', '  ', '\n'])('%j is the empty list', (text) => {
  expect(parseCriteria(text)).toEqual([])
})

test.for([
  ['error_rate<5%', 0.05, false],
  ['error_rate<=5%', 0.05, true],
  ['error_rate<0.7%', 0.007, false],
  ['error_rate<0.05', 0.05, false],
  ['error_rate<.5', 0.5, false],
  ['error_rate<=0', 0, true],
  ['error_rate<=0%', 0, true],
  ['error_rate<100%', 1, false],
  ['error_rate<=1', 1, true],
] as const)('%s', ([text, limitRatio, isInclusive]) => {
  expect(parseCriteria(text)).toEqual([{ type: 'errorRate', text, limitRatio, isInclusive }])
})

test.for([
  ['latency_p50<250ms', 'p50', 0.5, 0.5, 250_000],
  ['latency_p90<=1.5s', 'p90', 0.9, 0.1, 1_500_000],
  ['latency_p95<0.25s', 'p95', 0.95, 0.05, 250_000],
  ['latency_p99<800us', 'p99', 0.99, 0.01, 800],
  ['latency_p99.9<132s', 'p99.9', 0.999, 0.001, 132_000_000],
  ['latency_p99.99<1us', 'p99.99', 0.9999, 0.0001, 1],
] as const)('%s', ([text, name, quantile, limitRatio, limitUs]) => {
  expect(parseCriteria(text)).toMatchObject([
    { type: 'latency', text, name, quantile, limitRatio, limitUs },
  ])
})

describe('limits that follow stable', () => {
  test.for([
    ['error_rate<stable', 1, 0],
    ['error_rate<=stable*1.5', 1.5, 0],
    ['error_rate<stable*1.5+0.1%', 1.5, 0.001],
    ['error_rate<stable+.5', 1, 0.5],
  ] as const)('%s', ([text, factor, plus]) => {
    const limit = { factor, plus }
    expect(parseCriteria(text)).toEqual([{ type: 'errorRateAgainstStable', text, limit }])
  })

  test.for([
    ['latency_p95<stable*1.2', 1.2, 0],
    ['latency_p95<stable*1.2+5ms', 1.2, 5_000],
    ['latency_p95<stable+1s', 1, 1_000_000],
  ] as const)('%s', ([text, factor, plus]) => {
    const limit = { factor, plus }
    const names = { name: 'p95', quantile: 0.95, limitRatio: 0.05 }
    expect(parseCriteria(text)).toEqual([{ type: 'latencyAgainstStable', text, ...names, limit }])
  })

  test('stand beside a limit of their own', () => {
    const text = 'error_rate < 5%, error_rate < stable * 1.5 + 0.1 %'
    expect(parseCriteria(text).map((criterion) => criterion.text)).toEqual([
      'error_rate<5%',
      'error_rate<stable*1.5+0.1%',
    ])
  })
})

test.for([
  ['custom.conversion>95', 'conversion', '>', 95],
  ['custom.a.b-c_d<=-1.5e3', 'a.b-c_d', '<=', -1_500],
  ['custom.x>=stable*0.95', 'x', '>=', { factor: 0.95, plus: 0 }],
  ['custom.x>stable-2', 'x', '>', { factor: 1, plus: -2 }],
  ['custom.x<stable*2+.5', 'x', '<', { factor: 2, plus: 0.5 }],
] as const)('%s', ([text, name, operator, limit]) => {
  expect(parseCriteria(text)).toEqual([{ type: 'custom', text, name, operator, limit }])
})

test('a pushed metric has two ends', () => {
  expect(parseCriteria('custom.x>1,custom.x<5')).toHaveLength(2)
})

describe('a fault names its place, what was found and what was expected', () => {
  const range = 'a percentage from 0% to 100% or a ratio from 0 to 1'
  const ratio = `${range}, or stable such as stable*1.5`
  const span = 'a time with the unit us, ms or s, such as 250ms'
  const time = `${span}, or stable such as stable*1.5`
  const percentile = 'a percentile above 0 and below 100, such as latency_p95 or latency_p99.9'
  const names = 'error_rate, latency_pNN, requests or custom.NAME'
  const custom =
    'custom. and a name: a letter or "_", then up to 62 of letters, digits, "_", "." and "-"'
  const number = 'a number without a unit, or stable such as stable*0.95'
  const factor = 'a factor above 0 and at most 1000'
  const ratioForm = 'a form such as stable*1.5+0.1%'
  const timeForm = 'a form such as stable*1.2+5ms'

  test.for([
    ['errors<1%', 0, 'errors', names],
    ['error_rate<1%, ', 15, '', names],
    [',error_rate<1%', 0, '', names],
    ['error_rate<1%,,requests>=5', 14, '', names],
    ['error_rate<1%; requests>=5', 11, '1%; requests>=5', ratio],
    ['error_rate<1%, laency_p95<2s', 15, 'laency_p95', names],
    ['1%', 0, '1%', names],
    ['error_rate', 10, '', '< or <='],
    ['error_rate>1%', 10, '>', '< or <='],
    ['error_rate=1%', 10, '=', '< or <='],
    ['latency_p95>=2s', 11, '>=', '< or <='],
    ['requests<100', 8, '<', '>='],
    ['requests>100', 8, '>', '>='],
    ['error_rate<', 11, '', ratio],
    ['error_rate<NaN', 11, 'NaN', ratio],
    ['error_rate<-1%', 11, '-1%', ratio],
    ['error_rate<Infinity', 11, 'Infinity', ratio],
    ['error_rate<1e-2', 11, '1e-2', ratio],
    ['error_rate<1.2.3%', 11, '1.2.3%', ratio],
    ['error_rate<150%', 11, '150%', range],
    ['error_rate<100.1%', 11, '100.1%', range],
    ['error_rate<5', 11, '5', `${range}; did you mean 5%?`],
    ['error_rate<500', 11, '500', range],
    ['error_rate<1ms', 11, '1ms', ratio],
    ['error_rate<0%', 11, '0%', 'more than 0, or <=0 for no error at all'],
    ['latency_p95<2', 12, '2', time],
    ['latency_p95<2m', 12, '2m', time],
    ['latency_p95<-2s', 12, '-2s', time],
    ['latency_p95<NaNs', 12, 'NaNs', time],
    ['latency_p95<2 constructor', 12, '2 constructor', time],
    ['latency_p95<0s', 12, '0s', '1us to 132s'],
    ['latency_p95<0.4us', 12, '0.4us', '1us to 132s'],
    ['latency_p95<133s', 12, '133s', '1us to 132s'],
    ['latency_p<2s', 0, 'latency_p', percentile],
    ['latency_p100<2s', 0, 'latency_p100', percentile],
    ['latency_p0<2s', 0, 'latency_p0', percentile],
    ['latency_p-5<2s', 0, 'latency_p-5', percentile],
    ['latency_p99.99999<2s', 0, 'latency_p99.99999', percentile],
    ['requests>=0', 10, '0', 'a whole number from 1 to 1000000000'],
    ['requests>=1.5', 10, '1.5', 'a whole number from 1 to 1000000000'],
    ['requests>=-1', 10, '-1', 'a whole number from 1 to 1000000000'],
    ['requests>=1000000001', 10, '1000000001', 'a whole number from 1 to 1000000000'],
    ['error_rate<1%, error_rate<2%', 15, 'error_rate', 'each criterion once'],
    ['error_rate<stable, error_rate<stable*2', 19, 'error_rate', 'each criterion once'],
    ['custom.x>1, custom.x>=2', 12, 'custom.x', 'each criterion once'],
    ['error_rate<stable*', 18, '', factor],
    ['error_rate<stable*0', 18, '0', factor],
    ['error_rate<stable*1.2.3', 18, '1.2.3', factor],
    ['error_rate<stable*1001', 18, '1001', factor],
    ['error_rate<stable*-2', 18, '-2', factor],
    ['error_rate<stable1.5', 17, '1.5', ratioForm],
    ['error_rate<stable*150%', 21, '%', ratioForm],
    ['error_rate<stable*1.5*2', 21, '*2', ratioForm],
    ['error_rate<stables', 17, 's', ratioForm],
    [
      'error_rate<stable-0.1%',
      17,
      '-',
      '+: an allowance, so that no difference at all still passes',
    ],
    ['error_rate<stable+', 18, '', range],
    ['error_rate<stable*1.5 + 5ms', 24, '5ms', range],
    ['error_rate<stable+200%', 18, '200%', range],
    ['error_rate<0.1%+stable', 11, '0.1%+stable', ratio],
    ['error_rate>stable', 10, '>', '< or <='],
    ['latency_p95<stable+5', 19, '5', span],
    ['latency_p95<stable ms', 19, 'ms', timeForm],
    ['custom.<1', 0, 'custom.', custom],
    ['custom.1x<1', 0, 'custom.1x', custom],
    ['custom.a/b<1', 0, 'custom.a/b', custom],
    ['custom.x=1', 8, '=', '<, <=, > or >='],
    ['custom.x>', 9, '', number],
    ['custom.x>5%', 9, '5%', number],
    ['custom.x>NaN', 9, 'NaN', number],
    ['custom.x>1e999', 9, '1e999', number],
    ['custom.x>stable*0.9-x', 20, 'x', number],
    ['customx>1', 0, 'customx', names],
  ] as const)('%j', ([text, offset, found, expected]) => {
    expect(faultOf(text)).toMatchObject({ offset, found, expected })
  })

  test('in a sentence', () => {
    expect(faultOf('requests>=10, error_rate<5').message).toBe(
      'character 26: found "5", expected a percentage from 0% to 100% or a ratio from 0 to 1; did you mean 5%?',
    )
    expect(faultOf('error_rate<').message).toMatch(/^character 12: found nothing, expected a perc/u)
    expect(faultOf('x'.repeat(99)).message).toContain(`found "${'x'.repeat(40)}…"`)
  })
})

test('a list has a limit', () => {
  const most = Array.from({ length: CRITERIA_LIMIT }, (_, i) => `latency_p${50 + i}<1s`).join(',')
  expect(parseCriteria(most)).toHaveLength(CRITERIA_LIMIT)
  expect(faultOf(`${most},error_rate<1%`).expected).toBe('no more than 16 criteria')
})

const words =
  'error_rate latency_p requests custom. stable < <= > >= % , . + - * ms s 0 1 5 99 150 error_rate<1% latency_p95<2s error_rate<stable*2 custom.x>1'
const pieces = fc.array(fc.constantFrom(' ', ...words.split(' ')), { maxLength: 12 })
const texts = fc.oneof(
  fc.string(),
  pieces.map((all) => all.join('')),
)

test('any text is either read, and then reads the same again, or refused at a place inside it', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const read = readOrFault(text)
      if (read instanceof CriteriaError) return text.slice(read.offset).startsWith(read.found)
      expect(parseCriteria(read.map((criterion) => criterion.text).join(','))).toEqual(read)
      return true
    }),
    { numRuns: 1_000 },
  )
})
