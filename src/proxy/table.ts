/**
 * The routing table: a snapshot compiled for one thread. Everything that can be worked out before a request
 * comes is worked out here; requests read one reference to it.
 */

import { CODE_COUNT, FIRST_CODE, seriesOffset } from '../analyzer/tally.ts'
import { TrustedPeers } from './address.ts'
import type { RetryBudget, RetryBudgets } from './attempt/budget.ts'
import { compileTries, flagsAt, type Tries } from './attempt/policy.ts'
import { seedOf } from './bucket.ts'
import { type CompiledRule, compileRules } from './cohort/rules.ts'
import type { TokenReader, TokenReaders } from './cohort/token/reader.ts'
import type { FlagEvaluator } from './flags/evaluator.ts'
import { GRPC_CODE_COUNT } from './grpc.ts'
import type {
  AccessLog,
  ErrorRule,
  Limits,
  PathMatch,
  Route,
  Snapshot,
  Sticky,
  Timeouts,
  Variant,
} from './snapshot.ts'
import type { SettlementRing } from './settlement/ring.ts'
import type { SettlementRings } from './settlement/rings.ts'
import { CompiledUpstream } from './upstream/compiled.ts'
import type { EndpointSet } from './upstream/endpoint-set.ts'
import { createVia, type Via } from './via.ts'

export interface CompiledVariant {
  readonly name: string
  readonly weightBp: number
  readonly upstream: CompiledUpstream
  /** First word of the variant's series in the thread's segment of the tally. */
  readonly series: number
  /** Where its settled outcomes are counted; `NO_CELL`: nowhere. */
  readonly cell: number
  /** Header lines that tell the upstream what was chosen. */
  readonly lines: string
  readonly tries: Tries
  /** Where the client has asked for the variant. */
  readonly askedTries: Tries
}

export interface CompiledRoute {
  readonly name: string
  readonly sticky: Sticky | null
  readonly forceHeader: string | null
  readonly rules: readonly CompiledRule[]
  readonly tokens: TokenReader
  /** Stable first. */
  readonly variants: readonly CompiledVariant[]
  /** Seed of the coin. */
  readonly seed: number
  readonly errors: CompiledErrors
  readonly retry: CompiledRetry
  /** See `Route.hedgeMs`. */
  readonly hedgeMs: number | null
  readonly mirror: CompiledMirror | null
  /** Null where nobody judges. */
  readonly ring: SettlementRing | null
}

export interface CompiledMirror {
  readonly upstream: CompiledUpstream
  /** 0 to 1. */
  readonly share: number
  readonly methods: ReadonlySet<string>
  /** First word of the copies' series. */
  readonly series: number
}

export interface CompiledRetry {
  readonly attempts: number
  /** Null: the idempotent ones. */
  readonly methods: ReadonlySet<string> | null
  readonly budget: RetryBudget
}

export const NO_CELL = -1

/** 1 where a code counts as an error of the variant; the index is the code. */
export interface CompiledErrors {
  readonly byStatus: Uint8Array
  readonly byGrpcStatus: Uint8Array
}

/** One way to reach a route. */
export interface MatchEntry {
  /** Lower case; `*.example.com` for every host below; null for any host. */
  readonly host: string | null
  readonly path: PathMatch
  readonly route: CompiledRoute
}

export interface RoutingTable {
  readonly version: number
  readonly limits: Limits
  readonly timeouts: Timeouts
  readonly trusted: TrustedPeers
  /** Null: off. */
  readonly accessLog: AccessLog | null
  readonly tellsRefusals: boolean
  readonly via: Via
  /** What rules ask. */
  readonly flags: FlagEvaluator
  /** Most specific first; a route with several hosts has an entry for each. */
  readonly entries: readonly MatchEntry[]
  readonly byName: ReadonlyMap<string, CompiledRoute>
}

/** What outlives every snapshot: the live state of endpoints, and what is on its way to being settled. */
export interface LiveState {
  readonly endpoints: EndpointSet
  readonly rings: SettlementRings
  readonly tokens: TokenReaders
  /** 0 up to, not including, 1. */
  readonly random: () => number
  readonly flags: FlagEvaluator
  readonly budgets: RetryBudgets
  /** Monotonic milliseconds. */
  readonly nowMs: number
}

/** Compiles a snapshot. */
export function compileTable(snapshot: Snapshot, live: LiveState): RoutingTable {
  const { endpoints, rings, flags, budgets } = live
  const upstreams = snapshot.upstreams.map((upstream) => new CompiledUpstream(upstream, live))
  endpoints.follow(upstreams)
  const routes = snapshot.routes.map((route) => compileRoute(route, upstreams, live))
  budgets.retain(new Set(snapshot.routes.map(({ name }) => name)))
  live.tokens.retain(new Set(routes.map(({ tokens }) => tokens)))
  rings.retain(new Set(routes.flatMap(({ ring }) => ring ?? [])))
  return {
    version: snapshot.version,
    limits: snapshot.limits,
    timeouts: snapshot.timeouts,
    trusted: new TrustedPeers(snapshot.trustedProxies),
    accessLog: snapshot.accessLog,
    tellsRefusals: snapshot.tellsRefusals,
    via: createVia(snapshot.viaName),
    flags,
    entries: snapshot.routes
      .flatMap((route, index) => entriesOf(route, routes[index]!))
      .toSorted(bySpecificity),
    byName: new Map(routes.map((route) => [route.name, route])),
  }
}

function compileRoute(
  route: Route,
  upstreams: readonly CompiledUpstream[],
  live: LiveState,
): CompiledRoute {
  return {
    name: route.name,
    sticky: route.sticky,
    forceHeader: route.forceHeader,
    rules: compileRules(route.rules),
    tokens: live.tokens.obtain(route.token),
    variants: route.variants.map((variant) => compileVariant(route, variant, upstreams)),
    seed: seedOf(route.salt),
    errors: compileErrors(route.errors),
    retry: compileRetry(route, live),
    hedgeMs: route.hedgeMs,
    mirror: compileMirror(route, upstreams),
    ring: route.settlement === null ? null : live.rings.obtain(route.settlement),
  }
}

function compileRetry({ name, retry }: Route, { budgets, nowMs }: LiveState): CompiledRetry {
  return {
    attempts: retry.attempts,
    methods: retry.methods === null ? null : new Set(retry.methods),
    budget: budgets.obtain(name, nowMs),
  }
}

function compileMirror(
  { mirror }: Route,
  upstreams: readonly CompiledUpstream[],
): CompiledMirror | null {
  if (mirror === null) return null
  return {
    upstream: upstreams[mirror.upstream]!,
    share: mirror.share,
    methods: new Set(mirror.methods),
    series: seriesOffset(mirror.series),
  }
}

function compileErrors({ statuses, grpcStatuses }: ErrorRule): CompiledErrors {
  return {
    byStatus: flagsAt(statuses, FIRST_CODE + CODE_COUNT),
    byGrpcStatus: flagsAt(grpcStatuses, GRPC_CODE_COUNT),
  }
}

function compileVariant(
  route: Route,
  variant: Variant,
  upstreams: readonly CompiledUpstream[],
): CompiledVariant {
  const askedTries = compileTries(route, false)
  const rollout = route.rollout === null ? '' : `x-sluice-rollout: ${route.rollout}\r\n`
  return {
    name: variant.name,
    weightBp: variant.weightBp,
    upstream: upstreams[variant.upstream]!,
    series: seriesOffset(variant.series),
    cell: variant.cell ?? NO_CELL,
    lines: `x-sluice-variant: ${variant.name}\r\n${rollout}`,
    tries: variant === route.variants[0] ? askedTries : compileTries(route, true),
    askedTries,
  }
}

function entriesOf(route: Route, compiled: CompiledRoute): MatchEntry[] {
  const hosts = route.hosts.length === 0 ? [null] : route.hosts
  return hosts.map((host) => ({ host, path: route.path, route: compiled }))
}

/** Exact host, then the longest wildcard, then any; exact path, then the longest prefix. */
function bySpecificity(a: MatchEntry, b: MatchEntry): number {
  return hostRank(b.host) - hostRank(a.host) || pathRank(b.path) - pathRank(a.path)
}

/** Above any length of a wildcard or prefix. */
const EXACT_RANK = 1e9

function hostRank(host: string | null): number {
  if (host === null) return 0
  return host.startsWith('*.') ? host.length : EXACT_RANK
}

function pathRank(path: PathMatch): number {
  return path.kind === 'exact' ? EXACT_RANK : path.value.length
}
