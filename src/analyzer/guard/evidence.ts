/**
 * What the guard knows, as plain data: it goes into the journal, the API and the metrics, and `sentence.ts` makes
 * words of it. Evidence is a decimal logarithm, so that 3 means "a thousand to one".
 */

import type { Tolerance } from '../coin/bets.ts'
import type { LatencyThreshold } from '../latency.ts'
import type { Action, CheckName } from './config.ts'
import type { SideCounts } from './onset.ts'

/** What the guard knows after a tick. All numbers are finite, so that JSON holds them. */
export interface GuardEvidence {
  /** Ticks that have been counted. */
  readonly tickCount: number
  /** Since the first tick, in milliseconds. */
  readonly elapsedMs: number
  /** The strongest action that has ever been reached; what was reached stays. */
  readonly decision: Decision | null
  /** Decimal logarithm of all checks' evidence together. */
  readonly log10: number
  /** What it must reach. */
  readonly limitLog10: number
  /** Whether what is compared with stable are units, each once, and not requests. */
  readonly isSticky: boolean
  /** The check with the largest part in it. */
  readonly weighsMost: CheckName
  readonly checks: readonly CheckEvidence[]
  readonly ratio: RatioEvidence | null
  readonly promotion: PromotionEvidence | null
  /** What arrives at present, both variants together. */
  readonly traffic: { readonly requestsPerSecond: number; readonly weightBp: number }
  readonly earliest: Earliest
}

/** When an action was reached, by what and how surely. */
export interface Decision {
  readonly action: Action
  readonly by: CheckName | 'ratio'
  /** The tick, from 0. */
  readonly tickIndex: number
  /** Decimal logarithms of the evidence that reached it, and of its limit. */
  readonly log10: number
  readonly limitLog10: number
}

export interface CheckEvidence {
  readonly name: CheckName
  readonly action: Action
  /** Its part of the bound, 0 to 1. */
  readonly weight: number
  readonly log10: number
  /** At this the check would reach the limit by itself. */
  readonly limitLog10: number
  /** Whether there is enough to act on; see `GuardConfig.minimum`. */
  readonly isReady: boolean
  /** The comparison that weighs most, first in `parts` for all but latency. */
  readonly leadIndex: number
  readonly parts: readonly PartEvidence[]
}

export interface PartEvidence {
  readonly log10: number
  readonly tolerance: Tolerance
  /** Above 0, below 1; null unless it is about latency. */
  readonly quantile: number | null
  /** What counts as slow; null unless it is about latency and known. */
  readonly threshold: LatencyThreshold | null
  readonly totals: SideCounts
  /** Since the difference seems to have begun, with the tick at which it did. */
  readonly onset: SideCounts & { readonly tickIndex: number }
}

/** The splitter's check on itself. */
export interface RatioEvidence {
  readonly log10: number
  readonly limitLog10: number
  /** Whether the coin is not what it is believed to be; comparisons are then not acted on. */
  readonly isBroken: boolean
  readonly canaryCount: number
  readonly stableCount: number
  /** How many of both would be the canary's by the weights. */
  readonly expectedCanaryCount: number
}

/** Evidence that the canary is good. */
export interface PromotionEvidence {
  readonly log10: number
  readonly limitLog10: number
  readonly isReached: boolean
}

/** How soon anybody could tell, at the present traffic, from the moment at which the fault began. */
export interface Earliest {
  /** The fault it is about: the check that would find it, and the shares of bad outcomes. */
  readonly check: CheckName
  readonly canaryRatio: number
  readonly stableRatio: number
  /** Whether these are the rates seen; else the least fault that one would worry about. */
  readonly isSeen: boolean
  /** Null: never. */
  readonly requestCount: number | null
  readonly seconds: number | null
}

/** Decimal from natural logarithm, kept finite for JSON. */
export function log10(ln: number): number {
  return Math.min(1e9, Math.max(-1e9, ln / Math.LN10))
}
