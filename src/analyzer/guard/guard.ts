/**
 * The guard: all checks of one attempt of a rollout, tick by tick.
 *
 *     tick     invest in every coin what the plan's schedule says
 *              bet on what settled, by weight
 *     decide   Σ weight · E ≥ 1 / alpha, over the checks whose action is at least as strong
 *
 * Its memory is a few numbers for each check and each weight; saved after a tick and given to a new guard, it goes on as
 * if nothing had been. Counts are differences: each request is given once.
 */

import { type ExcessInterval, excessInterval } from '../coin/interval.ts'
import { lnSum } from '../coin/coin.ts'
import { type RestartPlan, restartMass, stepMass } from '../coin/restarts.ts'
import type { LatencyThreshold } from '../latency.ts'
import { Check, type SavedCheck } from './check.ts'
import { ACTIONS, type Action, type GuardConfig, assertConfig } from './config.ts'
import { type EpochCounts, type TickCounts, assertCounts } from './counts.ts'
import { earliestOf } from './earliest.ts'
import {
  type CheckEvidence,
  type Decision,
  type GuardEvidence,
  type RatioEvidence,
  log10,
} from './evidence.ts'
import { coinOf } from './parts.ts'
import { Promotion, type SavedPromotion } from './promotion.ts'
import { type SavedTraffic, Traffic } from './traffic.ts'
import { type SavedWeights, Weights } from './weights.ts'

/** What is known of the rollout when it starts; it decides when capital is put in, never whether a verdict holds. */
export interface GuardPlan {
  /** Length of a tick in milliseconds, above 0. */
  readonly tickMs: number
  /** How long the rollout is planned to take, in milliseconds; an hour is a good guess. */
  readonly horizonMs: number
  /** Weight steps after the first. */
  readonly stepCount: number
}

/** Everything a guard remembers, safe for JSON. */
export interface SavedGuard {
  readonly version: 1
  readonly tickCount: number
  readonly stepsTaken: number
  readonly checks: readonly SavedCheck[]
  readonly weights: SavedWeights
  readonly promotion: SavedPromotion | null
  readonly isCoinBroken: boolean
  readonly decision: Decision | null
  readonly traffic: SavedTraffic
  readonly thresholds: readonly (LatencyThreshold | null)[]
}

/**
 * Returns a guard for one attempt, which goes on from what another of the same configuration saved.
 *
 * Throws a RangeError when the configuration is out of range or `saved` does not fit to it.
 */
export function createGuard(config: GuardConfig, plan: GuardPlan, saved?: SavedGuard): Guard {
  assertConfig(config)
  return new Guard(config, plan, saved)
}

/** What a guard was fed with: from an earlier save (else from nothing) to where it is to be again. */
export interface Story {
  readonly from?: SavedGuard | undefined
  readonly ticks: readonly TickCounts[]
}

/** All that a decision was reached by, safe for JSON: who has it can reach the decision again. */
export interface DecisionRecord extends Story {
  readonly config: GuardConfig
  readonly plan: GuardPlan
}

/** Returns what a guard would say after those ticks: a past verdict can be checked so. Throws as `createGuard`. */
export function replay(config: GuardConfig, plan: GuardPlan, story: Story): GuardEvidence {
  const guard = createGuard(config, plan, story.from)
  for (const counts of story.ticks) guard.add(counts)
  return guard.evidence()
}

export class Guard {
  readonly #config: GuardConfig
  readonly #plan: GuardPlan
  readonly #restarts: RestartPlan
  readonly #checks: readonly Check[]
  readonly #weights: Weights
  readonly #promotion: Promotion | null
  readonly #traffic: Traffic
  readonly #lnLimit: number
  #thresholds: readonly (LatencyThreshold | null)[]
  #tickCount: number
  #stepsTaken: number
  #isCoinBroken: boolean
  #decision: Decision | null

  constructor(config: GuardConfig, plan: GuardPlan, saved?: SavedGuard) {
    if (saved !== undefined) assertFits(saved, config)
    this.#config = config
    this.#plan = plan
    this.#restarts = {
      horizonTickCount: Math.max(1, Math.round(plan.horizonMs / plan.tickMs)),
      stepCount: plan.stepCount,
    }
    this.#checks = config.checks.map((check, i) => new Check(check, config, saved?.checks[i]))
    this.#weights = new Weights(saved?.weights)
    this.#promotion =
      config.promotion === null
        ? null
        : new Promotion(config.promotion, saved?.promotion ?? undefined)
    this.#traffic = new Traffic(plan.tickMs, saved?.traffic)
    this.#lnLimit = -Math.log(config.alpha)
    this.#thresholds = saved?.thresholds ?? []
    this.#tickCount = saved?.tickCount ?? 0
    this.#stepsTaken = saved?.stepsTaken ?? 0
    this.#isCoinBroken = saved?.isCoinBroken ?? false
    this.#decision = saved?.decision ?? null
  }

  /** Counts what settled in a tick and returns what is known then. Throws a RangeError on counts that are none. */
  tick(counts: TickCounts): GuardEvidence {
    this.add(counts)
    return this.evidence()
  }

  /** ln E of all checks together, of what is enough to act on; for those who look at it more often than at words. */
  get lnEvidence(): number {
    return this.#joint('warn').ln
  }

  /** Whether requests do not fall by their weights, so that no comparison can be trusted. */
  get isCoinBroken(): boolean {
    return this.#isCoinBroken
  }

  /** Counts what settled in a tick, without putting it into words. Returns what has been decided so far. */
  add(counts: TickCounts): Decision | null {
    assertCounts(counts, this.#config.isSticky)
    this.#invest(counts.isStep === true)
    this.#thresholds = counts.thresholds ?? this.#thresholds
    for (const epoch of counts.epochs) this.#bet(epoch)
    this.#traffic.add(counts.epochs)
    this.#decide()
    this.#tickCount++
    return this.#decision
  }

  evidence(): GuardEvidence {
    const { requestsPerSecond, weightBp } = this.#traffic
    const checks = this.#checks.map((check) => check.evidence(this.#lnLimit, this.#thresholds))
    const most = checks.reduce((lead, check) => (partOf(check) > partOf(lead) ? check : lead))
    const lnAll = checks.reduce((ln, check) => lnSum(ln, partOf(check) * Math.LN10), -Infinity)
    return {
      tickCount: this.#tickCount,
      elapsedMs: this.#tickCount * this.#plan.tickMs,
      decision: this.#decision,
      log10: log10(lnAll),
      limitLog10: log10(this.#lnLimit),
      isSticky: this.#config.isSticky,
      weighsMost: most.name,
      checks,
      ratio: this.#ratio(),
      promotion: this.#promotion?.evidence() ?? null,
      traffic: { requestsPerSecond, weightBp },
      earliest: earliestOf(this.#config, [most, ...checks], { requestsPerSecond, weightBp }),
    }
  }

  /**
   * How much more of the canary's requests fail than `rho` times as many of stable's: an interval for display, at a
   * confidence of `1 - alpha`. Takes about a hundred times as long as a tick.
   */
  excess(rho = 1, alpha = 0.05): ExcessInterval {
    return excessInterval(this.#weights.coinTotals, rho, alpha)
  }

  save(): SavedGuard {
    return {
      version: 1,
      tickCount: this.#tickCount,
      stepsTaken: this.#stepsTaken,
      checks: this.#checks.map((check) => check.save()),
      weights: this.#weights.save(),
      promotion: this.#promotion?.save() ?? null,
      isCoinBroken: this.#isCoinBroken,
      decision: this.#decision,
      traffic: this.#traffic.save(),
      thresholds: this.#thresholds,
    }
  }

  #invest(isStep: boolean): void {
    let mass = restartMass(this.#restarts, this.#tickCount)
    if (isStep && this.#stepsTaken < this.#restarts.stepCount) {
      mass += stepMass(this.#restarts)
      this.#stepsTaken++
    }
    if (mass > 0) for (const check of this.#checks) check.invest(mass)
  }

  #bet(epoch: EpochCounts): void {
    const { weightBp } = epoch
    if (weightBp === 0) return
    for (const check of this.#checks) check.add(this.#tickCount, epoch)
    const canary = coinOf(epoch.canary, this.#config.isSticky)
    const stable = coinOf(epoch.stable, this.#config.isSticky)
    this.#weights.add({
      weightBp,
      canaryCount: canary.requestCount,
      canaryBadCount: canary.failedCount,
      stableCount: stable.requestCount,
      stableBadCount: stable.failedCount,
    })
    this.#promotion?.add(epoch, this.#config.isSticky)
  }

  #decide(): void {
    const { ratio } = this.#config
    if (ratio !== null && !this.#isCoinBroken) {
      this.#isCoinBroken = this.#weights.lnMismatch >= -Math.log(ratio.alpha)
      if (this.#isCoinBroken) this.#reach(ratio.action, 'ratio', this.#weights.lnMismatch)
    }
    if (!this.#isCoinBroken) this.#promotion?.decide()
    // All checks together are more than any of them.
    if (this.lnEvidence < this.#lnLimit) return
    for (const action of ACTIONS) {
      if (!isStronger(action, this.#decision?.action)) return
      const { ln, by } = this.#joint(action)
      if (by !== null && ln >= this.#lnLimit) this.#reach(action, by, ln)
    }
  }

  /** The evidence of all checks whose action is at least that strong, and the one with the largest part in it. */
  #joint(action: Action): { readonly ln: number; readonly by: Decision['by'] | null } {
    let ln = -Infinity
    let most = -Infinity
    let by: Decision['by'] | null = null
    for (const check of this.#checks) {
      if (isStronger(action, check.config.action)) continue
      const part = Math.log(check.weight) + check.lnEvidence(!this.#isCoinBroken)
      ln = lnSum(ln, part)
      if (part <= most) continue
      most = part
      by = check.config.type
    }
    return { ln, by }
  }

  #reach(action: Action, by: Decision['by'], ln: number): void {
    if (!isStronger(action, this.#decision?.action)) return
    const lnLimit = by === 'ratio' ? -Math.log(this.#config.ratio!.alpha) : this.#lnLimit
    this.#decision = {
      action,
      by,
      tickIndex: this.#tickCount,
      log10: log10(ln),
      limitLog10: log10(lnLimit),
    }
  }

  #ratio(): RatioEvidence | null {
    const { ratio } = this.#config
    if (ratio === null) return null
    return {
      log10: log10(this.#weights.lnMismatch),
      limitLog10: log10(-Math.log(ratio.alpha)),
      isBroken: this.#isCoinBroken,
      ...this.#weights.counts,
    }
  }
}

/** Whether the first action is stronger than the second; anything is stronger than none. */
function isStronger(action: Action, than: Action | undefined): boolean {
  return than === undefined || ACTIONS.indexOf(action) < ACTIONS.indexOf(than)
}

/** The decimal logarithm of a check's part in the whole. */
function partOf(check: CheckEvidence): number {
  return Math.log10(check.weight) + check.log10
}

function assertFits({ version, checks }: SavedGuard, config: GuardConfig): void {
  if (version !== 1) {
    throw new RangeError(`Cannot go on with evidence of version ${String(version)}: it must be 1`)
  }
  if (checks.length === config.checks.length) return
  throw new RangeError(
    `Cannot go on with ${config.checks.length} checks: ${checks.length} were saved`,
  )
}
