/** What settled in a tick as the guard counts it: requests, and beside them the units that they were the first for. */

import type { UnitCounts, VariantOutcomes } from '../../analyzer/guard/counts.ts'
import { LATENCY_QUANTILES, slowCount } from '../../analyzer/latency.ts'
import type { Settled } from './cell.ts'

/** `limitsUs`: what is slow, one for each quantile; null where that is not known, and no request is timed. */
export function outcomesOf(
  settled: Settled | null,
  limitsUs: readonly (number | null)[],
): VariantOutcomes {
  if (settled === null) return NOTHING
  const { requestCount, failedCount, clientErrorCount, latency } = settled
  const isTimed = limitsUs.some((limit) => limit !== null)
  const timedCount = isTimed ? settled.timedCount : 0
  const slowCounts = limitsUs.map((limit) =>
    limit === null ? 0 : Math.min(timedCount, slowCount(latency, limit)),
  )
  const units = unitsOf(settled)
  return { requestCount, failedCount, clientErrorCount, timedCount, slowCounts, units }
}

/** The threads have timed units already, by the limits that they were told. */
function unitsOf({ units: { seenCount, ...counts } }: Settled): UnitCounts {
  return { requestCount: seenCount, ...counts }
}

/** Nobody is timed. */
export const NO_LIMITS: readonly null[] = LATENCY_QUANTILES.map(() => null)

const NO_REQUESTS = {
  requestCount: 0,
  failedCount: 0,
  clientErrorCount: 0,
  timedCount: 0,
  slowCounts: LATENCY_QUANTILES.map(() => 0),
}
const NOTHING: VariantOutcomes = { ...NO_REQUESTS, units: { ...NO_REQUESTS, firstFailedCount: 0 } }
