/**
 * Which poll of the event loop is being worked off.
 *
 * What one poll has found was there before anything that is written while it is worked off. So an answer that comes
 * with the poll in which its request was written is the answer to something else. To look at the socket before each
 * use of a kept connection would say the same, but Node has no call for it.
 */

import { performance } from 'node:perf_hooks'

const { nodeTiming } = performance

/** Never the same for two polls: both counters only rise, and the second rises at the end of each. Some 12 ns. */
export function pollMark(): number {
  const { loopCount, events } = nodeTiming.uvMetricsInfo
  return loopCount + events
}
