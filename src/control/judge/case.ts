/**
 * One attempt of a rollout before the judge: its cells are read, its guard is fed, tick by tick.
 *
 * Outcomes in, evidence out; which attempt it is and what follows from a decision is others' business.
 */

import { explain } from '../../analyzer/guard/sentence.ts'
import {
  type GuardActions,
  type GuardConfig,
  STANDARD_GUARD,
  withActions,
} from '../../analyzer/guard/config.ts'
import type { EpochCounts, TickCounts, VariantOutcomes } from '../../analyzer/guard/counts.ts'
import { type Decision, type GuardEvidence, log10 } from '../../analyzer/guard/evidence.ts'
import {
  createGuard,
  type DecisionRecord,
  type Guard,
  type GuardPlan,
  type SavedGuard,
} from '../../analyzer/guard/guard.ts'
import {
  LATENCY_QUANTILES,
  LATENCY_SLOT_MS,
  type LatencyThreshold,
  StableLatency,
} from '../../analyzer/latency.ts'
import { Cell, type Settled } from './cell.ts'
import type { CellPair } from './cells.ts'
import { NO_LIMITS, outcomesOf } from './outcomes.ts'
import { type SavedStep, StepCase, type StepOpinion } from './step-case.ts'

/** Between two ticks of the judge. */
export const TICK_MS = 100

/**
 * Ticks from one saving of the guard to the next, all of which are kept: a save takes as long as a tick of the
 * guard, so one before each would make it twice as slow.
 */
const RECORD_TICKS = 10

const TICKS_PER_SLOT = LATENCY_SLOT_MS / TICK_MS

/** Requests of a canary that has just begun, or its first time, in which it may be slow. */
const WARM_UP = { requests: 200, ticks: 30_000 / TICK_MS } as const

/** Everything a case remembers, safe for JSON. */
export interface SavedCase {
  readonly guard: SavedGuard
  /** Left out: no step waits for evidence. */
  readonly step?: SavedStep
  readonly warmUp: { readonly requestCount: number; readonly tickCount: number }
}

export interface CaseOptions {
  readonly plan: GuardPlan
  readonly isSticky: boolean
  readonly actions?: GuardActions | undefined
  /** Stable's thresholds from before the attempt. */
  readonly thresholds: readonly (LatencyThreshold | null)[]
  readonly segments: readonly Uint32Array[]
  readonly saved?: SavedCase | undefined
}

/** What there is beside the outcomes of a tick. */
interface Now {
  /** In force. */
  readonly weightBp: number
  /** Of the step where that waits for evidence, which begins with none; else null. */
  readonly stepKey: string | null
  /** Whether no endpoint of either variant is new or just healthy again. */
  readonly isSteady: boolean
}

interface CellReaders {
  readonly pair: CellPair
  readonly stable: Cell
  readonly canary: Cell
}

/** Few units make many requests: how many bad ones there must be is enough. */
const UNIT_MINIMUM = { ...STANDARD_GUARD.minimum, canaryCount: 3 }

export class Case {
  readonly #options: CaseOptions
  readonly #config: GuardConfig
  readonly #guard: Guard
  readonly #stable: StableLatency
  readonly #readers = new Map<number, CellReaders>()
  #slotTickCount = 0
  #warmUp: { requestCount: number; tickCount: number }
  #weightBp: number | null = null
  #isSteady = true
  #canaryCount = 0
  #stableCount = 0
  readonly #step: StepCase
  #decision: Decision | null
  /** The ticks that the decision was reached by, or may be. */
  #from: SavedGuard
  #ticks: TickCounts[] = []
  #record: DecisionRecord | null = null

  /** Throws a RangeError when `saved` does not fit. */
  constructor(options: CaseOptions) {
    const { saved } = options
    this.#options = options
    this.#config = withActions(guardOf(options.isSticky), options.actions ?? {})
    this.#guard = createGuard(this.#config, options.plan, saved?.guard)
    this.#from = this.#guard.save()
    this.#decision = this.#from.decision
    this.#step = new StepCase(this.#config, saved?.step)
    this.#stable = new StableLatency({}, saved?.guard.thresholds ?? options.thresholds)
    this.#warmUp = { ...(saved?.warmUp ?? { requestCount: 0, tickCount: 0 }) }
  }

  /** Requests of the canary that have settled since this process follows the case. */
  get canaryCount(): number {
    return this.#canaryCount
  }

  /** The same of stable. */
  get stableCount(): number {
    return this.#stableCount
  }

  /** What has been decided so far. */
  get decision(): Decision | null {
    return this.#decision
  }

  /** What the decision was reached by; null where none was reached since this process follows the case. */
  get record(): DecisionRecord | null {
    return this.#record
  }

  /** Returns what has been decided so far. */
  tick(
    cells: ReadonlyMap<number, CellPair>,
    { weightBp, stepKey, isSteady }: Now,
  ): Decision | null {
    this.#isSteady = isSteady
    const isStep = this.#weightBp !== null && this.#weightBp !== weightBp
    this.#weightBp = weightBp
    const thresholds = this.#thresholds
    const { isTimed } = this
    const epochs = [...cells].flatMap(([at, pair]) => this.#read(at, pair, isTimed) ?? [])
    this.#turnSlot()
    this.#warmUp.tickCount++
    for (const { stable } of epochs) this.#stableCount += stable.requestCount
    const decision = this.#decide({ epochs, isStep, thresholds })
    this.#step.tick(stepKey, epochs, !this.#guard.isCoinBroken)
    return decision
  }

  evidence(): GuardEvidence {
    return this.#guard.evidence()
  }

  sentence(): string {
    return explain(this.#guard.evidence())
  }

  /** Null where no step waits for evidence. */
  step(): StepOpinion | null {
    const againstLog10 = log10(this.#guard.lnEvidence)
    return this.#step.opinion({ tickMs: TICK_MS, weightBp: this.#weightBp ?? 0, againstLog10 })
  }

  save(): SavedCase {
    const step = this.#step.save()
    return {
      guard: this.#guard.save(),
      warmUp: { ...this.#warmUp },
      ...(step !== undefined && { step }),
    }
  }

  /** A decision stays until a stronger one is reached; each is kept with what it was reached by. */
  #decide(counts: TickCounts): Decision | null {
    if (this.#ticks.length === RECORD_TICKS) {
      this.#from = this.#guard.save()
      this.#ticks = []
    }
    this.#ticks.push(counts)
    const decision = this.#guard.add(counts)
    if (decision !== this.#decision) {
      const { plan } = this.#options
      this.#record = { config: this.#config, plan, from: this.#from, ticks: [...this.#ticks] }
    }
    this.#decision = decision
    return decision
  }

  /** What is slow for units of either variant, in microseconds, one for each quantile; 0 where nobody is timed. */
  get unitLimitsUs(): readonly number[] {
    if (!this.isTimed) return UNTIMED
    return this.#thresholds.map((threshold) => threshold?.canaryUs ?? 0)
  }

  /** Units of both variants are measured by the canary's, see `UnitCounts`. */
  get #thresholds(): readonly (LatencyThreshold | null)[] {
    const { thresholds } = this.#stable
    if (!this.#options.isSticky) return thresholds
    return thresholds.map((one) => one && { stableUs: one.canaryUs, canaryUs: one.canaryUs })
  }

  /** Whether latency is judged now: the canary has warmed up, and so have the endpoints of both variants. */
  get isTimed(): boolean {
    const { requestCount, tickCount } = this.#warmUp
    return this.#isSteady && (requestCount >= WARM_UP.requests || tickCount >= WARM_UP.ticks)
  }

  #read(weightBp: number, pair: CellPair, isTimed: boolean): EpochCounts | null {
    const readers = this.#readersOf(weightBp, pair)
    const stable = readers.stable.read()
    const canary = readers.canary.read()
    if (stable === null && canary === null) return null
    const thresholds = this.#thresholds
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
    if (known?.pair === pair) return known
    const { segments } = this.#options
    const made = {
      pair,
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

const UNTIMED: readonly number[] = LATENCY_QUANTILES.map(() => 0)

function guardOf(isSticky: boolean): GuardConfig {
  return isSticky ? { ...STANDARD_GUARD, isSticky, minimum: UNIT_MINIMUM } : STANDARD_GUARD
}
