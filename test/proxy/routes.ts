/** Routing tables for tests: a snapshot with what matters, compiled as a thread does it. */

import type {
  Endpoint,
  ErrorRule,
  RetryRule,
  Route,
  Snapshot,
  Upstream,
  Variant,
} from '../../src/proxy/snapshot.ts'
import type { UpstreamSettings } from '../../src/proxy/upstream/settings.ts'
import { RetryBudgets } from '../../src/proxy/attempt/budget.ts'
import { TokenReaders } from '../../src/proxy/cohort/token/reader.ts'
import { BEARER_TOKEN } from '../../src/proxy/cohort/token/settings.ts'
import { NO_FLAGS } from '../../src/proxy/flags/evaluator.ts'
import { SettlementRings } from '../../src/proxy/settlement/rings.ts'
import { compileTable, type CompiledRoute, type RoutingTable } from '../../src/proxy/table.ts'
import { EndpointSet } from '../../src/proxy/upstream/endpoint-set.ts'
import { LIMITS } from './http1/heads.ts'

/** What counts as an error unless a route says otherwise. */
export const ERRORS: ErrorRule = {
  statuses: Array.from({ length: 100 }, (_, index) => 500 + index),
  grpcStatuses: [2, 4, 12, 13, 14, 15],
}

/** Nothing is tried again, but for a connection that had died. */
export const NO_RETRY: RetryRule = { attempts: 0, statuses: [], methods: null, perTryMs: null }

/** A route that takes every request and has no canary. */
export const ROUTE: Route = {
  name: 'shop',
  hosts: [],
  path: { kind: 'prefix', value: '/' },
  sticky: null,
  forceHeader: null,
  rules: [],
  token: BEARER_TOKEN,
  errors: ERRORS,
  retry: NO_RETRY,
  fallback: false,
  hedgeMs: null,
  mirror: null,
  variants: [{ name: 'stable', upstream: 0, weightBp: 10_000, series: 0, cell: null }],
  rollout: null,
  settlement: null,
  salt: 'r1',
}

/** Stable, and a canary of that weight in basis points. */
export function split(weightBp: number): readonly Variant[] {
  return [
    { name: 'stable', upstream: 0, weightBp: 10_000 - weightBp, series: 0, cell: 0 },
    { name: 'canary', upstream: 1, weightBp, series: 1, cell: 1 },
  ]
}

export function snapshotOf(routes: readonly Route[], changes: Partial<Snapshot> = {}): Snapshot {
  return {
    version: 1,
    viaName: 'sluice-test',
    limits: LIMITS,
    timeouts: {
      headMs: 1_000,
      idleMs: 1_000,
      connectMs: 1_000,
      responseHeadMs: 1_000,
      bodyStallMs: 1_000,
      upstreamIdleMs: 1_000,
      handshakeMs: 1_000,
      tunnelIdleMs: 1_000,
      tunnelDrainMs: 1_000,
    },
    trustedProxies: [],
    accessLog: null,
    tellsRefusals: false,
    flags: { providers: [], attributes: {} },
    upstreams: ['v1', 'v2'].map((name, index) => upstreamOf(name, [endpointOf(9_001 + index)])),
    routes,
    ...changes,
  }
}

export function tableOf(routes: readonly Route[], endpoints = new EndpointSet()): RoutingTable {
  return compileTable(snapshotOf(routes), {
    endpoints,
    rings: new SettlementRings(new Uint32Array(0)),
    tokens: new TokenReaders(),
    random: Math.random,
    flags: NO_FLAGS,
    budgets: new RetryBudgets(),
    nowMs: 0,
  })
}

/** Compiles one route. */
export function routeWith(changes: Partial<Route>): CompiledRoute {
  return tableOf([{ ...ROUTE, ...changes }]).byName.get(changes.name ?? ROUTE.name)!
}

/** An endpoint of this machine, in cleartext HTTP/1.1. */
export function endpointOf(port: number, changes: Partial<Endpoint> = {}): Endpoint {
  const { host = '127.0.0.1', protocol = 'http1', tls = null } = changes
  const id = `${protocol}://${host}:${port}`
  return { id, host, port, protocol, tls, weight: 1, zone: null, ...changes }
}

/** Nothing is ejected and nobody waits. */
export const PLAIN_SETTINGS: UpstreamSettings = {
  balance: 'leastRequest',
  preferZone: null,
  outlier: null,
  panic: 'serveAll',
  slowStartMs: 0,
  limits: { connections: Infinity, pendingRequests: 0, requests: Infinity, retries: Infinity },
}

export function upstreamOf(
  name: string,
  endpoints: readonly Endpoint[],
  changes: Partial<UpstreamSettings> = {},
): Upstream {
  return { name, endpoints, ...PLAIN_SETTINGS, ...changes }
}
