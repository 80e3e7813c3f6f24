/**
 * What the admin API needs from the rest of the control plane. Structural, so that its tests stand
 * on a small fake engine and `main.ts` passes the real parts as they are.
 */

import type { PathMatch } from '../../proxy/snapshot.ts'
import type { Token } from '../config/config.ts'
import type { PushedMetrics } from '../providers/pushed.ts'
import type { Engine, RouteTarget } from '../rollout/engine.ts'
import type { FlagControl } from '../flags/flags.ts'
import type { OwnFlags } from '../flags/own-flags.ts'
import type { FlagChangeRow, Store } from '../store/contract.ts'
import type { SeriesWindows } from '../series.ts'
import type { Upstreams } from '../upstreams/upstreams.ts'
import type { StreamLimits } from './stream.ts'

export interface VariantState {
  /** Name of the upstream. */
  readonly upstream: string
  readonly windows: SeriesWindows
}

/** A route as it is served now. */
export interface RouteState {
  readonly name: string
  /** Empty: any host. */
  readonly hosts: readonly string[]
  readonly path: PathMatch
  readonly stable: VariantState
  /** Null where no rollout gives the route a canary. */
  readonly canary: (VariantState & { readonly rollout: string; readonly weightBp: number }) | null
}

export interface Log {
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** Flags, as far as the API asks for them. */
export interface ApiFlags extends Pick<FlagControl, 'providers' | 'flagship'> {
  readonly own: Pick<OwnFlags, 'list' | 'find' | 'create' | 'remove' | 'change' | 'approve' | 'off'>
  /** Where routes' traffic goes. */
  targets(): readonly RouteTarget[]
  /** What was done to a flag, newest first. */
  changes(key: string, limit: number): Promise<readonly FlagChangeRow[]>
}

export interface ApiDeps {
  readonly engine: Pick<
    Engine,
    'start' | 'act' | 'list' | 'find' | 'runningOn' | 'analysis' | 'onEntry'
  >
  readonly pushed: Pick<PushedMetrics, 'push'>
  readonly store: Pick<Store, 'journal' | 'lastSeq' | 'findReply'>
  /** In the order of the configuration. */
  routes(): readonly RouteState[]
  readonly upstreams: Pick<Upstreams, 'states' | 'leaving'>
  readonly flags: ApiFlags
  /** What a route gets, stable and canary together; null where that is not known yet. */
  requestsPerSecond(route: string): number | null
  /** The Prometheus exposition. */
  renderMetrics(): Promise<{ readonly contentType: string; readonly body: string }>
  /** Whether traffic is served as configured; each reason is one sentence without a full stop. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] }
  /** Asked at each request, so that a reload counts at once. Empty: no authentication. */
  tokens(): readonly Token[]
  readonly clock: { nowMs(): number }
  readonly log: Log
  /** Left out: `STREAM_LIMITS`. */
  readonly streamLimits?: StreamLimits
}
