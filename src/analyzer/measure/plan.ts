/** How a metric is measured: Argo Rollouts' words, in whole milliseconds and counts. */

export interface MeasurePlan {
  readonly name: string
  /** From the end of one measurement to the next; null: one measurement, `count` is 1. */
  readonly intervalMs: number | null
  /** Measurements until the metric passes; null: for as long as it is wanted, and it never passes by itself. */
  readonly count: number | null
  /** Before the first measurement. */
  readonly initialDelayMs: number
  /** Failures that are still borne, over the whole time and not in a row; null: any number. */
  readonly failureLimit: number | null
  /** As `failureLimit`, of measurements that were neither a success nor a failure. */
  readonly inconclusiveLimit: number | null
  /** Errors in a row that are still borne. */
  readonly consecutiveErrorLimit: number
  /** Whether it is measured and told, but decides nothing. */
  readonly isDryRun: boolean
}

/** Argo's defaults (`analysis.go`, `DefaultConsecutiveErrorLimit`). */
export const DEFAULT_LIMITS = {
  initialDelayMs: 0,
  failureLimit: 0,
  inconclusiveLimit: 0,
  consecutiveErrorLimit: 4,
  isDryRun: false,
} as const

/** After an error, or no data where there is no interval: Argo's `DefaultErrorRetryInterval`, in milliseconds. */
export const RETRY_MS = 10_000

/** Measurements without data in a row after which a metric is starved. */
export const STARVED_COUNT = 5

/** Measurements that are kept to be shown; Argo's default. */
export const KEPT_COUNT = 10
