/**
 * Evidence that the canary is good, of one step: what has been seen since it began, and how long the rest would take.
 *
 * Each step begins with none. Evidence of the whole attempt would let the second step be left at once for what was seen at
 * the first one's weight, and a canary that fails under load fails only then. A canary that keeps outside the margin
 * leaves a step with probability `beta` at most.
 */

import type { CoinCounts } from '../coin/coin.ts'
import type { GuardConfig } from './config.ts'
import type { EpochCounts } from './counts.ts'
import type { PromotionEvidence } from './evidence.ts'
import { Promotion, type SavedPromotion } from './promotion.ts'

/** Evidence against the canary from which on no step is left for evidence of the contrary: ten to one. */
const DOUBT_LOG10 = 1

/** What is known of the canary since the step began, safe for JSON. */
export interface StepEvidence extends PromotionEvidence {
  /** Decimal logarithm of the evidence against the canary, of the whole attempt. */
  readonly againstLog10: number
  readonly againstLimitLog10: number
  /**
   * Where more of the canary failed since the step began than may, 0 to 1: to be as good as stable is not enough while both
   * are down. Else left out.
   */
  readonly breach?: { readonly failedRatio: number; readonly limitRatio: number }
  /** Whether the step may be left for it: it is reached, little is against the canary, and it keeps the limit. */
  readonly isEnough: boolean
  /**
   * The least time until it is reached, in milliseconds: at the rates since the step began, if nothing of the canary fails
   * from now on. 0 when it is reached; null without traffic.
   */
  readonly leastMs: number | null
}

/** What came in at one weight. */
interface WeightCounts extends CoinCounts {
  readonly weightBp: number
}

/**
 * What was seen when the evidence reached its limit, safe for JSON: who has it can reach it again. The order in which
 * it came does not matter to these bets.
 */
export interface StepRecord {
  readonly margin: Margin
  /** Whether units were counted, and not requests. */
  readonly isSticky: boolean
  readonly counts: readonly WeightCounts[]
  readonly log10: number
}

export interface SavedStepPromotion {
  readonly promotion: SavedPromotion
  readonly tickCount: number
  readonly counts: readonly WeightCounts[]
  readonly record: StepRecord | null
}

type Margin = NonNullable<GuardConfig['promotion']>

/** Returns the evidence of what was seen, as decimal logarithms. Throws a RangeError where a margin has no bets. */
export function replayStep({ margin, counts }: StepRecord): {
  readonly log10: number
  readonly limitLog10: number
} {
  const promotion = new Promotion(margin)
  for (const one of counts) promotion.bet(one.weightBp, one)
  return promotion.evidence()
}

/** Ticks beyond which nobody waits: it doubles that often. */
const DOUBLINGS = 40

export class StepPromotion {
  readonly #margin: Margin
  readonly #failedLimitRatio: number | null
  readonly #promotion: Promotion
  /** By weight: the step's own, and what was sent before it began. */
  readonly #counts: Map<number, WeightCounts>
  #tickCount: number
  #record: StepRecord | null

  /** Goes on from `saved`; throws a RangeError when that is not of these bets. `failedLimitRatio`: what of the canary may fail; null: any. */
  constructor(margin: Margin, saved?: SavedStepPromotion, failedLimitRatio: number | null = null) {
    this.#margin = margin
    this.#failedLimitRatio = failedLimitRatio
    this.#promotion = new Promotion(margin, saved?.promotion)
    this.#counts = new Map(saved?.counts.map((one) => [one.weightBp, one]))
    this.#tickCount = saved?.tickCount ?? 0
    this.#record = saved?.record ?? null
  }

  /** What the evidence was reached by; null while it is not. */
  get record(): StepRecord | null {
    return this.#record
  }

  /** Counts what settled in a tick. `isTrusted`: whether the coin is what it is believed to be. */
  add(epochs: readonly EpochCounts[], isSticky: boolean, isTrusted: boolean): void {
    this.#tickCount++
    for (const epoch of epochs) {
      if (epoch.weightBp === 0 || epoch.weightBp === 10_000) continue
      this.#count(epoch.weightBp, this.#promotion.add(epoch, isSticky))
    }
    if (!isTrusted) return
    this.#promotion.decide()
    const { isReached, log10 } = this.#promotion.evidence()
    if (!isReached || this.#record !== null) return
    this.#record = { margin: this.#margin, isSticky, counts: [...this.#counts.values()], log10 }
  }

  #count(weightBp: number, added: CoinCounts): void {
    const before = this.#counts.get(weightBp)
    this.#counts.set(weightBp, {
      weightBp,
      canaryBadCount: (before?.canaryBadCount ?? 0) + added.canaryBadCount,
      canaryOkCount: (before?.canaryOkCount ?? 0) + added.canaryOkCount,
      stableBadCount: (before?.stableBadCount ?? 0) + added.stableBadCount,
    })
  }

  /** `tickMs`: length of a tick in milliseconds; `weightBp`: the one in force. */
  evidence(tickMs: number, weightBp: number, againstLog10: number): StepEvidence {
    const found = this.#promotion.evidence()
    const limitRatio = this.#failedLimitRatio
    const failedRatio = this.#failedRatio()
    const isBroken = limitRatio !== null && failedRatio > limitRatio
    return {
      ...found,
      againstLog10,
      againstLimitLog10: DOUBT_LOG10,
      ...(isBroken && { breach: { failedRatio, limitRatio } }),
      isEnough: found.isReached && againstLog10 < DOUBT_LOG10 && !isBroken,
      leastMs: found.isReached ? 0 : this.#leastMs(tickMs, weightBp),
    }
  }

  save(): SavedStepPromotion {
    return {
      promotion: this.#promotion.save(),
      tickCount: this.#tickCount,
      counts: [...this.#counts.values()],
      record: this.#record,
    }
  }

  #failedRatio(): number {
    let badCount = 0
    let okCount = 0
    for (const { canaryBadCount, canaryOkCount } of this.#counts.values()) {
      badCount += canaryBadCount
      okCount += canaryOkCount
    }
    return badCount === 0 ? 0 : badCount / (badCount + okCount)
  }

  #leastMs(tickMs: number, weightBp: number): number | null {
    const counts = [...this.#counts.values()]
    const canaryOkCount = counts.reduce((sum, one) => sum + one.canaryOkCount, 0)
    const stableBadCount = counts.reduce((sum, one) => sum + one.stableBadCount, 0)
    if (canaryOkCount === 0) return null
    const isReachedAfter = (ticks: number): boolean => {
      const share = ticks / this.#tickCount
      return this.#promotion.isReachedAfter(weightBp, {
        canaryBadCount: 0,
        canaryOkCount: canaryOkCount * share,
        stableBadCount: stableBadCount * share,
      })
    }
    let high = 1
    for (let i = 0; !isReachedAfter(high); i++) {
      if (i === DOUBLINGS) return null
      high *= 2
    }
    let low = high / 2
    // To a hundredth: nobody reads more of it.
    while (high - low > high / 100) {
      const middle = (low + high) / 2
      if (isReachedAfter(middle)) high = middle
      else low = middle
    }
    return Math.ceil(high * tickMs)
  }
}
