/** Rolling windows over tallies. */

/** What a window holds, or two windows' difference. */
export interface WindowCounts {
  readonly requestCount: number
  readonly errorCount: number
  /** `BIN_COUNT` bins, see `histogram.ts`. */
  readonly latency: Float64Array | Uint32Array
}
