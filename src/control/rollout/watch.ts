/**
 * The guard's eyes: for each running rollout the evidence of its current step, and what was found in it last.
 *
 * Evidence is keyed by attempt, step and the time at which the step began, so what was seen before a retry,
 * a resume or a new weight never counts afterwards.
 */

import type { WindowCounts } from '../../analyzer/window.ts'
import type { Book, RunningRollout } from './book.ts'
import type { Analysis, Evidence } from './engine.ts'
import type { Finding } from './guard.ts'
import type { Log } from '../log.ts'
import type { Plan, RolloutEvent } from './state.ts'

export interface WatchOptions {
  /** Opens the counts of a rollout's canary on a route. */
  readonly openEvidence: (route: string, rollout: string, windowMs: number) => Evidence
  readonly judge: (plan: Plan, counts: WindowCounts) => Finding
  readonly log: Log
}

interface Watched {
  readonly key: string
  /** Null when it could not be opened; tried again at each judgement. */
  evidence: Evidence | null
  /** When it was judged last, or opened. */
  judgedAtMs: number
  finding: Finding | null
  requestCount: number
  errorCount: number
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
      evidence?.close()
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
    const finding = this.#find(rollout, watched)
    if (finding === null) return null
    watched.finding = finding
    const { attempt, stepIndex } = rollout
    const { verdict, sentence } = finding
    return { type: 'verdict', atMs: nowMs, attempt, stepIndex, verdict, sentence }
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
    }
  }

  close(): void {
    for (const { evidence } of this.#watched.values()) evidence?.close()
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
    })
  }

  #openEvidence({ id, route, plan }: RunningRollout): Evidence {
    return this.#options.openEvidence(route, id, plan.guard.windowMs)
  }

  #find(rollout: RunningRollout, watched: Watched): Finding | null {
    return this.#guarded(rollout, () => {
      watched.evidence ??= this.#openEvidence(rollout)
      const counts = watched.evidence.counts()
      watched.requestCount = counts.requestCount
      watched.errorCount = counts.errorCount
      return this.#options.judge(rollout.plan, counts)
    })
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

function isWatched(rollout: RunningRollout): boolean {
  return rollout.phase !== 'blocked' && rollout.plan.guard.successCriteria !== ''
}

function keyOf({ attempt, stepIndex, stepAtMs }: RunningRollout): string {
  return `${attempt} ${stepIndex} ${stepAtMs}`
}

function whyUnjudged(rollout: RunningRollout): string {
  if (rollout.plan.guard.successCriteria === '') return 'No guard is set'
  if (rollout.phase === 'blocked' || rollout.weightBp === 0) return 'The canary has no traffic'
  return 'The step has not been judged yet'
}
