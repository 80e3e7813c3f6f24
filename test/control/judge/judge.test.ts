import { describe, expect, test } from 'vitest'
import { CELL_LIMIT } from '../../../src/analyzer/settled.ts'
import { Judge, type KeptEvidence } from '../../../src/control/judge/judge.ts'
import { Settlements } from '../../../src/control/judge/settlements.ts'
import type { RunningRollout } from '../../../src/control/rollout/book.ts'
import { isEnded } from '../../../src/control/rollout/actions.ts'
import { GUARD, PLAN, started } from '../rollout/fixtures.ts'
import { Words } from './words.ts'

function running(changes: Partial<RunningRollout> = {}): RunningRollout {
  const rollout = started({ ...PLAN, guard: { ...GUARD, coin: true } })
  if (isEnded(rollout)) throw new Error('it runs')
  return { ...rollout, ...changes } as RunningRollout
}

function start(kept: ReadonlyMap<string, KeptEvidence> = new Map()) {
  const words = new Words()
  const clock = { nowMs: 0, isSticky: false }
  const settlements = new Settlements({
    nowMs: () => clock.nowMs,
    stableP99Us: () => null,
    kept: () => null,
  })
  const saved = new Map<string, KeptEvidence | null>()
  const warnings: string[] = []
  const judge = new Judge({
    settlements,
    segments: words.segments,
    isSticky: () => clock.isSticky,
    isSteady: () => true,
    thresholds: () => [],
    kept,
    keep: (rollout, evidence) => void saved.set(rollout, evidence),
    log: { debug() {}, info() {}, error() {}, warn: (message) => void warnings.push(message) },
  })
  const publish = ({ route, id, attempt, weightBp }: RunningRollout) =>
    settlements.obtain(
      { route, rollout: id, attempt, isSticky: clock.isSticky, ageMs: null },
      weightBp,
    )!.pair
  return { words, clock, judge, settlements, saved, warnings, publish }
}

test('a bad canary is ruled out, with the sentence and the evidence', () => {
  const { words, judge, publish } = start()
  const rollout = running()
  const { stable, canary } = publish(rollout)
  judge.tick([rollout])
  expect([judge.decision(rollout), judge.opinion(rollout)!.canaryCount]).toEqual([null, 0])
  for (let n = 0; n < 20; n++) {
    words.settle(stable, 'ok', 19)
    words.settle(canary, 'errors', 1)
    judge.tick([rollout])
  }
  expect(judge.decision(rollout)).toMatchObject({
    decision: { action: 'abort' },
    sentence: expect.stringMatching(/^The guard aborts/),
    evidence: { decision: { action: 'abort' } },
  })
})

test.for([
  ['warn', ['shop-1: The guard warns']],
  ['pause', []],
] as const)('where a check says %s, that is what is decided by it', ([action, said]) => {
  const { words, judge, warnings, publish } = start()
  const { plan, ...rest } = running()
  const guard = { ...plan.guard, actions: { failed: action, slo: action } }
  const rollout = running({ ...rest, plan: { ...plan, guard } })
  const { stable, canary } = publish(rollout)
  judge.tick([rollout])
  for (let n = 0; n < 60; n++) {
    words.settle(stable, 'ok', 19)
    words.settle(canary, 'errors', 1)
    judge.tick([rollout])
  }
  expect(judge.decision(rollout)?.decision).toMatchObject({ action })
  expect(warnings.map((line) => line.split(':', 2).join(':'))).toEqual(said)
})

function firstCheck(judge: Judge, rollout: RunningRollout) {
  return judge.opinion(rollout)!.evidence.checks[0]
}

describe('evidence belongs to an attempt', () => {
  test('a retry begins with none', () => {
    const { words, judge, publish } = start()
    const first = running()
    const { stable, canary } = publish(first)
    judge.tick([first])
    for (let n = 0; n < 20; n++) {
      words.settle(stable, 'ok', 19)
      words.settle(canary, 'errors', 1)
      judge.tick([first])
    }
    const second = running({ attempt: 2 })
    expect([judge.decision(second), judge.opinion(second)]).toEqual([null, null])
    publish(second)
    judge.tick([second])
    expect(judge.decision(second)).toBeNull()
    expect(judge.opinion(second)!.canaryCount).toBe(0)
  })

  test('each second it is kept, and when all is; when it is over it is forgotten', () => {
    const { judge, saved, publish } = start()
    const rollout = running()
    publish(rollout)
    for (let n = 0; n < 9; n++) judge.tick([rollout])
    expect(saved.size).toBe(0)
    judge.tick([rollout])
    expect(saved.get(rollout.id)).toMatchObject({ attempt: 1, ageMs: 1_000, units: '' })
    saved.clear()
    judge.keepAll()
    expect(saved.get(rollout.id)).toMatchObject({ attempt: 1 })
    judge.tick([])
    expect(saved.get(rollout.id)).toBeNull()
    expect(judge.opinion(rollout)).toBeNull()
  })

  test('what an earlier process kept goes on in the same attempt only', () => {
    const earlier = start()
    const rollout = running()
    const { stable, canary } = earlier.publish(rollout)
    earlier.judge.tick([rollout])
    earlier.words.settle(stable, 'ok', 100)
    earlier.words.settle(canary, 'errors', 2)
    earlier.judge.tick([rollout])
    earlier.judge.keepAll()
    const kept: ReadonlyMap<string, KeptEvidence> = new Map([
      [rollout.id, JSON.parse(JSON.stringify(earlier.saved.get(rollout.id)))],
    ])
    const later = start(kept)
    later.publish(rollout)
    later.judge.tick([rollout])
    expect(firstCheck(later.judge, rollout)).toMatchObject({
      parts: [{ totals: { canaryBadCount: 2, stableCount: 100 } }],
    })
    const retried = running({ attempt: 2 })
    later.publish(retried)
    later.judge.tick([retried])
    expect(firstCheck(later.judge, retried)).toMatchObject({
      parts: [{ totals: { canaryBadCount: 0, stableCount: 0 } }],
    })
  })
})

test('rollouts that are over between two ticks use up no cells', () => {
  const { clock, judge, publish } = start()
  for (let n = 0; n < 1_000; n++) {
    expect(publish(running({ attempt: n })).canary).toBeLessThan(CELL_LIMIT)
    clock.nowMs += 1_000
    judge.tick([])
  }
})

test('of cells that come back from another attempt only what settles from then on counts', () => {
  const { words, clock, judge, publish } = start()
  const rollout = running({ weightBp: 500 })
  const first = publish(rollout)
  judge.tick([rollout])
  words.settle(first.canary, 'ok', 10)
  judge.tick([rollout])
  const wider = { ...rollout, weightBp: 2_500 }
  publish(wider)
  const others = Array.from({ length: CELL_LIMIT / 2 - 2 }, (_, n) =>
    running({ id: `other-${n}`, weightBp: 1 }),
  )
  for (const other of others) publish(other)
  clock.nowMs = 15_000
  const late = running({ id: 'late-1', weightBp: 1 })
  expect(publish(late)).toEqual(first)
  judge.tick([wider, late, ...others])
  words.settle(first.canary, 'errors', 7)
  judge.tick([wider, late, ...others.slice(1)])
  clock.nowMs = 30_000
  judge.tick([wider, ...others.slice(1)])
  clock.nowMs = 45_000
  judge.tick([wider, ...others.slice(1)])
  const again = publish(rollout)
  judge.tick([rollout, ...others.slice(1)])
  words.settle(again.canary, 'ok', 5)
  judge.tick([rollout, ...others.slice(1)])
  expect(judge.opinion(rollout)!.canaryCount).toBe(15)
  expect(judge.decision(rollout)).toBeNull()
})

test('when its route becomes sticky, a rollout is judged anew, by units', () => {
  const { words, clock, judge, warnings, publish } = start()
  const rollout = running()
  const before = publish(rollout)
  judge.tick([rollout])
  words.settle(before.canary, 'errors', 15)
  judge.tick([rollout])
  clock.isSticky = true
  const after = publish(rollout)
  expect(after).not.toEqual(before)
  judge.tick([rollout])
  words.settle(after.canary, 'errors', 15)
  judge.tick([rollout])
  expect(warnings).toEqual([
    'The evidence of "shop-1" begins anew: "sticky" of its route has changed',
  ])
  const { evidence, canaryCount } = judge.opinion(rollout)!
  expect([evidence.isSticky, canaryCount]).toEqual([true, 15])
  expect(evidence.checks[0]!.parts[0]!.totals.canaryBadCount).toBe(0)
})

test('what begins at once is kept in turn', () => {
  const { judge, saved, publish } = start()
  const rollouts = Array.from({ length: 50 }, (_, n) => running({ id: `shop-${n}` }))
  for (const rollout of rollouts) publish(rollout)
  const counts = Array.from({ length: 20 }, () => {
    saved.clear()
    judge.tick(rollouts)
    return saved.size
  })
  expect(counts).toEqual(Array.from({ length: 20 }, () => 5))
})

test('evidence of a rollout that ended as the process did is forgotten by the next one', () => {
  const kept = JSON.parse('{"attempt":1,"ageMs":1000,"units":"","saved":{}}')
  const rollout = running()
  const { judge, saved, publish } = start(new Map([['ended-1', kept]]))
  publish(rollout)
  judge.tick([rollout])
  expect([...saved]).toEqual([['ended-1', null]])
  saved.clear()
  judge.tick([rollout])
  expect(saved.size).toBe(0)
})

test('kept evidence that does not fit is left, and said so', () => {
  const broken = JSON.parse('{"attempt":1,"ageMs":1000,"units":[],"saved":{"guard":{"checks":[]}}}')
  const { judge, warnings, publish } = start(new Map([['shop-1', broken]]))
  const rollout = running()
  publish(rollout)
  judge.tick([rollout])
  judge.tick([rollout])
  expect(warnings).toEqual(['The evidence of "shop-1" begins anew: what was kept does not fit'])
  expect(judge.opinion(rollout)!.evidence.tickCount).toBe(2)
})

test('the figures outlive their rollouts, and count a decision once', () => {
  const { words, judge, saved, publish } = start()
  const rollout = running()
  const { stable, canary } = publish(rollout)
  judge.tick([rollout])
  for (let n = 0; n < 20; n++) {
    words.settle(stable, 'ok', 19)
    words.settle(canary, 'errors', 1)
    judge.tick([rollout])
  }
  expect(judge.figures()).toMatchObject({
    running: [{ route: 'shop', rollout: 'shop-1', evidence: { decision: { action: 'abort' } } }],
    settled: [
      { route: 'shop', variant: 'stable', count: 380 },
      { route: 'shop', variant: 'canary', count: 20 },
    ],
    decisions: [{ action: 'abort', by: 'slo', count: 1 }],
  })
  judge.keepAll()
  const kept = new Map([[rollout.id, saved.get(rollout.id)!]])
  judge.tick([])
  expect(judge.figures()).toMatchObject({ running: [], settled: [{ count: 380 }, { count: 20 }] })

  const later = start(kept)
  later.publish(rollout)
  later.judge.tick([rollout])
  expect(later.judge.decision(rollout)).toMatchObject({
    decision: { action: 'abort' },
    record: null,
  })
  expect(later.judge.figures().decisions).toEqual([])
})

test('a rollout that asks for no comparison has no opinion, decision or figure', () => {
  const { words, judge, publish } = start()
  const { plan } = running()
  const rollout = running({ plan: { ...plan, guard: { ...plan.guard, coin: false } } })
  const { canary } = publish(rollout)
  judge.tick([rollout])
  words.settle(canary, 'errors', 100)
  judge.tick([rollout])
  expect([judge.opinion(rollout), judge.decision(rollout)]).toEqual([null, null])
  expect(judge.figures()).toEqual({ running: [], settled: [], decisions: [] })
})

describe('a step that waits for evidence', () => {
  const STEPS = [
    { type: 'setWeight', weightBp: 500 },
    { type: 'pause', durationMs: null, dwellMs: 0 },
    { type: 'pause', durationMs: null, dwellMs: 0 },
  ] as const
  const waiting = running({ plan: { steps: STEPS, guard: { ...GUARD, coin: true } } })

  function settle(judge: Judge, words: Words, pair: { stable: number; canary: number }) {
    for (let n = 0; n < 20; n++) {
      words.settle(pair.stable, 'ok', 950)
      words.settle(pair.canary, 'ok', 50)
      judge.tick([waiting])
    }
  }

  test('has enough of it after a thousand good requests; the next begins with none', () => {
    const { words, judge, publish } = start()
    const pair = publish(waiting)
    judge.tick([waiting])
    expect(judge.opinion(waiting)!.step).toMatchObject({ isEnough: false, leastMs: null })
    settle(judge, words, pair)
    expect(judge.opinion(waiting)!.step).toMatchObject({ isEnough: true, leastMs: 0 })
    const next = { ...waiting, stepIndex: 2, stepAtMs: waiting.stepAtMs + 9 }
    judge.tick([next])
    expect(judge.opinion(next)!.step).toMatchObject({ isEnough: false, log10: 0 })
  })

  test('goes on with what was kept of it', () => {
    const { words, judge, saved, publish } = start()
    const pair = publish(waiting)
    judge.tick([waiting])
    settle(judge, words, pair)
    judge.keepAll()
    const after = start(new Map([[waiting.id, saved.get(waiting.id)!]]))
    after.publish(waiting)
    after.judge.tick([waiting])
    expect(after.judge.opinion(waiting)!.step).toMatchObject({ isEnough: true })
  })
})
