/**
 * One of four endpoints is killed, hangs or gets ten times slower, as real processes, under a load that this machine bears
 * beside other tests: a small run of `npm run bench:faults`, which has the bars for a quiet machine.
 */

import { expect, test } from 'vitest'
import { FAULTS } from '../../bench/faults/house.ts'
import { runTrial } from '../../bench/faults/trial.ts'

test.for(FAULTS)(
  'an endpoint that is %s costs clients nothing, gets no requests for a while, and comes back',
  { timeout: 120_000 },
  async (fault) => {
    const trial = await runTrial(fault, {
      rate: 150,
      threads: 1,
      latencyMs: 5,
      upstreamEntries: ['outlier: { baseEjection: 1s, maxEjection: 2s }'],
      calmMs: 2_000,
      faultMs: 6_000,
      readmitMs: 40_000,
    })
    expect(trial.errors).toEqual([])
    expect(trial.ejectedAfterMs).not.toBeNull()
    expect(trial.readmittedAfterMs).not.toBeNull()
    // Of some 200 requests each; three standard deviations are 0.2.
    expect(trial.unevenRatio).toBeLessThan(0.3)
  },
)
