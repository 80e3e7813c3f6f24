/**
 * Whether one endpoint is ejected, as a function of what is noted of it and of time. Pure.
 *
 *     steady --tripped, or an outlier--> ejected --its time is over--> readmitted --a quiet interval each--> steady
 *
 * What has been ejected before stays out longer. While it is out nothing is noted: what comes then was sent before, or
 * because every endpoint is out.
 */

import type { OutlierRules } from './settings.ts'
import type { AttemptResult } from './endpoint.ts'

export type EjectionReason =
  /** Errors in a row: answers 5xx, malformed ones, none. */
  | 'consecutiveErrors'
  /** No answer, many times in a row: refused, reset, timed out. */
  | 'consecutiveConnectFailures'
  /** It fails more often than the others. */
  | 'successRate'
  /** It is slower than the others. */
  | 'latency'
  /** It answers nothing, while the others do. */
  | 'silence'

export interface Ejection {
  readonly reason: EjectionReason
  /** Monotonic milliseconds. */
  readonly sinceMs: number
  readonly untilMs: number
}

export interface Standing {
  /** Errors in a row. */
  readonly errorCount: number
  /** Attempts without an answer in a row. */
  readonly connectFailureCount: number
  readonly ejection: Ejection | null
  /** How often it was ejected of late. */
  readonly ejectionCount: number
  /** Since when there was no ejection, or when one was last forgotten; monotonic milliseconds. */
  readonly quietSinceMs: number
}

export const STEADY: Standing = {
  errorCount: 0,
  connectFailureCount: 0,
  ejection: null,
  ejectionCount: 0,
  quietSinceMs: -Infinity,
}

/** After an attempt that began then. Those from before an ejection may fail long after it, all at once. */
export function noted(standing: Standing, result: AttemptResult, beganMs: number): Standing {
  const { errorCount, connectFailureCount, ejection, quietSinceMs } = standing
  if (ejection !== null || beganMs < quietSinceMs) return standing
  switch (result) {
    case 'cancelled':
      return standing
    case 'ok':
      if (errorCount === 0) return standing
      return { ...standing, errorCount: 0, connectFailureCount: 0 }
    case 'serverError':
    case 'badAnswer':
      return { ...standing, errorCount: errorCount + 1, connectFailureCount: 0 }
    case 'connectFailure':
    case 'reset':
    case 'timeout':
      return {
        ...standing,
        errorCount: errorCount + 1,
        connectFailureCount: connectFailureCount + 1,
      }
  }
}

/** Why it should be ejected for what it did in a row; null: it should not. `isAlone`: no other serves the same. */
export function trip(
  { errorCount, connectFailureCount, ejection }: Standing,
  rules: OutlierRules,
  isAlone: boolean,
): EjectionReason | null {
  if (ejection !== null) return null
  const { consecutiveConnectFailures, consecutiveErrors } = rules
  if (consecutiveConnectFailures > 0 && connectFailureCount >= consecutiveConnectFailures) {
    return 'consecutiveConnectFailures'
  }
  // Errors of the only endpoint are answers all the same, and better than none.
  if (isAlone || consecutiveErrors === 0 || errorCount < consecutiveErrors) return null
  return 'consecutiveErrors'
}

export function ejected(
  standing: Standing,
  reason: EjectionReason,
  { rules, nowMs }: { readonly rules: OutlierRules; readonly nowMs: number },
): Standing {
  const ejectionCount = standing.ejectionCount + 1
  const outMs = Math.min(rules.baseEjectionMs * ejectionCount, rules.maxEjectionMs)
  return {
    ...STEADY,
    ejection: { reason, sinceMs: nowMs, untilMs: nowMs + outMs },
    ejectionCount,
  }
}

/** As time goes by: readmits, and forgets one ejection each quiet interval. */
export function passed(standing: Standing, rules: OutlierRules, nowMs: number): Standing {
  const { ejection, ejectionCount, quietSinceMs } = standing
  if (ejection !== null) {
    return nowMs < ejection.untilMs ? standing : readmitted(standing, nowMs)
  }
  if (ejectionCount === 0 || nowMs - quietSinceMs < rules.intervalMs) return standing
  return { ...standing, ejectionCount: ejectionCount - 1, quietSinceMs: nowMs }
}

export function readmitted(standing: Standing, nowMs: number): Standing {
  return { ...standing, ejection: null, quietSinceMs: nowMs }
}

/**
 * How many more of so many may be ejected. Of two or more it may always be one, of one it may be that. `outCount`: those
 * that are ejected, or found unhealthy by checks.
 */
export function roomToEject(count: number, outCount: number, maxEjectedRatio: number): number {
  return Math.max(1, Math.floor(count * maxEjectedRatio)) - outCount
}
