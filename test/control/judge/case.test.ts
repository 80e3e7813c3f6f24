import { describe, expect, test } from 'vitest'
import { latencyThresholds } from '../../../src/analyzer/latency.ts'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import { type DecisionRecord, replay } from '../../../src/analyzer/guard/guard.ts'
import { explain } from '../../../src/analyzer/guard/sentence.ts'
import { Case, type CaseOptions, type SavedCase } from '../../../src/control/judge/case.ts'
import { Words } from './words.ts'

const WEIGHT_BP = 2_500
const STABLE = 0
const CANARY = 1
const NOW = { weightBp: WEIGHT_BP, stepKey: null, isSteady: true }
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
  return {
    words,
    one,
    tick: (now: Partial<typeof NOW> = {}) => one.tick(CELLS, { ...NOW, ...now }),
  }
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

/** Returns the tick of the decision, and by which check. */
function runSlow(options: Partial<CaseOptions>, ticks: number) {
  const { words, one, tick } = start(options)
  for (let n = 1; n <= ticks; n++) {
    words.settle(STABLE, 'ok', 8)
    words.settle(CANARY, 'ok', 2, 50_000)
    if (tick() !== null) return { n, by: one.evidence().decision!.by }
  }
  return null
}

describe('a canary that answers late', () => {
  test('is not judged by that while an endpoint is fresh, and is soon after', () => {
    const { words, one, tick } = start({ thresholds: thresholdsAt5ms() })
    const settle = () => {
      words.settle(STABLE, 'ok', 6)
      words.settle(CANARY, 'ok', 2, 50_000)
    }
    for (let n = 0; n < 300; n++) {
      settle()
      expect(tick({ isSteady: false })).toBeNull()
    }
    expect(one.isTimed).toBe(false)
    let tickCount = 0
    for (; tick() === null && tickCount < 100; tickCount++) settle()
    expect(one.isTimed).toBe(true)
    expect(tickCount).toBeLessThan(25)
    expect(one.evidence().decision).toMatchObject({ by: 'latency' })
  })

  test('and fails is taken back for that, however fresh its endpoints are', () => {
    const { words, tick } = start({ thresholds: thresholdsAt5ms() })
    let tickCount = 0
    for (; tick({ isSteady: false }) === null && tickCount < 50; tickCount++) {
      words.settle(STABLE, 'ok', 6)
      words.settle(CANARY, 'errors', 2)
    }
    expect(tickCount).toBeLessThan(10)
  })

  test('is taken back 2 s after its warm-up of 200 requests', () => {
    const found = runSlow({ thresholds: thresholdsAt5ms() }, 200)
    expect(found).toMatchObject({ by: 'latency' })
    expect(found!.n).toBeGreaterThan(110)
    expect(found!.n).toBeLessThan(125)
  })

  test('is not taken back for what one pause of a process holds up', () => {
    const { words, tick } = start({ thresholds: thresholdsAt5ms() })
    for (let n = 0; n < 600; n++) {
      const isHeldUp = n % 200 > 196
      words.settle(STABLE, 'ok', 6, n % 20 === 0 ? 6_000 : 5_000)
      words.settle(CANARY, 'ok', 2, isHeldUp ? 50_000 : 5_000)
      expect(tick()).toBeNull()
    }
  })

  test('is not compared with what nobody knows: stable has to show 500 answers first', () => {
    expect(runSlow({}, 100)).toBeNull()
    // Slots of 10 s: at the first end there are 800.
    expect(runSlow({}, 200)!.n).toBeGreaterThan(100)
  })
})

describe('a decision', () => {
  test.for([0, 7, 10, 35])('after %i quiet ticks can be computed again', (quietCount) => {
    const { words, one, tick } = start({ thresholds: thresholdsAt5ms() })
    for (let n = 0; n < quietCount; n++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, 'ok', 2)
      tick()
    }
    expect([one.decision, one.record]).toEqual([null, null])
    let decision = null
    for (let n = 0; n < 50 && decision === null; n++) {
      words.settle(STABLE, 'ok', 8)
      words.settle(CANARY, 'errors', 2)
      decision = tick()
    }
    const { config, plan, ...story }: DecisionRecord = JSON.parse(JSON.stringify(one.record))
    expect(story.ticks.length).toBeLessThanOrEqual(10)
    const evidence = replay(config, plan, story)
    expect(evidence.decision).toEqual(decision)
    expect(explain(evidence)).toBe(one.sentence())
    words.settle(CANARY, 'errors', 20)
    tick()
    expect(one.record).toMatchObject({ ticks: { length: story.ticks.length } })
  })

  test('of an earlier process is known, but not what it was reached by', () => {
    const earlier = start()
    while (earlier.tick() === null) {
      earlier.words.settle(STABLE, 'ok', 8)
      earlier.words.settle(CANARY, 'errors', 2)
    }
    const saved: SavedCase = JSON.parse(JSON.stringify(earlier.one.save()))
    const { one, tick } = start({ saved })
    expect(one.decision).toMatchObject({ action: 'abort' })
    tick()
    expect(one.record).toBeNull()
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
