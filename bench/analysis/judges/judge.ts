/** What all judges have in common: they see the counts after a tick and may take the canary back. */

import type { Tick } from '../trace.ts'

/** Counts since the start of a run; the object is reused. */
export interface Totals {
  canaryCount: number
  canaryFailed: number
  stableCount: number
  stableFailed: number
}

export interface Judge {
  /** Seconds by which the judge sees outcomes later than they happen. */
  readonly delayS: number
  /** Whether the canary is taken back now. Asked after each tick until it says so. */
  look(tick: Tick, totals: Totals): boolean
}

/** A judge and what to call it; one is made for each run. */
export interface Candidate {
  readonly name: string
  /** Whether it stands for another project's loop, modelled from its documents. */
  readonly isModel: boolean
  readonly make: (options: {
    readonly horizonS: number
    readonly tickS: number
    readonly stepCount: number
  }) => Judge
}

export function noTotals(): Totals {
  return { canaryCount: 0, canaryFailed: 0, stableCount: 0, stableFailed: 0 }
}

export function addTick(totals: Totals, { canary, stable }: Tick): void {
  totals.canaryCount += canary.count
  totals.canaryFailed += canary.failed
  totals.stableCount += stable.count
  totals.stableFailed += stable.failed
}
