/** Cases of sticky routes: what counts are units, each once for each kind of bad outcome. */

import { expect, test } from 'vitest'
import type { GuardEvidence } from '../../../src/analyzer/guard/evidence.ts'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import { latencyThresholds } from '../../../src/analyzer/latency.ts'
import { Case, type CaseOptions } from '../../../src/control/judge/case.ts'
import { CLIENT_ERROR, ERROR, OK } from '../../../src/proxy/settlement/ring.ts'
import { UnitTraffic } from './unit-traffic.ts'
import { Words } from './words.ts'

const WEIGHT_BP = 2_500
const STABLE = 0
const CANARY = 1
const NOW = { weightBp: WEIGHT_BP, stepKey: null, isSteady: true }
const CELLS = new Map([[WEIGHT_BP, { stable: STABLE, canary: CANARY }]])

type Send = UnitTraffic['send']

function start(options: Partial<CaseOptions> = {}) {
  const words = new Words()
  const one = new Case({
    plan: { tickMs: 100, horizonMs: 3_600_000, stepCount: 3 },
    isSticky: true,
    thresholds: [],
    segments: words.segments,
    ...options,
  })
  const traffic = new UnitTraffic(words)
  const tick = () => {
    traffic.settle(one.unitLimitsUs)
    return one.tick(CELLS, NOW)
  }
  tick()
  return { one, traffic, tick, send: traffic.send.bind(traffic) }
}

/** `turn`: what happens in tick n; ends with the tick of a decision. */
function run(
  turn: (send: Send, n: number) => void,
  options: Partial<CaseOptions> = {},
  ticks = 400,
) {
  const { one, traffic, tick, send } = start(options)
  for (let n = 0; n < ticks; n++) {
    turn(send, n)
    const decision = tick()
    if (decision !== null) return { n, one, traffic, by: decision.by, action: decision.action }
  }
  return { n: ticks, one, traffic, by: null, action: null }
}

/** A minute of stable answers after 5 ms. */
function thresholdsAt5ms() {
  const bins = new Float64Array(BIN_COUNT)
  bins[binIndex(5_000)] = 6_000
  return latencyThresholds({ bins, unansweredCount: 0 })!
}

function isCanary(unit: number): boolean {
  return (unit * 7) % 40 < 10
}

/** Each of 400 units asks every tenth tick, a quarter of them of the canary; these are returned, the others well. */
function healthy(send: Send, n: number): readonly number[] {
  const present = Array.from({ length: 40 }, (_, i) => i * 10 + (n % 10))
  for (const unit of present) if (!isCanary(unit)) send(STABLE, unit, OK)
  return present.filter(isCanary)
}

/** One in five of the canary's units fails. */
function partlyFailing(send: Send, n: number): void {
  for (const unit of healthy(send, n)) send(CANARY, unit, unit % 50 === 0 ? ERROR : OK)
}

test('count once: a single unit that fails for ever is no evidence of the canary', () => {
  const { by, one } = run((send, n) => {
    for (const unit of healthy(send, n)) send(CANARY, unit, OK)
    for (let i = 0; i < 5; i++) send(CANARY, 1_000, ERROR)
  })
  expect(by).toBeNull()
  expect(one.evidence().checks[0]!.parts[0]!.totals).toMatchObject({
    canaryBadCount: 1,
    canaryCount: 101,
    stableCount: 300,
  })
})

test('that fail one after the other are', () => {
  const { by, n } = run((send, tick) => {
    for (const unit of healthy(send, tick)) send(CANARY, unit, ERROR)
  })
  expect([by, n]).toEqual(['failed', expect.any(Number)])
  expect(n).toBeLessThan(10)
})

test('need not be many', () => {
  const { by } = run((send, n) => {
    for (let unit = 0; unit < 36; unit++) send(STABLE, unit, OK)
    for (let unit = 36; unit < 48; unit++) send(CANARY, unit, n % 50 === 49 ? ERROR : OK)
  })
  expect(by).toBe('failed')
})

test('that are answered 4xx one after the other are', () => {
  const { by } = run((send, n) => {
    for (const unit of healthy(send, n)) send(CANARY, unit, CLIENT_ERROR)
  })
  expect(by).toBe('clientErrors')
})

test('that wait one after the other are, once the canary is warm', () => {
  const { by, n, one } = run(
    (send, tick) => {
      for (const unit of healthy(send, tick)) send(CANARY, unit, OK, 50_000)
    },
    { thresholds: thresholdsAt5ms() },
  )
  expect(by).toBe('latency')
  expect(n).toBeGreaterThanOrEqual(20)
  expect(n).toBeLessThan(40)
  expect(one.sentence()).toMatch(
    /canary units took longer than 10\.2ms \(.*\), 0 of \d+ of stable \(/,
  )
})

test('that all wait are nobody’s fault', () => {
  const { by } = run(
    (send, n) => {
      for (const unit of healthy((cell, id, result) => send(cell, id, result, 50_000), n)) {
        send(CANARY, unit, OK, 50_000)
      }
    },
    { thresholds: thresholdsAt5ms() },
  )
  expect(by).toBeNull()
})

test('that all fail are nobody’s fault', () => {
  const { by } = run((send, n) => {
    for (const unit of healthy((cell, id) => send(cell, id, null), n)) send(CANARY, unit, null)
  })
  expect(by).toBeNull()
})

test('show that a canary is good by their first requests', () => {
  const { one } = run((send, n) => {
    for (let i = 0; i < 15; i++) send(STABLE, 15 * n + i, OK)
    for (let i = 0; i < 5; i++) send(CANARY, 10_000 + 5 * n + i, OK)
  })
  expect(one.evidence().promotion).toMatchObject({ isReached: true })
})

test('are what the splitter is checked by: a heavy one is one toss', () => {
  const { by, one } = run((send, n) => {
    for (const unit of healthy(send, n)) send(CANARY, unit, OK)
    for (let i = 0; i < 200; i++) send(CANARY, 1_000, OK)
  })
  expect(by).toBeNull()
  expect(one.evidence().ratio).toMatchObject({ canaryCount: 101, stableCount: 300 })
})

test('that do not fall as the weight says pause, and blame nobody', () => {
  const { by, action } = run((send, n) => {
    for (let i = 0; i < 10; i++) send(i % 2 === 0 ? STABLE : CANARY, 10 * n + i, OK)
  })
  expect([by, action]).toEqual(['ratio', 'pause'])
})

test('are known after a restart, each by its kinds', () => {
  const first = run(partlyFailing, {}, 20)
  const next = start({ saved: first.one.save() })
  next.traffic.units.restore(first.traffic.units.keep())
  for (let n = 20; n < 40; n++) {
    partlyFailing(next.send, n)
    next.tick()
  }
  expect(first.one.evidence().checks[0]!.parts[0]!.totals.canaryBadCount).toBeGreaterThan(0)
  // What `slo` counts are requests.
  for (const index of [0, 3]) {
    const totals = ({ checks }: GuardEvidence) => checks[index]!.parts[0]!.totals
    expect(totals(next.one.evidence())).toEqual(totals(first.one.evidence()))
  }
})
