import { describe, expect, test } from 'vitest'
import { latencyThresholds } from '../../../src/analyzer/latency.ts'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import { Case, type CaseOptions } from '../../../src/control/judge/case.ts'
import { Words } from './words.ts'

const WEIGHT_BP = 2_500
const STABLE = 0
const CANARY = 1
const CELLS = new Map([[WEIGHT_BP, { stable: STABLE, canary: CANARY }]])

function start(options: Partial<CaseOptions> = {}) {
  const words = new Words()
  const one = new Case({
    plan: { tickMs: 100, horizonMs: 3_600_000, stepCount: 3 },
    isSticky: false,
    thresholds: [],
    segments: words.segments,
    ...options,
  })
  return { words, one, tick: () => one.tick(CELLS, WEIGHT_BP) }
}

/** A minute of stable answers after 5 ms. */
function thresholdsAt5ms() {
  const bins = new Float64Array(BIN_COUNT)
  bins[binIndex(5_000)] = 6_000
  return latencyThresholds({ bins, unansweredCount: 0 })!
}

test('a canary as good as stable is not decided upon, however long it runs', () => {
  const { words, one, tick } = start()
  tick()
  for (let n = 0; n < 600; n++) {
    words.settle(STABLE, 'ok', 30)
    words.settle(CANARY, 'ok', 10)
    if (n % 10 === 0) words.settle(n % 40 === 0 ? CANARY : STABLE, 'errors', 1)
    expect(tick()).toBeNull()
  }
  expect(one.canaryCount).toBe(6_000 + 15)
  expect(one.sentence()).toMatch(/^No sign of a fault/)
})

test.for(['errors', 'unanswered', 'abandoned'] as const)(
  'a canary whose requests end as %s is taken back within a second',
  (outcome) => {
    const { words, one, tick } = start()
    let tickCount = 0
    for (; tick() === null && tickCount < 50; tickCount++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, outcome, 2)
    }
    expect(tickCount).toBeLessThan(10)
    expect(one.evidence().decision).toMatchObject({ action: 'abort' })
    expect(one.sentence()).toMatch(/^The guard aborts: .* canary requests failed/)
  },
)

test('both failing alike is nobody’s fault', () => {
  const { words, tick } = start()
  for (let n = 0; n < 300; n++) {
    words.settle(STABLE, 'errors', 3)
    words.settle(CANARY, 'errors', 1)
    expect(tick()).toBeNull()
  }
})

describe('a canary that answers late', () => {
  function run(options: Partial<CaseOptions>, ticks: number) {
    const { words, one, tick } = start(options)
    for (let n = 1; n <= ticks; n++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, 'ok', 2, 50_000)
      if (tick() !== null) return { n, by: one.evidence().decision!.by }
    }
    return null
  }

  test('is taken back after its warm-up of 200 requests', () => {
    const found = run({ thresholds: thresholdsAt5ms() }, 200)
    expect(found).toMatchObject({ by: 'latency' })
    expect(found!.n).toBeGreaterThan(100)
    expect(found!.n).toBeLessThan(115)
  })

  test('is not compared with what nobody knows: stable has to show 500 answers first', () => {
    expect(run({}, 100)).toBeNull()
    // Slots of 10 s: at the first end there are 800.
    expect(run({}, 200)!.n).toBeGreaterThan(100)
  })
})

test('a splitter that does not split as it says pauses, and blames nobody', () => {
  const { words, one, tick } = start()
  let decision = null
  for (let n = 0; n < 400 && decision === null; n++) {
    words.settle(STABLE, 'ok', 20)
    words.settle(CANARY, 'ok', 20)
    decision = tick()
  }
  expect(decision).toMatchObject({ action: 'pause', by: 'ratio' })
  expect(one.evidence().ratio).toMatchObject({ isBroken: true })
})

describe('sticky units', () => {
  test('count once: a single unit that fails for ever is no evidence of the canary', () => {
    const { words, tick } = start({ isSticky: true })
    words.settle(CANARY, 'badUnits', 1)
    for (let n = 0; n < 300; n++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, 'errors', 2)
      expect(tick()).toBeNull()
    }
  })

  test('that fail one after the other are', () => {
    const { words, tick } = start({ isSticky: true })
    let tickCount = 0
    for (; tick() === null && tickCount < 100; tickCount++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, 'errors', 1)
      words.settle(CANARY, 'badUnits', 1)
    }
    expect(tickCount).toBeLessThan(60)
  })
})

test('what was counted before, and for others, is left aside', () => {
  const words = new Words()
  words.settle(CANARY, 'errors', 1_000)
  const { one, tick } = start({ segments: words.segments })
  expect(tick()).toBeNull()
  expect(one.evidence().checks[0]!.parts[0]!.totals.canaryCount).toBe(0)
})

test('saved and gone on with, it knows what it knew: no request is lost or counted twice', () => {
  const { words, one, tick } = start()
  for (let n = 0; n < 30; n++) {
    words.settle(STABLE, 'ok', 30)
    words.settle(CANARY, 'ok', 9)
    words.settle(CANARY, 'errors', n % 10 === 0 ? 1 : 0)
    tick()
  }
  const saved = JSON.parse(JSON.stringify(one.save()))
  const next = start({ saved })
  expect(next.one.evidence()).toEqual(one.evidence())
  for (const { words: counted, tick: go } of [{ words, tick }, next]) {
    go()
    counted.settle(CANARY, 'errors', 2)
    go()
  }
  expect(next.one.evidence()).toEqual(one.evidence())
})
