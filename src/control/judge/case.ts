/**
 * One attempt of a rollout before the judge: its cells are read, its guard is fed, tick by tick.
 *
 * Outcomes in, evidence out; which attempt it is and what follows from a decision is others' business.
 */

import { explain } from '../../analyzer/guard/sentence.ts'
import { type GuardConfig, STANDARD_GUARD } from '../../analyzer/guard/config.ts'
import type { EpochCounts, VariantOutcomes } from '../../analyzer/guard/counts.ts'
import type { Decision, GuardEvidence } from '../../analyzer/guard/evidence.ts'
import {
  createGuard,
  type Guard,
  type GuardPlan,
  type SavedGuard,
} from '../../analyzer/guard/guard.ts'
import {
  LATENCY_QUANTILES,
  LATENCY_SLOT_MS,
  type LatencyThreshold,
  slowCount,
  StableLatency,
} from '../../analyzer/latency.ts'
import { Cell, type Settled } from './cell.ts'
import type { CellPair } from './cells.ts'

/** Between two ticks of the judge. */
export const TICK_MS = 100

const TICKS_PER_SLOT = LATENCY_SLOT_MS / TICK_MS

/** Requests of a canary that has just begun, or its first time, in which it may be slow. */
const WARM_UP = { requests: 200, ticks: 30_000 / TICK_MS } as const

/** Everything a case remembers, safe for JSON. */
export interface SavedCase {
  readonly guard: SavedGuard
  readonly warmUp: { readonly requestCount: number; readonly tickCount: number }
}

export interface CaseOptions {
  readonly plan: GuardPlan
  readonly isSticky: boolean
  /** Stable's thresholds from before the attempt. */
  readonly thresholds: readonly (LatencyThreshold | null)[]
  readonly segments: readonly Uint32Array[]
  readonly saved?: SavedCase | undefined
}

interface CellReaders {
  readonly stable: Cell
  readonly canary: Cell
}

/** Sticky units count once, at their first failure; what else is known of them are requests, which depend on each other. */
const STICKY_GUARD: GuardConfig = {
  ...STANDARD_GUARD,
  checks: STANDARD_GUARD.checks.filter(({ type }) => type === 'failed' || type === 'slo'),
  ratio: null,
  promotion: null,
  isSticky: true,
}

export class Case {
  readonly #options: CaseOptions
  readonly #guard: Guard
  readonly #stable: StableLatency
  readonly #readers = new Map<number, CellReaders>()
  #slotTickCount = 0
  #warmUp: { requestCount: number; tickCount: number }
  #weightBp: number | null = null
  #canaryCount = 0

  /** Throws a RangeError when `saved` does not fit. */
  constructor(options: CaseOptions) {
    const { saved } = options
    this.#options = options
    const config = options.isSticky ? STICKY_GUARD : STANDARD_GUARD
    this.#guard = createGuard(config, options.plan, saved?.guard)
    this.#stable = new StableLatency({}, saved?.guard.thresholds ?? options.thresholds)
    this.#warmUp = { ...(saved?.warmUp ?? { requestCount: 0, tickCount: 0 }) }
  }

  /** Requests of the canary that have settled since this process follows the case. */
  get canaryCount(): number {
    return this.#canaryCount
  }

  /** `weightBp`: the one in force. Returns what has been decided so far. */
  tick(cells: ReadonlyMap<number, CellPair>, weightBp: number): Decision | null {
    const isStep = this.#weightBp !== null && this.#weightBp !== weightBp
    this.#weightBp = weightBp
    const { thresholds } = this.#stable
    const isTimed = this.#isWarm
    const epochs = [...cells].flatMap(([at, pair]) => this.#read(at, pair, isTimed) ?? [])
    this.#turnSlot()
    this.#warmUp.tickCount++
    return this.#guard.add({ epochs, isStep, thresholds })
  }

  evidence(): GuardEvidence {
    return this.#guard.evidence()
  }

  sentence(): string {
    return explain(this.#guard.evidence())
  }

  save(): SavedCase {
    return { guard: this.#guard.save(), warmUp: { ...this.#warmUp } }
  }

  get #isWarm(): boolean {
    const { requestCount, tickCount } = this.#warmUp
    return requestCount >= WARM_UP.requests || tickCount >= WARM_UP.ticks
  }

  #read(weightBp: number, pair: CellPair, isTimed: boolean): EpochCounts | null {
    const readers = this.#readersOf(weightBp, pair)
    const stable = readers.stable.read()
    const canary = readers.canary.read()
    if (stable === null && canary === null) return null
    const { thresholds } = this.#stable
    if (stable !== null) this.#stable.add(stable.latency)
    this.#canaryCount += canary?.requestCount ?? 0
    this.#warmUp.requestCount += canary?.requestCount ?? 0
    const outcomes = (settled: Settled | null, side: keyof LatencyThreshold): VariantOutcomes => {
      const limits = isTimed ? thresholds.map((one) => one?.[side] ?? null) : NO_LIMITS
      return outcomesOf(settled, limits)
    }
    return {
      weightBp,
      stable: outcomes(stable, 'stableUs'),
      canary: outcomes(canary, 'canaryUs'),
    }
  }

  #readersOf(weightBp: number, pair: CellPair): CellReaders {
    const known = this.#readers.get(weightBp)
    if (known !== undefined) return known
    const { segments } = this.#options
    const made = {
      stable: new Cell(segments, pair.stable),
      canary: new Cell(segments, pair.canary),
    }
    this.#readers.set(weightBp, made)
    return made
  }

  #turnSlot(): void {
    if (++this.#slotTickCount < TICKS_PER_SLOT) return
    this.#slotTickCount = 0
    this.#stable.close()
  }
}

const NO_LIMITS: readonly null[] = LATENCY_QUANTILES.map(() => null)

/** `limitsUs`: what is slow, one for each quantile; null where that is not known, and nobody is timed. */
function outcomesOf(
  settled: Settled | null,
  limitsUs: readonly (number | null)[],
): VariantOutcomes {
  if (settled === null) return NOTHING
  const { requestCount, failedCount, clientErrorCount, failedUnitCount, latency } = settled
  const isTimed = limitsUs.some((limit) => limit !== null)
  const timedCount = isTimed ? settled.timedCount : 0
  const slowCounts = limitsUs.map((limit) =>
    limit === null ? 0 : Math.min(timedCount, slowCount(latency, limit)),
  )
  const units = {
    requestCount,
    failedCount: failedUnitCount,
    clientErrorCount: 0,
    timedCount: 0,
    slowCounts: NO_SLOW,
    firstFailedCount: 0,
  }
  return { requestCount, failedCount, clientErrorCount, timedCount, slowCounts, units }
}

const NO_SLOW: readonly number[] = LATENCY_QUANTILES.map(() => 0)
const NOTHING: VariantOutcomes = {
  requestCount: 0,
  failedCount: 0,
  clientErrorCount: 0,
  timedCount: 0,
  slowCounts: NO_SLOW,
  units: {
    requestCount: 0,
    failedCount: 0,
    clientErrorCount: 0,
    timedCount: 0,
    slowCounts: NO_SLOW,
    firstFailedCount: 0,
  },
}
