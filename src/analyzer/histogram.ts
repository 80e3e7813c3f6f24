/**
 * The latency histogram's bins: log-linear, 32 sub-buckets an octave, whole microseconds.
 *
 * A value below 32 has a bin of its own; above, a bin is at most 3.1 % wide. Bins are plain counters,
 * so histograms add, subtract and live in shared memory, which `node:perf_hooks` does not allow.
 * Index after HdrHistogram (Tene) with 5 significant bits.
 */

const SUB_BUCKET_BITS = 5
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS

/** The longest latency told apart, in microseconds (2^27 - 1, about 134 s); longer ones share its bin. */
export const MAX_LATENCY_US = 2 ** 27 - 1

/** How many bins there are. */
export const BIN_COUNT: number = binIndex(MAX_LATENCY_US) + 1

/** Returns the bin of a latency in whole microseconds, 0 to `BIN_COUNT - 1`. Hot: once a request. */
export function binIndex(latencyUs: number): number {
  if (latencyUs < SUB_BUCKETS) return latencyUs < 0 ? 0 : latencyUs | 0
  const value = latencyUs > MAX_LATENCY_US ? MAX_LATENCY_US : latencyUs | 0
  const octave = 31 - Math.clz32(value) - SUB_BUCKET_BITS
  return ((octave + 1) << SUB_BUCKET_BITS) + ((value >>> octave) - SUB_BUCKETS)
}

/** Returns the largest whole microsecond that falls into the bin. */
export function binUpperUs(index: number): number {
  if (index < SUB_BUCKETS) return index
  const octave = (index >>> SUB_BUCKET_BITS) - 1
  return (((index & (SUB_BUCKETS - 1)) + SUB_BUCKETS + 1) << octave) - 1
}
