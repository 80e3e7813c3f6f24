/**
 * The guard's eyes: for each running rollout the evidence of its current step, and what was found in it last.
 *
 * Evidence is keyed by attempt, step and the time at which the step began, so what was seen before a retry,
 * a resume or a new weight never counts afterwards.
 */

import type { ReadCustom } from '../../analyzer/custom.ts'
import type { Standing } from '../../analyzer/measure/standing.ts'
import type { WindowCounts } from '../../analyzer/window.ts'
import type { Book, RunningRollout } from './book.ts'
import type { Analysis, Evidence, EvidenceOf } from './engine.ts'
import { type Beside, type Finding, followsStable, hasGuard } from './guard.ts'
import type { Opinion } from '../judge/judge.ts'
import type { Log } from '../log.ts'
import type { Plan, RolloutEvent } from './state.ts'
import { waitsForEvidence } from './walk.ts'

export interface WatchOptions {
  readonly openEvidence: (of: EvidenceOf) => Evidence
  readonly judge: (plan: Plan, counts: WindowCounts, beside: Beside) => Finding
  /** Reads what was pushed for a rollout since its step began. */
  readonly readCustom: (rollout: RunningRollout, nowMs: number) => ReadCustom
  /** What the evidence says; null where there is none. */
  readonly opinion: (rollout: RunningRollout) => Opinion | null
  /** Where the metrics of the configuration stand. */
  readonly standings: (rollout: RunningRollout) => readonly Standing[]
  readonly log: Log
}

/** The windows of both variants, opened at the same moment. */
interface Pair {
  readonly canary: Evidence
  /** Null where no criterion follows stable. */
  readonly stable: Evidence | null
}

interface Watched {
  readonly key: string
  /** Null when it could not be opened; tried again at each judgement. */
  evidence: Pair | null
  /** When it was judged last, or opened. */
  judgedAtMs: number
  finding: Finding | null
  requestCount: number
  errorCount: number
  /** What had settled of the canary when the step began. */
  readonly settledBefore: number
}

export class Watch {
  readonly #options: WatchOptions
  readonly #watched = new Map<string, Watched>()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  /** Opens evidence for what runs guarded, again where a step began, and closes what is over. */
  follow(book: Pick<Book, 'running'>, nowMs: number): void {
    const guarded = new Map(
      book
        .running()
        .filter(isWatched)
        .map((rollout) => [rollout.id, rollout]),
    )
    for (const [id, { key, evidence }] of this.#watched) {
      const rollout = guarded.get(id)
      if (rollout !== undefined && keyOf(rollout) === key) continue
      closePair(evidence)
      this.#watched.delete(id)
    }
    for (const rollout of guarded.values()) this.#open(rollout, nowMs)
  }

  /** Whether a judgement is due: at each interval, and at once when the step's time is over. */
  isDue(rollout: RunningRollout, nowMs: number): boolean {
    const watched = this.#current(rollout)
    if (watched === undefined || rollout.weightBp === 0) return false
    const { judgedAtMs } = watched
    if (nowMs - judgedAtMs >= rollout.plan.guard.intervalMs) return true
    const { deadlineMs } = rollout
    return deadlineMs !== null && nowMs >= deadlineMs && judgedAtMs < deadlineMs
  }

  /** Judges what the evidence holds now; null when nothing could be said. */
  judge(rollout: RunningRollout, nowMs: number): Extract<RolloutEvent, { type: 'verdict' }> | null {
    const watched = this.#current(rollout)
    if (watched === undefined) return null
    watched.judgedAtMs = nowMs
    const finding = this.#find(rollout, watched, nowMs)
    if (finding === null) return null
    watched.finding = finding
    const { attempt, stepIndex } = rollout
    const { verdict, sentence } = finding
    const promotion = waitsForEvidence(rollout) ? this.#options.opinion(rollout)?.step : null
    return {
      type: 'verdict',
      atMs: nowMs,
      attempt,
      stepIndex,
      verdict,
      sentence,
      ...(promotion != null && { promotion }),
    }
  }

  /** What was found last, or why nothing was. */
  analysis(rollout: RunningRollout): Analysis {
    const watched = this.#current(rollout)
    const finding = watched?.finding ?? null
    const { id, attempt, stepIndex, consecutiveFailureCount, failureCount, plan } = rollout
    return {
      rollout: id,
      attempt,
      stepIndex,
      verdict: finding?.verdict ?? 'noData',
      sentence: finding?.sentence ?? whyUnjudged(rollout),
      checks: finding?.checks ?? [],
      window: {
        ms: plan.guard.windowMs,
        requestCount: watched?.requestCount ?? 0,
        errorCount: watched?.errorCount ?? 0,
      },
      consecutiveFailureCount,
      failureCount,
      opinion: this.#options.opinion(rollout),
      metrics: this.#options.standings(rollout),
    }
  }

  close(): void {
    for (const { evidence } of this.#watched.values()) closePair(evidence)
    this.#watched.clear()
  }

  #current(rollout: RunningRollout): Watched | undefined {
    const watched = this.#watched.get(rollout.id)
    return watched?.key === keyOf(rollout) ? watched : undefined
  }

  #open(rollout: RunningRollout, nowMs: number): void {
    if (this.#watched.has(rollout.id)) return
    this.#watched.set(rollout.id, {
      key: keyOf(rollout),
      evidence: this.#guarded(rollout, () => this.#openEvidence(rollout)),
      judgedAtMs: nowMs,
      finding: null,
      requestCount: 0,
      errorCount: 0,
      settledBefore: this.#options.opinion(rollout)?.canaryCount ?? 0,
    })
  }

  #openEvidence({ id, route, plan }: RunningRollout): Pair {
    const { openEvidence } = this.#options
    const of = { route, rollout: id, windowMs: plan.guard.windowMs }
    const stable = followsStable(plan) ? openEvidence({ ...of, variant: 'stable' }) : null
    try {
      return { canary: openEvidence({ ...of, variant: 'canary' }), stable }
    } catch (error) {
      stable?.close()
      throw error
    }
  }

  #find(rollout: RunningRollout, watched: Watched, nowMs: number): Finding | null {
    return this.#guarded(rollout, () => {
      const { plan } = rollout
      const { canary, stable } = (watched.evidence ??= this.#openEvidence(rollout))
      const counts = canary.counts()
      watched.requestCount = counts.requestCount
      watched.errorCount = counts.errorCount
      const found =
        plan.guard.successCriteria === ''
          ? null
          : this.#options.judge(plan, counts, {
              ...(stable !== null && { stable: stable.counts() }),
              readCustom: this.#options.readCustom(rollout, nowMs),
            })
      const settled = plan.guard.coin ? this.#findSettled(rollout, watched) : null
      return found === null || settled === null ? (found ?? settled) : stricter(found, settled)
    })
  }

  /** Evidence that has reached its limit acts by itself; until then what it says is how much there is. */
  #findSettled(rollout: RunningRollout, { settledBefore }: Watched): Finding {
    const opinion = this.#options.opinion(rollout)
    const settledCount = (opinion?.canaryCount ?? 0) - settledBefore
    if (opinion === null || settledCount <= 0) return NOTHING_SETTLED
    return { verdict: 'pass', sentence: opinion.sentence, checks: [] }
  }

  /** What cannot be judged is not judged, so its step holds; the others go on. */
  #guarded<Result>({ id }: RunningRollout, work: () => Result): Result | null {
    try {
      return work()
    } catch (error) {
      this.#options.log.error(`Cannot judge rollout "${id}"`, { error })
      return null
    }
  }
}

const NOTHING_SETTLED: Finding = {
  verdict: 'noData',
  sentence: 'No request of the canary has settled since the step began',
  checks: [],
}

/** Strictest first. */
const VERDICTS: readonly Finding['verdict'][] = ['fail', 'noData', 'inconclusive', 'pass']

function stricter(found: Finding, settled: Finding): Finding {
  const isFound = VERDICTS.indexOf(found.verdict) <= VERDICTS.indexOf(settled.verdict)
  return { ...(isFound ? found : settled), checks: found.checks }
}

function closePair(pair: Pair | null): void {
  pair?.canary.close()
  pair?.stable?.close()
}

function isWatched(rollout: RunningRollout): boolean {
  return rollout.phase !== 'blocked' && hasGuard(rollout.plan)
}

function keyOf({ attempt, stepIndex, stepAtMs }: RunningRollout): string {
  return `${attempt} ${stepIndex} ${stepAtMs}`
}

function whyUnjudged(rollout: RunningRollout): string {
  if (!hasGuard(rollout.plan)) return 'No guard is set'
  if (rollout.phase === 'blocked' || rollout.weightBp === 0) return 'The canary has no traffic'
  return 'The step has not been judged yet'
}
