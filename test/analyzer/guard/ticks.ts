/** Ticks for tests of the guard, in few words. */

import { type GuardConfig, STANDARD_GUARD } from '../../../src/analyzer/guard/config.ts'
import type { Outcomes, TickCounts, VariantOutcomes } from '../../../src/analyzer/guard/counts.ts'
import { type Guard, createGuard } from '../../../src/analyzer/guard/guard.ts'

/** Requests, and what of them was bad. */
export interface Side {
  readonly count: number
  readonly failed?: number
  readonly clientErrors?: number
  /** Slower than each quantile's threshold. */
  readonly slow?: readonly number[]
}

export const PLAN = { tickMs: 1_000, horizonMs: 3_600_000, stepCount: 0 }

export function outcomes({ count, failed = 0, clientErrors = 0, slow = [] }: Side): Outcomes {
  return {
    requestCount: count,
    failedCount: failed,
    clientErrorCount: clientErrors,
    timedCount: count,
    slowCounts: slow,
  }
}

/** One tick at one weight, in percent. */
export function tick(weight: number, canary: Side, stable: Side): TickCounts {
  const [of, to] = [outcomes(canary), outcomes(stable)]
  return { epochs: [{ weightBp: Math.round(weight * 100), canary: of, stable: to }] }
}

/** The same for sticky units. */
export function stickyTick(
  weight: number,
  canary: Side & { units: Side; firstFailed?: number },
  stable: Side & { units: Side; firstFailed?: number },
): TickCounts {
  const of = (side: Side & { units: Side; firstFailed?: number }): VariantOutcomes => ({
    ...outcomes(side),
    units: {
      ...outcomes(side.units),
      firstFailedCount: side.firstFailed ?? side.units.failed ?? 0,
    },
  })
  return {
    epochs: [{ weightBp: Math.round(weight * 100), canary: of(canary), stable: of(stable) }],
  }
}

export function standardGuard(changes: Partial<GuardConfig> = {}): Guard {
  return createGuard({ ...STANDARD_GUARD, ...changes }, PLAN)
}

/** Feeds the same tick again and again until something is decided; returns after how many, or null. */
export function ticksToDecide(guard: Guard, counts: TickCounts, limit = 3_600): number | null {
  for (let n = 1; n <= limit; n++) if (guard.add(counts) !== null) return n
  return null
}
