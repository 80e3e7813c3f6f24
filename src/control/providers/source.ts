/** Where a metric's value comes from, as the measurement loop sees it. */

import type { Value } from '../conditions/expression.ts'

/**
 * Asks once. `nowMs` is the wall clock. Rejects with a `ProviderError` where there is no answer, and with nothing
 * else but a bug.
 */
export type MetricSource = (nowMs: number, signal: AbortSignal) => Promise<Value>
