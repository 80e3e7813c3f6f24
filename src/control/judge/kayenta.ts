/**
 * Kayenta's judge beside the guard: a point of each variant an interval, and all points of the attempt judged anew.
 *
 * Its verdict has no bound on false alarms, and each look is one more chance for bad luck: so it says nothing before
 * there are as many points as the configuration asks for, and pauses unless that says otherwise. After a restart it goes
 * on with the points that there were; the interval in which that was is lost.
 */

import { judgeKayenta, type KayentaVerdict } from '../../analyzer/kayenta/judge.ts'
import { seededRandom } from '../../analyzer/kayenta/normal.ts'
import { addPoints, NO_POINTS, type SavedPoints, valuesOf } from '../../analyzer/kayenta/points.ts'
import type { Measurement } from '../../analyzer/measure/measure.ts'
import type { Standing } from '../../analyzer/measure/standing.ts'
import { windowStats } from '../../analyzer/window.ts'
import type { AnalysisConfig } from '../config/config.ts'
import type { Shelf } from './keeper.ts'
import type { Log } from '../log.ts'
import { type KayentaReplay, REPLAY_CHARS } from '../providers/replay.ts'
import type { Demand } from '../providers/attempt.ts'
import type { RunningRollout } from '../rollout/book.ts'
import type { Evidence, EvidenceOf } from '../rollout/engine.ts'

type Settings = NonNullable<AnalysisConfig['judge']>

/** The points of an attempt and what was made of them, safe for JSON. */
export interface KeptPoints {
  readonly version: 1
  readonly attempt: number
  readonly settings: Settings
  readonly points: SavedPoints
  readonly pointCount: number
  readonly verdict: KayentaVerdict | null
  readonly judgedAtMs: number
  readonly demand: Demand | null
}

export interface KayentaOptions {
  /** Left out: nothing is kept. */
  readonly shelf?: Shelf<KeptPoints>
  /** That of the configuration in force; null: there is none. */
  readonly settings: () => Settings | null
  readonly openEvidence: (of: EvidenceOf) => Evidence
  readonly clock: { nowMs(): number }
  readonly log: Pick<Log, 'warn' | 'error'>
}

/** Both variants since the same moment. */
interface Interval {
  readonly beganAtMs: number
  readonly canary: Evidence
  readonly stable: Evidence
}

interface Followed {
  readonly attempt: number
  readonly settings: Settings
  interval: Interval | null
  points: SavedPoints
  pointCount: number
  verdict: KayentaVerdict | null
  judgedAtMs: number
  demand: Demand | null
}

/** A window that is longer than its interval forgets nothing of it, though a tick comes late. */
const WINDOW_INTERVALS = 2

export class KayentaBench {
  readonly #options: KayentaOptions
  /** By rollout. */
  readonly #followed = new Map<string, Followed>()

  constructor(options: KayentaOptions) {
    this.#options = options
    for (const [rollout, kept] of options.shelf?.kept ?? []) {
      this.#followed.set(rollout, { ...kept, interval: null })
    }
  }

  /** Takes a point of a rollout whose interval is over: one a tick, since a day of points takes 20 ms to judge. */
  tick(running: readonly RunningRollout[]): void {
    const settings = this.#options.settings()
    this.#forget(settings === null ? [] : running)
    if (settings === null) return
    for (const rollout of running) {
      try {
        if (this.#follow(rollout, settings)) return
      } catch (error) {
        this.#options.log.error(`Kayenta's judge cannot look at rollout "${rollout.id}"`, { error })
      }
    }
  }

  demands(rollout: RunningRollout): readonly Demand[] {
    const demand = this.#followedOf(rollout)?.demand ?? null
    return demand === null ? [] : [demand]
  }

  /** As one of the metrics of the configuration, which is called `kayenta`. */
  standings(rollout: RunningRollout): readonly Standing[] {
    const followed = this.#followedOf(rollout)
    if (followed === undefined) return []
    const { verdict, pointCount, settings } = followed
    const sentence = `Kayenta's judge has ${pointCount} of the ${settings.minPointCount} points that it waits for`
    return [
      {
        name: 'kayenta',
        state: verdict?.verdict ?? 'running',
        sentence: verdict?.sentence ?? sentence,
        isStarved: false,
        isDryRun: false,
        last: verdict === null ? null : lastOf(verdict, followed.judgedAtMs),
      },
    ]
  }

  close(): void {
    for (const followed of this.#followed.values()) closeInterval(followed)
    this.#followed.clear()
  }

  #followedOf({ id, attempt }: RunningRollout): Followed | undefined {
    const followed = this.#followed.get(id)
    return followed?.attempt === attempt ? followed : undefined
  }

  /** Returns whether it was judged. */
  #follow(rollout: RunningRollout, settings: Settings): boolean {
    const followed = this.#obtain(rollout, settings)
    if (rollout.phase === 'blocked' || rollout.weightBp === 0) {
      closeInterval(followed)
      return false
    }
    const { clock } = this.#options
    const { interval } = followed
    if (interval !== null && clock.nowMs() - interval.beganAtMs < settings.intervalMs) return false
    if (interval !== null) {
      this.#judge(rollout, followed, interval)
      this.#keep(rollout.id, followed)
    }
    closeInterval(followed)
    followed.interval = this.#open(rollout, settings)
    return interval !== null
  }

  /** Other settings begin anew. */
  #obtain({ id, attempt }: RunningRollout, settings: Settings): Followed {
    const known = this.#followed.get(id)
    const isSame =
      known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)
    if (isSame && known.attempt === attempt) return known
    if (known !== undefined) closeInterval(known)
    const begun: Followed = {
      attempt,
      settings,
      interval: null,
      points: NO_POINTS,
      pointCount: 0,
      verdict: null,
      judgedAtMs: 0,
      demand: null,
    }
    this.#followed.set(id, begun)
    return begun
  }

  #open({ id, route }: RunningRollout, { intervalMs }: Settings): Interval {
    const { openEvidence, clock } = this.#options
    const of = { route, rollout: id, windowMs: WINDOW_INTERVALS * intervalMs }
    const canary = openEvidence({ ...of, variant: 'canary' })
    try {
      return {
        beganAtMs: clock.nowMs(),
        canary,
        stable: openEvidence({ ...of, variant: 'stable' }),
      }
    } catch (error) {
      canary.close()
      throw error
    }
  }

  #judge(rollout: RunningRollout, followed: Followed, { canary, stable }: Interval): void {
    const { settings } = followed
    const windows = { canary: windowStats(canary.counts()), stable: windowStats(stable.counts()) }
    followed.points = addPoints(followed.points, windows)
    followed.pointCount++
    if (followed.pointCount < settings.minPointCount) return
    // The same points give the same verdict, whenever they are judged.
    const random = seededRandom(followed.pointCount)
    const verdict = judgeKayenta(settings, valuesOf(followed.points), random)
    const hasFailed = followed.verdict?.verdict === 'fail'
    followed.verdict = verdict
    followed.judgedAtMs = this.#options.clock.nowMs()
    if (verdict.verdict !== 'fail') {
      followed.demand = null
      return
    }
    if (hasFailed) return
    const { sentence } = verdict
    const { onFailure } = settings
    if (onFailure === 'warn') this.#options.log.warn(`${rollout.id}: ${sentence}`)
    else {
      const id = `kayenta/${followed.pointCount}`
      followed.demand = { id, action: onFailure, sentence, replay: replayOf(followed) }
    }
  }

  #forget(running: readonly RunningRollout[]): void {
    const ids = new Set(running.map(({ id }) => id))
    for (const [id, followed] of this.#followed) {
      if (ids.has(id)) continue
      closeInterval(followed)
      this.#followed.delete(id)
      this.#options.shelf?.keep(id, null)
    }
  }

  #keep(rollout: string, followed: Followed): void {
    const { attempt, settings, points, pointCount, verdict, judgedAtMs, demand } = followed
    const kept = { attempt, settings, points, pointCount, verdict, judgedAtMs, demand }
    this.#options.shelf?.keep(rollout, { version: 1, ...kept })
  }
}

/** A day of points is more than a journal should keep for one verdict. */
function replayOf({ settings, points, pointCount }: Followed): KayentaReplay | null {
  const { rootTolerance, metrics, groupWeights, thresholds } = settings
  const plan = { rootTolerance, metrics, groupWeights, thresholds }
  const replay: KayentaReplay = { kind: 'kayenta', plan, points, pointCount }
  return JSON.stringify(replay).length <= REPLAY_CHARS ? replay : null
}

const OUTCOMES = {
  pass: 'success',
  fail: 'failure',
  inconclusive: 'inconclusive',
  noData: 'noData',
} as const

function lastOf({ verdict, sentence, score }: KayentaVerdict, atMs: number): Measurement {
  return { outcome: OUTCOMES[verdict], value: String(score.score), reason: sentence, atMs }
}

function closeInterval(followed: Followed): void {
  followed.interval?.canary.close()
  followed.interval?.stable.close()
  followed.interval = null
}
