import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type MeasureEffect,
  type MeasureState,
  type Outcome,
  begin,
  isEnded,
  measure,
} from '../../../src/analyzer/measure/measure.ts'
import {
  DEFAULT_LIMITS,
  KEPT_COUNT,
  type MeasurePlan,
  RETRY_MS,
  STARVED_COUNT,
} from '../../../src/analyzer/measure/plan.ts'
import { standingOf, worstOf } from '../../../src/analyzer/measure/standing.ts'

const INTERVAL_MS = 60_000

/** s success, f failure, i inconclusive, n no data, e error. */
const LETTERS: Readonly<Record<string, Outcome>> = {
  s: 'success',
  f: 'failure',
  i: 'inconclusive',
  n: 'noData',
  e: 'error',
}

function planOf(over: Partial<MeasurePlan> = {}): MeasurePlan {
  return { name: 'm', intervalMs: INTERVAL_MS, count: null, ...DEFAULT_LIMITS, ...over }
}

/** Measures as often as there are letters, always when due; returns where it ended and all effects. */
function run(
  plan: MeasurePlan,
  letters: string,
): { state: MeasureState; effects: MeasureEffect[] } {
  const effects: MeasureEffect[] = []
  let state = begin(plan, 0)
  for (const letter of letters) {
    if (isEnded(state)) break
    const atMs = state.dueMs!
    const asked = measure(plan, state, { type: 'tick', atMs })
    const reading = { outcome: LETTERS[letter]!, reason: letter }
    const { sequence } = asked.state
    const answered = measure(plan, asked.state, { type: 'read', atMs, sequence, reading })
    effects.push(...asked.effects, ...answered.effects)
    state = answered.state
  }
  return { state, effects }
}

describe('limits, as Argo has them', () => {
  test.for([
    ['one failure is one too many', {}, 'f', 'failed'],
    ['two are borne with a limit of two', { failureLimit: 2 }, 'fsf', 'waiting'],
    ['the third is not, though not in a row', { failureLimit: 2 }, 'fsfsf', 'failed'],
    ['any number without a limit', { failureLimit: null }, 'ffffffff', 'waiting'],
    ['one inconclusive is one too many', {}, 'i', 'inconclusive'],
    ['inconclusive within its limit', { inconclusiveLimit: 3 }, 'iii', 'waiting'],
    ['inconclusive beyond it', { inconclusiveLimit: 2 }, 'isisi', 'inconclusive'],
    ['failure goes before inconclusive', { inconclusiveLimit: 1, failureLimit: 0 }, 'if', 'failed'],
    ['count reached', { count: 10 }, 'ssssssssss', 'passed'],
    ['count reached with borne failures', { count: 3, failureLimit: 1 }, 'sfs', 'passed'],
    ['count reached by what breaks a limit', { count: 2, failureLimit: 0 }, 'sf', 'failed'],
    ['errors do not count', { count: 2 }, 'sees', 'passed'],
    ['no data does not count', { count: 2 }, 'snnnnnnn', 'waiting'],
    ['without an interval, one measurement', { intervalMs: null, count: 1 }, 's', 'passed'],
    ['without an interval and data, another', { intervalMs: null, count: 1 }, 'nns', 'passed'],
    ['without count, for ever', {}, 's'.repeat(500), 'waiting'],
    ['failures alone', { count: 2, failureLimit: null }, 'ff', 'inconclusive'],
    ['nothing measured', {}, '', 'waiting'],
  ] as const)('%s', ([, over, letters, phase]) => {
    expect(run(planOf(over), letters).state.phase).toBe(phase)
  })

  test('the provider may fail four times in a row, and is told the fifth time', () => {
    expect(run(planOf(), 'eeee').effects.filter(({ type }) => type !== 'query')).toEqual([])
    const five = run(planOf(), 'eeeee')
    expect(five.effects.at(-1)).toEqual({ type: 'providerFailing', reason: 'e' })
    expect(standingOf(planOf(), five.state)).toMatchObject({
      state: 'providerError',
      sentence: 'm cannot be measured: 5 times in a row there was an error, 4 allowed; the last: e',
    })
  })

  test('a provider that fails is told once, goes on being asked, and comes back', () => {
    const { state, effects } = run(planOf({ count: 1 }), 'eeeeeeees')
    expect(effects.filter(({ type }) => type !== 'query')).toEqual([
      { type: 'providerFailing', reason: 'e' },
      { type: 'providerBack' },
      { type: 'ended', phase: 'passed' },
    ])
    expect(state.errorCount).toBe(8)
  })

  test('no data is an answer: the provider works', () => {
    expect(run(planOf(), 'eeeeneeee').effects.some(({ type }) => type !== 'query')).toBe(false)
  })
})

describe('time', () => {
  test('the first measurement waits for its delay, each other for the interval', () => {
    const plan = planOf({ initialDelayMs: 5_000 })
    const first = begin(plan, 1_000)
    expect(measure(plan, first, { type: 'tick', atMs: 5_999 })).toEqual({
      state: first,
      effects: [],
    })
    const asked = measure(plan, first, { type: 'tick', atMs: 6_000 })
    expect(asked.effects).toEqual([{ type: 'query', sequence: 1 }])
    expect(measure(plan, asked.state, { type: 'tick', atMs: 99_000 }).effects).toEqual([])
    const reading = { outcome: 'success', reason: '' } as const
    const read = measure(plan, asked.state, { type: 'read', atMs: 7_500, sequence: 1, reading })
    expect(read.state).toMatchObject({ phase: 'waiting', dueMs: 7_500 + INTERVAL_MS })
  })

  test.for([
    ['e', RETRY_MS],
    ['n', INTERVAL_MS],
    ['s', INTERVAL_MS],
  ] as const)('after %s the next is due in %d ms', ([letter, waitMs]) => {
    expect(run(planOf(), letter).state.dueMs).toBe(waitMs)
  })

  test('a late answer counts for nothing', () => {
    const plan = planOf()
    const asked = measure(plan, begin(plan, 0), { type: 'tick', atMs: 0 }).state
    const reading = { outcome: 'failure', reason: '' } as const
    const late = { type: 'read', atMs: 1, sequence: 0, reading } as const
    expect(measure(plan, asked, late)).toEqual({ state: asked, effects: [] })
    const recovered = measure(plan, asked, { type: 'recover', atMs: 50 }).state
    expect(recovered).toMatchObject({ phase: 'waiting', dueMs: 50 })
    expect(measure(plan, recovered, { ...late, sequence: 1 }).state).toBe(recovered)
  })
})

describe('stopped', () => {
  test('is cancelled, never a success, and what was asked is given up', () => {
    const plan = planOf()
    const idle = measure(plan, begin(plan, 0), { type: 'stop', atMs: 1 })
    expect(idle.effects).toEqual([{ type: 'ended', phase: 'cancelled' }])
    const asked = measure(plan, begin(plan, 0), { type: 'tick', atMs: 0 }).state
    const { state, effects } = measure(plan, asked, { type: 'stop', atMs: 1 })
    expect(effects).toEqual([
      { type: 'giveUp', sequence: 1 },
      { type: 'ended', phase: 'cancelled' },
    ])
    expect(standingOf(plan, state)).toMatchObject({
      state: 'cancelled',
      sentence: 'm was stopped before its end: 0 of 0 measurements succeeded',
    })
    expect(measure(plan, state, { type: 'tick', atMs: 1e9 })).toEqual({ state, effects: [] })
  })
})

describe('a sentence', () => {
  test.for([
    ['', {}, 'running', 'm is being measured: 0 succeeded, 0 failed'],
    ['s', { count: 5 }, 'running', 'm is being measured: 1 of 5 succeeded, 0 failed; the last: s'],
    ['ss', { count: 2 }, 'pass', 'm passes: 2 of 2 measurements succeeded; the last: s'],
    ['sf', {}, 'fail', 'm fails: 1 of 2 measurements failed, 0 allowed; the last: f'],
    [
      'i',
      {},
      'inconclusive',
      'm is undecided: 1 of 1 measurement met neither condition, 0 allowed; the last: i',
    ],
    [
      'ff',
      { count: 2, failureLimit: null },
      'inconclusive',
      'm is undecided: none of 2 measurements succeeded; the last: f',
    ],
    ['sn', {}, 'noData', 'm has no data: once in a row there was none; the last: n'],
    ['e', {}, 'running', 'm is being measured: 0 succeeded, 0 failed; the last: e'],
  ] as const)('after %j with %j', ([letters, over, state, sentence]) => {
    const plan = planOf(over)
    expect(standingOf(plan, run(plan, letters).state)).toMatchObject({ state, sentence })
  })

  test('a metric without data for long is starved', () => {
    const plan = planOf()
    const starved = (letters: string) => standingOf(plan, run(plan, letters).state).isStarved
    expect(starved('n'.repeat(STARVED_COUNT - 1))).toBe(false)
    expect(starved('n'.repeat(STARVED_COUNT))).toBe(true)
    expect(starved(`${'n'.repeat(STARVED_COUNT)}s`)).toBe(false)
  })
})

function standing(letters: string, over: Partial<MeasurePlan> = {}) {
  const plan = planOf(over)
  return standingOf(plan, run(plan, letters).state)
}

describe('several metrics', () => {
  const passed = standing('s', { count: 1 })

  test.for([
    ['fail', [passed, standing('eeeee'), standing('f')]],
    ['providerError', [passed, standing('i'), standing('eeeee')]],
    ['inconclusive', [passed, standing('n'), standing('i')]],
    ['noData', [passed, standing('s'), standing('n')]],
    ['running', [passed, standing('s')]],
    ['pass', [passed, passed]],
    ['pass', [passed, standing('f', { isDryRun: true })]],
  ] as const)('come to %s: the worst of them', ([word, standings]) => {
    expect(worstOf(standings)?.state).toBe(word)
  })

  test('of which none counts come to nothing, which is not a pass', () => {
    expect(worstOf([])).toBeNull()
    expect(worstOf([standing('s', { count: 1, isDryRun: true })])).toBeNull()
  })
})

test('whatever happens, nothing but successes within the limits passes', () => {
  const letters = fc.array(fc.constantFrom('s', 'f', 'i', 'n', 'e'), { maxLength: 40 })
  const limits = fc.record({
    count: fc.option(fc.integer({ min: 1, max: 10 })),
    failureLimit: fc.option(fc.integer({ min: 0, max: 3 })),
    inconclusiveLimit: fc.option(fc.integer({ min: 0, max: 3 })),
  })
  fc.assert(
    fc.property(letters, limits, (given, over) => {
      const plan = planOf(over)
      const { state } = run(plan, given.join(''))
      expect(JSON.parse(JSON.stringify(state))).toEqual(state)
      expect(state.measurements.length).toBeLessThanOrEqual(KEPT_COUNT)
      if (state.phase !== 'passed') return
      const counted = state.successCount + state.failureCount + state.inconclusiveCount
      expect(counted).toBe(over.count)
      expect(state.failureCount).toBeLessThanOrEqual(over.failureLimit ?? Infinity)
      expect(state.inconclusiveCount).toBeLessThanOrEqual(over.inconclusiveLimit ?? Infinity)
    }),
  )
})
