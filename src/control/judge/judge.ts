/**
 * The judge: a case for each attempt that runs, fed at each tick whether or not a step is to be decided, since the guard
 * watches whenever the canary has traffic.
 */

import type { Decision, GuardEvidence } from '../../analyzer/guard/evidence.ts'
import type { DecisionRecord, GuardPlan } from '../../analyzer/guard/guard.ts'
import type { LatencyThreshold } from '../../analyzer/latency.ts'
import type { RunningRollout } from '../rollout/book.ts'
import { waitsForEvidence } from '../rollout/walk.ts'
import type { Log } from '../log.ts'
import { Case, type SavedCase, TICK_MS } from './case.ts'
import { Figures, type JudgeFigures } from './figures.ts'
import type { KeptSettlement, Settlements } from './settlements.ts'
import type { StepOpinion } from './step-case.ts'

/** What the judge knows of an attempt. */
export interface Opinion {
  readonly evidence: GuardEvidence
  readonly sentence: string
  /** Whether latency is judged now, and not waited for until endpoints are warm. */
  readonly isTimed: boolean
  /** Of a step that waits for evidence; else null. */
  readonly step: StepOpinion | null
  /** Requests of the canary that have settled since this process follows it. */
  readonly canaryCount: number
}

/** What the evidence has decided. */
export interface Ruling {
  readonly decision: Decision
  readonly sentence: string
  readonly evidence: GuardEvidence
  /** What it was reached by; null where that was in an earlier process. */
  readonly record: DecisionRecord | null
}

/** An attempt's evidence, as the store keeps it. */
export interface KeptEvidence extends KeptSettlement {
  readonly attempt: number
  readonly saved: SavedCase
}

export interface JudgeOptions {
  readonly settlements: Settlements
  /** Each thread's words, see `analyzer/tally.ts`. */
  readonly segments: readonly Uint32Array[]
  readonly isSticky: (route: string) => boolean
  /** Whether no endpoint of either variant is new or just healthy again; else nobody's latency is judged. */
  readonly isSteady: (rollout: RunningRollout) => boolean
  /** What stable's requests took in the last minute. */
  readonly thresholds: (route: string) => readonly (LatencyThreshold | null)[]
  /** Evidence of an earlier process, by rollout. */
  readonly kept: ReadonlyMap<string, KeptEvidence>
  readonly keep: (rollout: string, evidence: KeptEvidence | null) => void
  readonly log: Log
}

/** How long a rollout is taken to be that does not say. */
const HORIZON_MS = 3_600_000
const MAX_HORIZON_MS = 86_400_000
/** Between two savings of a case. */
const SAVE_TICKS = 1_000 / TICK_MS

interface Docket {
  readonly route: string
  readonly rollout: string
  readonly attempt: number
  readonly isSticky: boolean
  /** Else it is followed, but nobody asks what comes of it. */
  readonly isCompared: boolean
  readonly case: Case
  ticksUnsaved: number
}

export class Judge {
  readonly #options: JudgeOptions
  readonly #dockets = new Map<string, Docket>()
  readonly #figures = new Figures()
  /** Whether evidence of rollouts that ended with an earlier process is forgotten. */
  #hasLookedBack = false

  constructor(options: JudgeOptions) {
    this.#options = options
  }

  /** Reads what has settled, for all that run. Those that do not any more are forgotten. */
  tick(running: readonly RunningRollout[]): void {
    this.#forget(running)
    for (const rollout of running) {
      try {
        this.#follow(rollout)
      } catch (error) {
        this.#options.log.error(`Cannot judge rollout "${rollout.id}"`, { error })
      }
    }
    this.#options.settlements.keepOnly([...this.#dockets.values()])
  }

  /** Null when the attempt is not followed, or asks for no comparison. */
  opinion(rollout: RunningRollout): Opinion | null {
    const docket = this.#docketOf(rollout)
    if (docket?.isCompared !== true) return null
    const { case: one } = docket
    return {
      evidence: one.evidence(),
      sentence: one.sentence(),
      isTimed: one.isTimed,
      step: one.step(),
      canaryCount: one.canaryCount,
    }
  }

  /** Null while nothing is decided. */
  decision(rollout: RunningRollout): Ruling | null {
    const docket = this.#docketOf(rollout)
    if (docket?.isCompared !== true) return null
    const { case: one } = docket
    const { decision, record } = one
    if (decision === null) return null
    return { decision, sentence: one.sentence(), evidence: one.evidence(), record }
  }

  /** For the metrics: the evidence of what runs, and what was counted since the process started. */
  figures(): JudgeFigures {
    const { settled, decisions } = this.#figures
    const running = [...this.#dockets.values()]
      .filter(({ isCompared }) => isCompared)
      .map(({ route, rollout, case: one }) => ({ route, rollout, evidence: one.evidence() }))
    return { running, settled, decisions }
  }

  #docketOf(rollout: RunningRollout): Docket | null {
    const docket = this.#dockets.get(rollout.id)
    return docket?.attempt === rollout.attempt ? docket : null
  }

  #follow(rollout: RunningRollout): void {
    const { settlements, isSticky, log } = this.#options
    const known = this.#docketOf(rollout)
    const isSame = known?.isSticky === isSticky(rollout.route)
    if (known !== null && !isSame) {
      log.warn(`The evidence of "${rollout.id}" begins anew: "sticky" of its route has changed`)
    }
    const docket = isSame ? known : this.#open(rollout)
    const { case: one } = docket
    const { stableCount, canaryCount, decision } = one
    one.tick(settlements.cells(docket), {
      weightBp: rollout.weightBp,
      stepKey: stepKeyOf(rollout),
      isSteady: this.#options.isSteady(rollout),
    })
    if (docket.isCompared) {
      this.#figures.add(rollout.route, { stableCount, canaryCount, decision }, one)
      if (one.decision !== decision && one.decision?.action === 'warn') {
        log.warn(`${rollout.id}: ${one.sentence()}`)
      }
    }
    settlements.setUnitLimits(docket, one.unitLimitsUs)
    if (++docket.ticksUnsaved < SAVE_TICKS) return
    this.#keep(docket)
  }

  /** Has all evidence kept as it is now. */
  keepAll(): void {
    for (const docket of this.#dockets.values()) this.#keep(docket)
  }

  #keep(docket: Docket): void {
    const { rollout, attempt } = docket
    docket.ticksUnsaved = 0
    const settlement = this.#options.settlements.keep(docket)
    if (settlement === null) return
    this.#options.keep(rollout, { attempt, ...settlement, saved: docket.case.save() })
  }

  #open(rollout: RunningRollout): Docket {
    const { id, route, attempt } = rollout
    const { isSticky, kept } = this.#options
    const earlier = this.#dockets.has(id) ? undefined : kept.get(id)
    this.#close(id)
    const docket: Docket = {
      route,
      rollout: id,
      attempt,
      isSticky: isSticky(route),
      isCompared: rollout.plan.guard.coin,
      // Those that begin at once, as after a restart, are not all kept in one tick.
      ticksUnsaved: this.#dockets.size % SAVE_TICKS,
      case: this.#caseOf(rollout, earlier?.attempt === attempt ? earlier.saved : undefined),
    }
    this.#dockets.set(id, docket)
    return docket
  }

  /** What another version has kept may not fit; the attempt then begins with no evidence. */
  #caseOf(rollout: RunningRollout, saved: SavedCase | undefined): Case {
    const { isSticky, thresholds, segments, log } = this.#options
    const options = {
      plan: guardPlan(rollout),
      isSticky: isSticky(rollout.route),
      actions: rollout.plan.guard.actions,
      thresholds: thresholds(rollout.route),
      segments,
    }
    try {
      return new Case({ ...options, saved })
    } catch (error) {
      if (saved === undefined) throw error
      log.warn(`The evidence of "${rollout.id}" begins anew: what was kept does not fit`, { error })
      return new Case(options)
    }
  }

  #forget(running: readonly RunningRollout[]): void {
    const ids = new Set(running.map(({ id }) => id))
    const earlier = this.#hasLookedBack ? [] : this.#options.kept.keys()
    this.#hasLookedBack = true
    for (const id of [...this.#dockets.keys(), ...earlier]) {
      if (ids.has(id)) continue
      this.#close(id)
      this.#options.keep(id, null)
    }
  }

  #close(id: string): void {
    const docket = this.#dockets.get(id)
    if (docket === undefined) return
    this.#options.settlements.release(docket)
    this.#dockets.delete(id)
  }
}

/** Evidence of a step begins anew with the step, also where that is resumed or taken at another weight. */
function stepKeyOf(rollout: RunningRollout): string | null {
  if (!waitsForEvidence(rollout)) return null
  return `${rollout.stepIndex} ${rollout.stepAtMs}`
}

function guardPlan(rollout: RunningRollout): GuardPlan {
  const weightCount = rollout.plan.steps.filter(({ type }) => type === 'setWeight').length
  return {
    tickMs: TICK_MS,
    horizonMs: horizonMs(rollout),
    stepCount: Math.max(0, weightCount - 1),
  }
}

/** How long the plan takes; a wait for people is taken for an hour. */
function horizonMs({ plan }: RunningRollout): number {
  let plannedMs = 0
  for (const step of plan.steps) {
    if (step.type === 'setWeight') continue
    plannedMs += step.durationMs ?? HORIZON_MS
  }
  return Math.min(MAX_HORIZON_MS, plannedMs === 0 ? HORIZON_MS : plannedMs)
}
