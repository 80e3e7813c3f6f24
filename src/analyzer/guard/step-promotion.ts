/**
 * Evidence that the canary is good, of one step: what has been seen since it began, and how long the rest would take.
 *
 * Each step begins with none. Evidence of the whole attempt would let the second step be left at once for what was seen at
 * the first one's weight, and a canary that fails under load fails only then. A canary that keeps outside the margin
 * leaves a step with probability `beta` at most.
 */

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
  /** Whether the step may be left for it: it is reached, and little is against the canary. */
  readonly isEnough: boolean
  /**
   * The least time until it is reached, in milliseconds: at the rates since the step began, if nothing of the canary fails
   * from now on. 0 when it is reached; null without traffic.
   */
  readonly leastMs: number | null
}

export interface SavedStepPromotion {
  readonly promotion: SavedPromotion
  readonly tickCount: number
  readonly canaryOkCount: number
  readonly stableBadCount: number
}

/** Ticks beyond which nobody waits: it doubles that often. */
const DOUBLINGS = 40

export class StepPromotion {
  readonly #promotion: Promotion
  #tickCount: number
  #canaryOkCount: number
  #stableBadCount: number

  /** Goes on from `saved`; throws a RangeError when that is not of these bets. */
  constructor(config: NonNullable<GuardConfig['promotion']>, saved?: SavedStepPromotion) {
    this.#promotion = new Promotion(config, saved?.promotion)
    this.#tickCount = saved?.tickCount ?? 0
    this.#canaryOkCount = saved?.canaryOkCount ?? 0
    this.#stableBadCount = saved?.stableBadCount ?? 0
  }

  /** Counts what settled in a tick. `isTrusted`: whether the coin is what it is believed to be. */
  add(epochs: readonly EpochCounts[], isSticky: boolean, isTrusted: boolean): void {
    this.#tickCount++
    for (const epoch of epochs) {
      if (epoch.weightBp === 0 || epoch.weightBp === 10_000) continue
      const { canaryOkCount, stableBadCount } = this.#promotion.add(epoch, isSticky)
      this.#canaryOkCount += canaryOkCount
      this.#stableBadCount += stableBadCount
    }
    if (isTrusted) this.#promotion.decide()
  }

  /** `tickMs`: length of a tick in milliseconds; `weightBp`: the one in force. */
  evidence(tickMs: number, weightBp: number, againstLog10: number): StepEvidence {
    const found = this.#promotion.evidence()
    return {
      ...found,
      againstLog10,
      againstLimitLog10: DOUBT_LOG10,
      isEnough: found.isReached && againstLog10 < DOUBT_LOG10,
      leastMs: found.isReached ? 0 : this.#leastMs(tickMs, weightBp),
    }
  }

  save(): SavedStepPromotion {
    return {
      promotion: this.#promotion.save(),
      tickCount: this.#tickCount,
      canaryOkCount: this.#canaryOkCount,
      stableBadCount: this.#stableBadCount,
    }
  }

  #leastMs(tickMs: number, weightBp: number): number | null {
    if (this.#canaryOkCount === 0) return null
    const isReachedAfter = (ticks: number): boolean => {
      const share = ticks / this.#tickCount
      return this.#promotion.isReachedAfter(weightBp, {
        canaryBadCount: 0,
        canaryOkCount: this.#canaryOkCount * share,
        stableBadCount: this.#stableBadCount * share,
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
