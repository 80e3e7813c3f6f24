/** A way in which the assumptions break, with and without what is done about it. */

import type { Share } from '../share.ts'

/** Shares of healthy rollouts taken back, one for each of `ALPHAS`; null where the mode has no such figure. */
export interface ModeResult {
  readonly mode: string
  /** What breaks, and how the runs are made. */
  readonly words: string
  readonly variants: readonly {
    readonly name: string
    readonly isMitigated: boolean
    readonly shares: readonly Share[]
  }[]
}

export interface ModeOptions {
  readonly seed: number
  readonly runCount: number
  readonly horizonS: number
}
