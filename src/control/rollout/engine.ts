/**
 * What the rest of the control plane sees of the rollout engine. `controller.ts` implements it.
 */

import type { Standing } from '../../analyzer/measure/standing.ts'
import type { CheckResult } from '../../analyzer/threshold.ts'
import type { WindowCounts } from '../../analyzer/window.ts'
import type { Config } from '../config/config.ts'
import type { JournalEntry, KeptReply } from '../store/contract.ts'
import type { Opinion } from '../judge/judge.ts'
import type { RunningRollout } from './book.ts'
import type { Plan, Rollout, Verdict } from './state.ts'

export interface StartRequest {
  readonly route: string
  /** Name of the upstream to move the route to. */
  readonly to: string
  readonly plan: Plan
}

export type Action =
  | { readonly type: 'promote'; readonly full: boolean }
  | { readonly type: 'pause'; readonly reason: string }
  | { readonly type: 'resume' }
  | { readonly type: 'abort'; readonly reason: string }
  | { readonly type: 'retry' }
  | { readonly type: 'setWeight'; readonly weightBp: number }

/** Who asks, and how the answer is kept if the same request comes again. */
export interface Caller {
  readonly actor: string
  /** Writes the reply in the same transaction as the decision, so that neither exists without the other. */
  readonly keep?: (rollout: Rollout) => KeptReply
}

/** What the caller believes; a mismatch is `stale`. Never asked of an abort. */
export interface Expected {
  readonly generation?: number
  readonly stepIndex?: number
}

/** Where a route's traffic goes. */
export interface RouteTarget {
  readonly route: string
  readonly stable: string
  readonly canary: {
    readonly rollout: string
    readonly upstream: string
    readonly weightBp: number
    readonly salt: string
    readonly attempt: number
  } | null
}

/** Puts targets into every thread. */
export interface Routing {
  /** Resolves when no thread works by an older snapshot any more; rejects with `routingFailed`. */
  publish(config: Config, targets: readonly RouteTarget[]): Promise<void>
}

/** What is counted: a variant of a route, from now on and over at most `windowMs`. */
export interface EvidenceOf {
  readonly route: string
  readonly rollout: string
  readonly variant: 'stable' | 'canary'
  readonly windowMs: number
}

/** Counts of one variant in a rolling window that opens now and never reaches further back. */
export interface Evidence {
  counts(): WindowCounts
  close(): void
}

/** What the guard says of a running rollout. */
export interface Analysis {
  readonly rollout: string
  readonly attempt: number
  readonly stepIndex: number
  readonly verdict: Verdict
  readonly sentence: string
  readonly checks: readonly CheckResult[]
  readonly window: {
    readonly ms: number
    readonly requestCount: number
    readonly errorCount: number
  }
  readonly consecutiveFailureCount: number
  readonly failureCount: number
  /** What the evidence says; null where there is none. */
  readonly opinion: Opinion | null
  /** Where the metrics of the configuration stand. */
  readonly metrics: readonly Standing[]
}

export interface Engine {
  start(request: StartRequest, caller: Caller): Promise<Rollout>
  /** Serialised with every other change; when it resolves, the decision is durable and every thread obeys it. */
  act(id: string, action: Action, caller: Caller, expected?: Expected): Promise<Rollout>
  /** Newest first. */
  list(): readonly Rollout[]
  find(id: string): Rollout | undefined
  /** The running rollout of a route. */
  runningOn(route: string): Rollout | undefined
  running(): readonly RunningRollout[]
  targets(): readonly RouteTarget[]
  /** Null when it has ended. */
  analysis(id: string): Analysis | null
  /** Called after each journal entry is durable and routed; returns the unsubscriber. */
  onEntry(listener: (entry: JournalEntry) => void): () => void
  /** Takes a new, checked configuration: stables, blocked and unblocked rollouts, publication. */
  reconfigure(config: Config): Promise<void>
  /** Publishes anew where something else that snapshots are made of has changed; resolves when every thread has it. */
  republish(): Promise<void>
  /** Deadlines and guard; called every 100 ms. */
  tick(): void
  /** Finishes what is queued, then takes nothing more. */
  stop(): Promise<void>
}
