/** A thread that adds units to the table that it is given, and says to how many each kind was new. */

import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { murmur3 } from '../../../src/proxy/bucket.ts'
import { FAILED, SEEN, UnitSet } from '../../../src/proxy/settlement/units.ts'

export const UNIT_COUNT = 20_000

/** Seen in one turn and failed in another, so that threads meet at new slots and at known ones. */
function addAll(units: UnitSet): Record<number, number> {
  const counts: Record<number, number> = { [SEEN]: 0, [FAILED]: 0 }
  for (const kind of [SEEN, FAILED]) {
    for (let unit = 0; unit < UNIT_COUNT; unit++) {
      if (units.add(murmur3(`user-${unit}`, 0), kind) === kind) counts[kind]!++
    }
  }
  return counts
}

if (!isMainThread && workerData instanceof SharedArrayBuffer) {
  parentPort!.postMessage(addAll(new UnitSet(workerData)))
}
