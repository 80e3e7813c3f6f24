/**
 * What is known of an endpoint's health after each check: thresholds in a row, as a pure step.
 *
 * The first answer decides alone. Until it is there the endpoint counts as healthy: a check that is new, or a process that
 * has just started, must not take traffic from what serves well.
 */

/** What one check found. */
export type Finding =
  | { readonly isPassed: true }
  /** `reason` in words that follow «it», such as `answered 503`. */
  | { readonly isPassed: false; readonly reason: string }

export interface Health {
  readonly status: 'unknown' | 'healthy' | 'unhealthy'
  /** Findings in a row that speak against the status. */
  readonly againstCount: number
  /** When the status began, milliseconds since 1970. */
  readonly sinceMs: number
  /** Of the last check; null before the first. */
  readonly checkedAtMs: number | null
  /** Of the newest failure, as long as it says something about the status or may change it; else null. */
  readonly reason: string | null
}

/** Each at least 1. */
export interface Thresholds {
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

export function unknownHealth(nowMs: number): Health {
  return { status: 'unknown', againstCount: 0, sinceMs: nowMs, checkedAtMs: null, reason: null }
}

/** Returns what is known after one more finding. */
export function afterCheck(
  health: Health,
  finding: Finding,
  { thresholds, atMs }: { readonly thresholds: Thresholds; readonly atMs: number },
): Health {
  const found = finding.isPassed ? 'healthy' : 'unhealthy'
  const reason = finding.isPassed ? null : finding.reason
  if (health.status === found) {
    return { ...health, againstCount: 0, checkedAtMs: atMs, reason }
  }
  const needed = found === 'healthy' ? thresholds.healthyAfter : thresholds.unhealthyAfter
  const againstCount = health.againstCount + 1
  if (health.status === 'unknown' || againstCount >= needed) {
    return { status: found, againstCount: 0, sinceMs: atMs, checkedAtMs: atMs, reason }
  }
  return { ...health, againstCount, checkedAtMs: atMs, reason: reason ?? health.reason }
}
