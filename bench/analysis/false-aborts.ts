/**
 * How often a healthy canary is taken back: every shape of traffic, an hour, a look each second.
 *
 * Coins are looked at by the largest evidence of the hour, so that one run tells about every alpha. All judges see the
 * same traces.
 */

import { FailedCoin, GuardFeed, SIMULATED_GUARD, STRICT, TOLERANT } from './judges/coin.ts'
import { type Candidate, addTick, noTotals } from './judges/judge.ts'
import { KAYENTA } from './judges/kayenta.ts'
import { PEEK } from './judges/peek.ts'
import { LOOPS } from './judges/prometheus.ts'
import { Random } from './random.ts'
import { SHAPES, type Shape } from './shapes.ts'
import { type Share, shareOf, sharesAt } from './share.ts'
import { Trace } from './trace.ts'

export const HORIZON_S = 3_600
const TICK_S = 1

export interface ShapeResult {
  readonly shape: string
  readonly words: string
  /** By coin: the share at each of `ALPHAS`. */
  readonly coins: readonly { readonly name: string; readonly shares: readonly Share[] }[]
  /** Healthy rollouts that were paused because the splitter seemed off, at 0.0001. */
  readonly paused: Share
  /** Healthy rollouts for which evidence that they are good was found. */
  readonly passed: Share
  readonly others: readonly {
    readonly name: string
    readonly isModel: boolean
    readonly share: Share
  }[]
}

const OTHERS: readonly Candidate[] = [PEEK, ...LOOPS, ...KAYENTA]

export interface FalseAbortOptions {
  readonly seed: number
  readonly runCount: number
  readonly horizonS?: number
  /** Names of shapes; default all. */
  readonly shapes?: readonly string[]
}

export function measureFalseAborts(options: FalseAbortOptions): readonly ShapeResult[] {
  const { shapes } = options
  return SHAPES.filter(({ name }) => shapes === undefined || shapes.includes(name)).map((shape) =>
    measureShape(shape, options),
  )
}

interface Run {
  readonly mostLn: readonly number[]
  readonly isPaused: boolean
  readonly isPassed: boolean
  readonly hasAborted: readonly boolean[]
}

const COINS = ['guard as it stands', 'coin, rho 1.5 + 0.1 points', 'coin, strict'] as const

function measureShape(shape: Shape, options: FalseAbortOptions): ShapeResult {
  const { seed, runCount, horizonS = HORIZON_S } = options
  const runs = Array.from({ length: runCount }, (_, run) =>
    runOnce(shape, new Random(seed, `${shape.name} ${run}`), horizonS),
  )
  const countOf = (is: (run: Run) => boolean) => shareOf(runs.filter(is).length, runCount)
  return {
    shape: shape.name,
    words: shape.words,
    coins: COINS.map((name, i) => ({ name, shares: sharesAt(runs.map((run) => run.mostLn[i]!)) })),
    paused: countOf(({ isPaused }) => isPaused),
    passed: countOf(({ isPassed }) => isPassed),
    others: OTHERS.map(({ name, isModel }, i) => ({
      name,
      isModel,
      share: countOf(({ hasAborted }) => hasAborted[i]!),
    })),
  }
}

function runOnce(shape: Shape, random: Random, horizonS: number): Run {
  const { stepCount } = shape
  const plan = { horizonS, tickS: TICK_S, stepCount }
  const trace = new Trace(random, shape.open(random, horizonS))
  const feed = new GuardFeed(SIMULATED_GUARD, plan)
  const restarts = { horizonTickCount: horizonS / TICK_S, stepCount }
  const coins = [new FailedCoin(TOLERANT, restarts), new FailedCoin(STRICT, restarts)]
  const others = OTHERS.map((candidate) => candidate.make(plan))
  const hasAborted = others.map(() => false)
  const totals = noTotals()
  let isPaused = false
  for (let atS = 0; atS < horizonS; atS += TICK_S) {
    const tick = trace.next(TICK_S)
    const { weight, isStep, canary, stable } = tick
    addTick(totals, tick)
    isPaused ||= feed.add(tick)?.by === 'ratio'
    const counts = {
      canaryCount: canary.count,
      canaryFailed: canary.failed,
      stableFailed: stable.failed,
      isStep,
    }
    for (const coin of coins) coin.add(weight, counts)
    for (let i = 0; i < others.length; i++) hasAborted[i] ||= others[i]!.look(tick, totals)
  }
  return {
    mostLn: [feed.mostLn, ...coins.map(({ mostLn }) => mostLn)],
    isPaused,
    isPassed: feed.guard.evidence().promotion?.isReached === true,
    hasAborted,
  }
}
