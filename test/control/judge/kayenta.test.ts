import { expect, test } from 'vitest'
import { BIN_COUNT, binIndex } from '../../../src/analyzer/histogram.ts'
import type { WindowCounts } from '../../../src/analyzer/window.ts'
import { Analysis } from '../../../src/control/config/schema-analysis.ts'
import { KayentaBench, type KeptPoints } from '../../../src/control/judge/kayenta.ts'
import { replayDemand } from '../../../src/control/providers/replay.ts'
import type { RunningRollout } from '../../../src/control/rollout/book.ts'
import type { EvidenceOf } from '../../../src/control/rollout/engine.ts'
import type { Rollout } from '../../../src/control/rollout/state.ts'
import { seededRandom } from '../../sim/random.ts'
import { started } from '../rollout/fixtures.ts'

/** A thousand requests, of which such a share failed, with latencies around a time. */
function windowOf(errorRatio: number, aroundUs: number, random: () => number): WindowCounts {
  const latency = new Float64Array(BIN_COUNT)
  let errorCount = 0
  for (let i = 0; i < 1_000; i++) {
    if (random() < errorRatio) errorCount++
    latency[binIndex(aroundUs * (0.5 + random()))]! += 1
  }
  return { requestCount: 1_000, errorCount, latency }
}

function live(state: Rollout): RunningRollout {
  if ('endedAtMs' in state) throw new Error('it has ended')
  return state
}

const ROLLOUT = live(started())

class Bench {
  nowMs = 0
  settings
  canary = { errorRatio: 0.05, aroundUs: 10_000 }
  readonly opened: (EvidenceOf & { isOpen: boolean })[] = []
  readonly said: string[] = []
  readonly bench: KayentaBench
  /** What it has kept. */
  readonly kept = new Map<string, KeptPoints>()

  /** `earlier`: what another has kept. */
  constructor(
    kayenta: object = {},
    judge = 'kayenta',
    earlier: ReadonlyMap<string, KeptPoints> = new Map(),
  ) {
    this.settings = Analysis.parse({ judge, kayenta: { points: 5, ...kayenta } }).judge
    const random = seededRandom(3)
    const say = (message: string) => void this.said.push(message)
    this.bench = new KayentaBench({
      settings: () => this.settings,
      shelf: {
        kept: earlier,
        keep: (rollout, points) => {
          if (points === null) this.kept.delete(rollout)
          else this.kept.set(rollout, JSON.parse(JSON.stringify(points)) as KeptPoints)
        },
      },
      clock: { nowMs: () => this.nowMs },
      log: { warn: say, error: say },
      openEvidence: (of) => {
        const evidence = { ...of, isOpen: true }
        this.opened.push(evidence)
        const stable = { errorRatio: 0.05, aroundUs: 10_000 }
        return {
          counts: () => {
            const { errorRatio, aroundUs } = of.variant === 'stable' ? stable : this.canary
            return windowOf(errorRatio, aroundUs, random)
          },
          close: () => {
            evidence.isOpen = false
          },
        }
      },
    })
  }

  get openCount(): number {
    return this.opened.filter(({ isOpen }) => isOpen).length
  }

  /** Lets so many intervals of a minute go by. */
  pass(count: number, rollout = ROLLOUT): void {
    for (let i = 0; i < count; i++) {
      this.bench.tick([rollout])
      this.nowMs += 60_000
    }
    this.bench.tick([rollout])
  }
}

test.for(['kayenta', 'kayenta-exact'])('%s passes a canary that is as stable is', (judge) => {
  const house = new Bench({}, judge)
  house.pass(4)
  expect(house.bench.standings(ROLLOUT)).toMatchObject([
    {
      name: 'kayenta',
      state: 'running',
      sentence: "Kayenta's judge has 4 of the 5 points that it waits for",
    },
  ])
  house.pass(40)
  expect(house.bench.demands(ROLLOUT)).toEqual([])
  expect(['pass', 'inconclusive']).toContain(house.bench.standings(ROLLOUT)[0]?.state)
  expect(house.said).toEqual([])
})

test('a canary that is worse is told of, and pauses the rollout', () => {
  const house = new Bench()
  house.canary = { errorRatio: 0.2, aroundUs: 30_000 }
  house.pass(5)
  expect(house.bench.demands(ROLLOUT)).toMatchObject([{ id: 'kayenta/5', action: 'pause' }])
  expect(house.bench.demands(ROLLOUT)[0]?.sentence).toContain("Kayenta's score is 0, below 75")
  // The same failure goes on, and asks for nothing new.
  house.pass(3)
  expect(house.bench.demands(ROLLOUT)).toMatchObject([{ id: 'kayenta/5' }])
  expect(house.bench.standings(ROLLOUT)).toMatchObject([{ state: 'fail' }])
})

test('after a restart it goes on with its points and with what it demanded', () => {
  const first = new Bench()
  first.canary = { errorRatio: 0.2, aroundUs: 30_000 }
  first.pass(4)
  const second = new Bench({}, 'kayenta', first.kept)
  second.canary = first.canary
  expect(second.bench.standings(ROLLOUT)[0]?.sentence).toContain('4 of the 5 points')
  second.pass(1)
  const demands = second.bench.demands(ROLLOUT)
  expect(demands).toMatchObject([{ id: 'kayenta/5', replay: { kind: 'kayenta', pointCount: 5 } }])
  expect(replayDemand(demands[0]!.replay!).sentence).toBe(demands[0]!.sentence)
  const third = new Bench({}, 'kayenta', second.kept)
  third.pass(0)
  expect(third.bench.demands(ROLLOUT)).toEqual(demands)
  third.bench.tick([])
  expect(third.kept.size).toBe(0)
  const other = new Bench({ points: 6 }, 'kayenta', second.kept)
  other.pass(0)
  expect(other.bench.standings(ROLLOUT)[0]?.sentence).toContain('0 of the 6 points')
})

test('it says so alone, or takes back, where the configuration says that', () => {
  const bad = { errorRatio: 0.2, aroundUs: 30_000 }
  const warned = new Bench({ onFailure: 'warn' })
  warned.canary = bad
  warned.pass(8)
  expect(warned.bench.demands(ROLLOUT)).toEqual([])
  expect(warned.said).toHaveLength(1)
  const taken = new Bench({ onFailure: 'abort' })
  taken.canary = bad
  taken.pass(5)
  expect(taken.bench.demands(ROLLOUT)).toMatchObject([{ action: 'abort' }])
})

test('each interval has windows of its own, and only while the canary has traffic', () => {
  const house = new Bench()
  house.pass(2)
  expect(house.opened.map(({ variant, windowMs }) => `${variant} ${windowMs}`)).toEqual(
    Array.from({ length: 3 }, () => ['canary 120000', 'stable 120000']).flat(),
  )
  expect(house.openCount).toBe(2)
  const idle = live({ ...ROLLOUT, weightBp: 0 })
  house.bench.tick([idle])
  expect(house.openCount).toBe(0)
  house.pass(1)
  expect(house.bench.standings(ROLLOUT)[0]?.sentence).toContain('3 of the 5 points')
  house.bench.tick([])
  expect(house.openCount).toBe(0)
  expect(house.bench.standings(ROLLOUT)).toEqual([])
})

test('another attempt, or other settings, begin anew; without settings there is nothing', () => {
  const house = new Bench()
  house.pass(3)
  const second = live({ ...ROLLOUT, attempt: 2 })
  house.pass(1, second)
  expect(house.bench.standings(ROLLOUT)).toEqual([])
  expect(house.bench.standings(second)[0]?.sentence).toContain('1 of the 5 points')
  house.settings = Analysis.parse({ judge: 'kayenta', kayenta: { points: 6 } }).judge
  house.bench.tick([second])
  expect(house.bench.standings(second)[0]?.sentence).toContain('0 of the 6 points')
  house.settings = null
  house.bench.tick([second])
  expect(house.openCount).toBe(0)
  expect(house.bench.standings(second)).toEqual([])
})

test('what cannot be opened is told, and the others go on', () => {
  const bench = new KayentaBench({
    settings: () => Analysis.parse({ judge: 'kayenta' }).judge,
    clock: { nowMs: () => 0 },
    log: { warn: () => {}, error: (message) => void said.push(message) },
    openEvidence: () => {
      throw new RangeError('too many')
    },
  })
  const said: string[] = []
  bench.tick([ROLLOUT])
  expect(said).toEqual(['Kayenta\'s judge cannot look at rollout "shop-1"'])
})

test('many rollouts take turns, one a tick', () => {
  const house = new Bench()
  const both = [ROLLOUT, live({ ...ROLLOUT, id: 'pay-1', route: 'pay' })]
  house.bench.tick(both)
  expect(house.openCount).toBe(4)
  house.nowMs += 60_000
  house.bench.tick(both)
  const pointsOf = () => both.map((each) => house.bench.standings(each)[0]?.sentence.slice(20, 21))
  expect(pointsOf()).toEqual(['1', '0'])
  house.bench.tick(both)
  expect(pointsOf()).toEqual(['1', '1'])
})
