/** Thresholds: what an endpoint counts as after a run of findings. `+` is a check that passed, `-` one that failed. */

import { expect, test } from 'vitest'
import { afterCheck, type Health, unknownHealth } from '../../../src/control/upstreams/health.ts'

const THRESHOLDS = { healthyAfter: 2, unhealthyAfter: 3 }

/** Check number i is made at i seconds. */
function after(findings: string, thresholds = THRESHOLDS): Health {
  let health = unknownHealth(0)
  for (const [i, sign] of findings.split('').entries()) {
    const atMs = (i + 1) * 1_000
    const finding =
      sign === '+'
        ? ({ isPassed: true } as const)
        : ({ isPassed: false, reason: `answered 50${i}` } as const)
    health = afterCheck(health, finding, { thresholds, atMs })
  }
  return health
}

test.for([
  ['', 'unknown', 0],
  ['+', 'healthy', 1_000],
  ['-', 'unhealthy', 1_000],
  ['+--', 'healthy', 1_000],
  ['+---', 'unhealthy', 4_000],
  ['+--+--', 'healthy', 1_000],
  ['+--+---', 'unhealthy', 7_000],
  ['-+', 'unhealthy', 1_000],
  ['-++', 'healthy', 3_000],
  ['-+-+', 'unhealthy', 1_000],
  ['-+-++', 'healthy', 5_000],
  ['+---++', 'healthy', 6_000],
  ['+----', 'unhealthy', 4_000],
] as const)('after "%s" it is %s since %i', ([findings, status, sinceMs]) => {
  expect(after(findings)).toMatchObject({ status, sinceMs })
})

test('with thresholds of one every finding decides', () => {
  const thresholds = { healthyAfter: 1, unhealthyAfter: 1 }
  expect(after('+-', thresholds).status).toBe('unhealthy')
  expect(after('+-+', thresholds).status).toBe('healthy')
})

test('the reason is of the newest failure, and goes when it does not matter any more', () => {
  expect(after('+').reason).toBeNull()
  expect(after('+--').reason).toBe('answered 502')
  expect(after('+---').reason).toBe('answered 503')
  expect(after('+---+').reason).toBe('answered 503')
  expect(after('+---++').reason).toBeNull()
  expect(after('+-+').reason).toBeNull()
})

test('each check leaves its time, and what speaks against the status is counted', () => {
  expect(after('')).toMatchObject({ checkedAtMs: null, againstCount: 0 })
  expect(after('+--')).toMatchObject({ checkedAtMs: 3_000, againstCount: 2 })
  expect(after('+--+')).toMatchObject({ checkedAtMs: 4_000, againstCount: 0 })
})
