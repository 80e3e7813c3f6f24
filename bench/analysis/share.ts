/** Shares of runs, with the interval that says how much they are worth. */

import { shareInterval } from '../../src/analyzer/distribution/beta.ts'

/** How many of the runs, 0 to 1, with Clopper and Pearson's 95 % interval. */
export interface Share {
  readonly count: number
  readonly runCount: number
  readonly ratio: number
  readonly lower: number
  readonly upper: number
}

/** Bounds on false aborts that are looked at. */
export const ALPHAS = [0.05, 0.01, 0.001] as const

export function shareOf(count: number, runCount: number): Share {
  return { count, runCount, ratio: count / runCount, ...shareInterval(count, runCount) }
}

/** Shares of the runs whose largest evidence reached 1 / alpha, for each of `ALPHAS`. */
export function sharesAt(mostLn: readonly number[]): readonly Share[] {
  return ALPHAS.map((alpha) => {
    const lnLimit = -Math.log(alpha)
    return shareOf(mostLn.filter((ln) => ln >= lnLimit).length, mostLn.length)
  })
}

/** The value below which that share of the sorted values lies; Infinity where the runs did not get there. */
export function quantileOf(sorted: readonly number[], quantile: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(quantile * sorted.length) - 1)] ?? Infinity
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** When something happened over many runs. */
export interface Times {
  /** Share of the runs in which it happened at all, 0 to 1. */
  readonly power: number
  /** Null: not in time. */
  readonly medianS: number | null
  readonly p90S: number | null
}

/** Sums up the seconds of many runs, Infinity where it did not happen. */
export function timesOf(seconds: readonly number[]): Times {
  const sorted = seconds.toSorted((a, b) => a - b)
  return {
    power: sorted.filter(Number.isFinite).length / sorted.length,
    medianS: finite(quantileOf(sorted, 0.5)),
    p90S: finite(quantileOf(sorted, 0.9)),
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
