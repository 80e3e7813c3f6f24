/** The step on which an attempt stands, where it waits for evidence that the canary is good; each step begins with none. */

import type { GuardConfig } from '../../analyzer/guard/config.ts'
import type { EpochCounts } from '../../analyzer/guard/counts.ts'
import { explainStep } from '../../analyzer/guard/sentence.ts'
import {
  type SavedStepPromotion,
  type StepEvidence,
  StepPromotion,
  type StepRecord,
} from '../../analyzer/guard/step-promotion.ts'

/** What is known of a step that waits for evidence. */
export interface StepOpinion extends StepEvidence {
  readonly sentence: string
  /** What it was reached by; null while it is not. */
  readonly record: StepRecord | null
}

export interface SavedStep {
  readonly key: string
  readonly promotion: SavedStepPromotion
}

interface Standing {
  /** Length of a tick in milliseconds. */
  readonly tickMs: number
  /** In force. */
  readonly weightBp: number
  /** Decimal logarithm of the evidence against the canary. */
  readonly againstLog10: number
}

export class StepCase {
  readonly #margin: GuardConfig['promotion']
  readonly #isSticky: boolean
  readonly #failedLimitRatio: number | null
  #step: { readonly key: string; readonly promotion: StepPromotion } | null = null

  /** Throws a RangeError when `saved` does not fit. Without a margin there is never any evidence. */
  constructor({ promotion, isSticky, checks }: GuardConfig, saved?: SavedStep) {
    this.#margin = promotion
    this.#isSticky = isSticky
    this.#failedLimitRatio = checks.find((check) => check.type === 'slo')?.limitRatio ?? null
    if (saved !== undefined) this.#begin(saved.key, saved.promotion)
  }

  /** `key`: of the step where it waits for evidence, else null. `isTrusted`: whether the coin is what it should be. */
  tick(key: string | null, epochs: readonly EpochCounts[], isTrusted: boolean): void {
    if (key === null) this.#step = null
    else if (this.#step?.key !== key) this.#begin(key)
    this.#step?.promotion.add(epochs, this.#isSticky, isTrusted)
  }

  /** Null where no step waits for it. */
  opinion({ tickMs, weightBp, againstLog10 }: Standing): StepOpinion | null {
    if (this.#step === null) return null
    const { promotion } = this.#step
    const found = promotion.evidence(tickMs, weightBp, againstLog10)
    return { ...found, sentence: explainStep(found), record: promotion.record }
  }

  /** Undefined where no step waits for evidence. */
  save(): SavedStep | undefined {
    if (this.#step === null) return undefined
    return { key: this.#step.key, promotion: this.#step.promotion.save() }
  }

  #begin(key: string, saved?: SavedStepPromotion): void {
    if (this.#margin === null) return
    const promotion = new StepPromotion(this.#margin, saved, this.#failedLimitRatio)
    this.#step = { key, promotion }
  }
}
