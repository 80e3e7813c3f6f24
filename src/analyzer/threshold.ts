/** Plain threshold checks with a minimum sample. */

/** What one check found. */
export interface CheckResult {
  /** The criterion as written, such as `error_rate<1%`. */
  readonly criterion: string
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'noData'
  /** One sentence with numbers, without a full stop. */
  readonly sentence: string
  /** Ratio, microseconds or count, by the criterion; null without data. */
  readonly value: number | null
  readonly limit: number
}
