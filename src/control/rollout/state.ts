/**
 * The words of the rollout machine: plan, state, event, effect. All plain data, all stored as JSON.
 */

import type { GuardActions } from '../../analyzer/guard/config.ts'
import type { GuardEvidence } from '../../analyzer/guard/evidence.ts'
import type { DemandReplay } from '../providers/replay.ts'
import type { DecisionRecord } from '../../analyzer/guard/guard.ts'
import type { StepOpinion } from '../judge/step-case.ts'

/** The canary's share of traffic in basis points: 0 is none, 10 000 is all. */
export type WeightBp = number

export type Step =
  | { readonly type: 'setWeight'; readonly weightBp: WeightBp }
  | {
      readonly type: 'pause'
      /** Null: until somebody promotes, or there is evidence. */
      readonly durationMs: number | null
      /** The least time after which evidence that the canary is good ends it; left out: evidence does not. */
      readonly dwellMs?: number
    }
  /** Watches the canary for a while before the rollout is called promoted; the last step. */
  | { readonly type: 'bake'; readonly durationMs: number }

/** The checks that run whenever the canary has traffic. */
export interface GuardPlan {
  /** Whether the canary is compared with stable all the time, see `analyzer/guard/`. */
  readonly coin: boolean
  /** What is done about checks of the comparison that fail; who is not in it takes the canary back. */
  readonly actions?: GuardActions
  /** Beside that, as the user wrote them: `error_rate<1%, latency_p95<2s`; parsed by `analyzer/criteria.ts`. Empty: none. */
  readonly successCriteria: string
  /** Length of the rolling window that is judged, never reaching back before the step began. */
  readonly windowMs: number
  /** Time between two judgements. */
  readonly intervalMs: number
  /** Judgements in a row that may fail; one more aborts. 0: the first failure aborts. */
  readonly consecutiveFailureLimit: number
  /** Judgements that may fail in one attempt, in a row or not; one more aborts. Null: no such limit. */
  readonly failureLimit: number | null
}

/** What was asked for, pinned when the rollout starts. */
export interface Plan {
  readonly steps: readonly Step[]
  readonly guard: GuardPlan
}

export type Verdict = 'pass' | 'fail' | 'inconclusive' | 'noData'

/** The last judgement of the current step. */
export interface Judgement {
  readonly verdict: Verdict
  /** One sentence with numbers. */
  readonly sentence: string
  readonly atMs: number
}

/** Who caused an event, for the audit trail. */
export type Trigger = 'person' | 'analyzer' | 'deadline' | 'config' | 'process'

export type Phase =
  /** Going through its steps; a timed pause is part of it. */
  | 'progressing'
  /** Waits for a person: an indefinite pause step, or somebody paused it. */
  | 'paused'
  /** In a bake step. */
  | 'baking'
  | 'promoted'
  /** Taken back before the canary had all the traffic. */
  | 'aborted'
  /** Taken back after the canary had all the traffic. */
  | 'rolledBack'
  | 'superseded'
  /** The configuration no longer has its route or upstream; the canary has no traffic. */
  | 'blocked'

/** What every rollout has, whatever its phase. */
export interface RolloutBase {
  /** Such as `shop-3`: the route and a running number. */
  readonly id: string
  readonly route: string
  /** Names of upstreams. */
  readonly from: string
  readonly to: string
  readonly plan: Plan
  /** Salt of the coin; the same in every attempt. */
  readonly salt: string
  /** 1 for the first attempt; a retry adds one. */
  readonly attempt: number
  /** Rises by one with each recorded transition; the ETag. */
  readonly generation: number
  readonly startedAtMs: number
  /** When this attempt began. */
  readonly attemptAtMs: number
}

/** What a rollout has while it runs. */
export interface Running {
  /** Index into `plan.steps` of the step that holds it. */
  readonly stepIndex: number
  readonly weightBp: WeightBp
  /** When the step (and so its evidence) began, milliseconds since 1970. */
  readonly stepAtMs: number
  /** When the step's time is over, milliseconds since 1970; null: only a person ends it. */
  readonly deadlineMs: number | null
  /** Null until the first judgement of the step. */
  readonly judgement: Judgement | null
  /** Failing judgements in a row, and in the attempt. */
  readonly consecutiveFailureCount: number
  readonly failureCount: number
}

export type Rollout = RolloutBase &
  (
    | ({ readonly phase: 'progressing' | 'baking' } & Running)
    | ({
        readonly phase: 'paused'
        /** Why it waits for a person. */
        readonly reason: string
        /** What `resume` goes back to after a person's pause; a pause step without an end is left by it. */
        readonly resumesTo: 'progressing' | 'baking'
      } & Running)
    | ({
        readonly phase: 'blocked'
        readonly reason: string
        readonly resumesTo: 'progressing' | 'baking'
      } & Running)
    | { readonly phase: 'promoted'; readonly endedAtMs: number; readonly reason: string }
    | {
        readonly phase: 'aborted' | 'rolledBack' | 'superseded'
        readonly endedAtMs: number
        readonly reason: string
        /** Where it was when it ended. */
        readonly stepIndex: number
        readonly weightBp: WeightBp
      }
  )

/** Time is milliseconds since 1970. `actor` is a token's name, `anonymous`, or `sluice`. */
export type RolloutEvent =
  | { readonly type: 'start'; readonly atMs: number; readonly actor: string }
  | {
      readonly type: 'verdict'
      readonly atMs: number
      /** Evidence is keyed by attempt and step; a verdict on another one is ignored. */
      readonly attempt: number
      readonly stepIndex: number
      readonly verdict: Verdict
      readonly sentence: string
      /** That the canary is good; where the step waits for it. */
      readonly promotion?: StepOpinion
    }
  /** The evidence has reached its limit, or a metric has an outcome: what it says is done at once. */
  | {
      readonly type: 'alarm'
      readonly atMs: number
      /** Evidence is keyed by attempt; of another one it is ignored. */
      readonly attempt: number
      readonly action: 'abort' | 'pause'
      readonly sentence: string
      /** What it was decided on; null where a metric decided, whose numbers are in the sentence. */
      readonly evidence: GuardEvidence | null
      /** From which it can be computed again; null where it was reached in an earlier process, or is too large to keep. */
      readonly replay: DecisionRecord | DemandReplay | null
    }
  | { readonly type: 'deadline'; readonly atMs: number }
  | {
      readonly type: 'setWeight'
      readonly atMs: number
      readonly actor: string
      readonly weightBp: WeightBp
    }
  | {
      readonly type: 'promote'
      readonly atMs: number
      readonly actor: string
      readonly full: boolean
    }
  | {
      readonly type: 'pause'
      readonly atMs: number
      readonly actor: string
      readonly reason: string
    }
  | { readonly type: 'resume'; readonly atMs: number; readonly actor: string }
  | {
      readonly type: 'abort'
      readonly atMs: number
      readonly actor: string
      readonly reason: string
    }
  | { readonly type: 'retry'; readonly atMs: number; readonly actor: string }
  | {
      readonly type: 'supersede'
      readonly atMs: number
      readonly actor: string
      readonly by: string
    }
  | { readonly type: 'block'; readonly atMs: number; readonly reason: string }
  /** The process is back after a stop or crash: evidence in memory is gone. */
  | { readonly type: 'restart'; readonly atMs: number }

/** Work for the shell, in the order in which it must be done: record, route, tell. */
export type Effect =
  | {
      readonly type: 'record'
      readonly trigger: Trigger
      readonly actor: string
      /** One sentence for people. */
      readonly reason: string
    }
  /** The canary's share from now on; 0 takes it out of the route. */
  | { readonly type: 'route'; readonly weightBp: WeightBp }
  /** The route's stable upstream is now the rollout's `to`, and the canary is gone. */
  | { readonly type: 'promoteUpstream' }
  | { readonly type: 'tell'; readonly message: string }

export interface Transition {
  /** The very same object when the event changed nothing. */
  readonly state: Rollout
  readonly effects: readonly Effect[]
}
