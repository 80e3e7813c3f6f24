/** Sluice's own: the guard as it stands, and the strict coin alone. */

import { type Tolerance, faultBets } from '../../../src/analyzer/coin/bets.ts'
import { Coin } from '../../../src/analyzer/coin/coin.ts'
import { type RestartPlan, restartMass, stepMass } from '../../../src/analyzer/coin/restarts.ts'
import { type GuardConfig, STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { Decision } from '../../../src/analyzer/guard/evidence.ts'
import { type Guard, createGuard } from '../../../src/analyzer/guard/guard.ts'
import type { SideTick, Tick } from '../trace.ts'
import type { Candidate } from './judge.ts'

/** The guard as it stands, for ticks of a quarter of a second instead of a tenth. */
export const SIMULATED_GUARD: GuardConfig = {
  ...STANDARD_GUARD,
  minimum: { ...STANDARD_GUARD.minimum, slowTickCount: 6 },
}

/** The age at which outcomes settle, in seconds. */
export const SETTLE_S = 1

export const STRICT: Tolerance = { rho: 1, delta: 0 }
export const TOLERANT: Tolerance = { rho: 1.5, delta: 0.001 }

/** One coin on failed requests, with restarts. */
export class FailedCoin {
  readonly #coin: Coin
  readonly #plan: RestartPlan
  #tickIndex = 0
  #stepsLeft: number
  /** The largest ln E so far. */
  mostLn = -Infinity

  constructor(tolerance: Tolerance, plan: RestartPlan) {
    this.#coin = new Coin(faultBets(tolerance))
    this.#plan = plan
    this.#stepsLeft = plan.stepCount
  }

  /** Bets on a tick of failures at the odds of a weight; returns ln E. */
  add(
    weight: number,
    tick: { canaryCount: number; canaryFailed: number; stableFailed: number; isStep?: boolean },
  ): number {
    let mass = restartMass(this.#plan, this.#tickIndex++)
    if (tick.isStep === true && this.#stepsLeft > 0) {
      mass += stepMass(this.#plan)
      this.#stepsLeft--
    }
    this.#coin.invest(mass)
    this.#coin.bet(weight / (1 - weight), {
      canaryBadCount: tick.canaryFailed,
      canaryOkCount: tick.canaryCount - tick.canaryFailed,
      stableBadCount: tick.stableFailed,
    })
    const ln = this.#coin.lnEvidence
    if (ln > this.mostLn) this.mostLn = ln
    return ln
  }
}

/** Feeds a guard with ticks of a trace. */
export class GuardFeed {
  readonly guard: Guard
  #mostLn = -Infinity

  constructor(config: GuardConfig, plan: { horizonS: number; tickS: number; stepCount: number }) {
    this.guard = createGuard(config, {
      tickMs: plan.tickS * 1_000,
      horizonMs: plan.horizonS * 1_000,
      stepCount: plan.stepCount,
    })
  }

  /** The largest ln E so far. */
  get mostLn(): number {
    return this.#mostLn
  }

  add({ weight, isStep, canary, stable }: Tick): Decision | null {
    const weightBp = Math.round(weight * 10_000)
    const epochs = [{ weightBp, canary: outcomes(canary), stable: outcomes(stable) }]
    const decision = this.guard.add({ epochs, isStep })
    this.#mostLn = Math.max(this.#mostLn, this.guard.lnEvidence)
    return decision
  }
}

function outcomes({ count, failed, clientErrors, slow }: SideTick) {
  return {
    requestCount: count,
    failedCount: failed,
    clientErrorCount: clientErrors,
    timedCount: count,
    slowCounts: slow,
  }
}

/** The two as candidates at alpha 0.001. */
export const SLUICE: readonly Candidate[] = [
  {
    name: 'Sluice, guard as it stands',
    isModel: false,
    make: (plan) => {
      const feed = new GuardFeed(SIMULATED_GUARD, plan)
      return { delayS: SETTLE_S, look: (tick) => feed.add(tick)?.action === 'abort' }
    },
  },
  {
    name: 'Sluice, strict coin alone',
    isModel: false,
    make: ({ horizonS, tickS, stepCount }) => {
      const coin = new FailedCoin(STRICT, { horizonTickCount: horizonS / tickS, stepCount })
      const lnLimit = -Math.log(STANDARD_GUARD.alpha)
      return {
        delayS: SETTLE_S,
        look: ({ weight, isStep, canary, stable }) =>
          coin.add(weight, {
            canaryCount: canary.count,
            canaryFailed: canary.failed,
            stableFailed: stable.failed,
            isStep,
          }) >= lnLimit,
      }
    },
  },
]
