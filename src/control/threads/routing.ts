/**
 * Turns configuration and targets into snapshots, and hands them to the threads.
 */

import { createHash } from 'node:crypto'
import { SERIES_LIMIT } from '../../analyzer/tally.ts'
import type {
  Endpoint,
  Flags,
  Listener,
  Mirror,
  Route,
  Snapshot,
  Upstream,
  Variant,
} from '../../proxy/snapshot.ts'
import type { TokenKey } from '../../proxy/cohort/token/settings.ts'
import { CodedError } from '../coded-error.ts'
import { formatAddress } from '../config/address.ts'
import type { Config, EndpointConfig, RouteConfig, UpstreamConfig } from '../config/config.ts'
import { tokenSettings } from '../config/tokens.ts'
import type { Routing, RouteTarget } from '../rollout/engine.ts'
import type { Settlements } from '../judge/settlements.ts'
import type { Resolution } from '../upstreams/resolution.ts'
import type { ThreadPool } from './pool.ts'

const ALL_BP = 10_000
const NO_FLAGS: Flags = { providers: [], attributes: {} }

/**
 * The place of each pair of route and variant in the tally. A place is never given to another pair, so that
 * counters only ever grow; they last for the life of the process.
 */
export class SeriesRegistry {
  readonly #places = new Map<string, number>()
  readonly #entries: { readonly route: string; readonly variant: string }[] = []

  /** Throws `CodedError` `routingFailed` when there is no room. */
  obtain(route: string, variant: string): number {
    const key = `${route}/${variant}`
    const known = this.#places.get(key)
    if (known !== undefined) return known
    if (this.#entries.length === SERIES_LIMIT) {
      throw new CodedError(
        'routingFailed',
        `No room to count route "${route}": ${SERIES_LIMIT} pairs of route and variant have been in use since the start; restart Sluice`,
      )
    }
    this.#places.set(key, this.#entries.length)
    this.#entries.push({ route, variant })
    return this.#entries.length - 1
  }

  find(route: string, variant: string): number | undefined {
    return this.#places.get(`${route}/${variant}`)
  }

  get entries(): readonly { readonly route: string; readonly variant: string }[] {
    return this.#entries
  }
}

/** What every snapshot of a process has in common. */
export interface CompileContext {
  readonly series: SeriesRegistry
  readonly settlements: Settlements
  /** See `Snapshot.viaName`. */
  readonly viaName: string
  /** Threads that there are, which is what a changed configuration waits for a restart with; left out: as configured. */
  readonly threadCount?: number
  /** The key set of an address; left out, or null: not known. */
  readonly keysAt?: (url: string) => readonly TokenKey[] | null
  /** What rules ask, as it is now; left out: nothing. */
  readonly flags?: (config: Config, targets: readonly RouteTarget[]) => Flags
}

/** Compiles one snapshot. */
export function compileSnapshot(
  config: Config,
  targets: readonly RouteTarget[],
  context: CompileContext & { version: number },
): Snapshot {
  const upstreams = [...config.upstreams.values()]
  const places = new Map(upstreams.map((upstream, index) => [upstream.name, index]))
  const byRoute = new Map(targets.map((target) => [target.route, target]))
  const { mode, ratio } = config.proxy.accessLog
  return {
    version: context.version,
    viaName: context.viaName,
    limits: config.proxy.limits,
    timeouts: config.proxy.timeouts,
    trustedProxies: config.proxy.trustedProxies,
    accessLog: mode === 'off' ? null : { mode, ratio },
    tellsRefusals: config.control.logLevel === 'debug',
    flags: context.flags?.(config, targets) ?? NO_FLAGS,
    upstreams: upstreams.map((upstream) =>
      compileUpstream(upstream, context.threadCount ?? config.proxy.threads),
    ),
    routes: config.routes.map((route) =>
      compileRoute(route, byRoute.get(route.name), { ...context, places }),
    ),
  }
}

/** The listeners of a configuration as the threads know them; `ticketKeys`: see `ListenerTls`. */
export function compileListeners(config: Config, ticketKeys: Uint8Array): readonly Listener[] {
  return config.proxy.listeners.map((listener) => ({
    ...listener,
    tls: listener.tls === null ? null : { ...listener.tls, ticketKeys },
  }))
}

function compileUpstream(
  { name, endpoints, settings }: UpstreamConfig,
  threadCount: number,
): Upstream {
  const { connections, pendingRequests, requests, retries } = settings.limits
  const part = (limit: number): number => Math.ceil(limit / threadCount)
  return {
    name,
    endpoints: endpoints.map(compileEndpoint),
    ...settings,
    limits: {
      connections: part(connections),
      pendingRequests: part(pendingRequests),
      requests: part(requests),
      retries: part(retries),
    },
  }
}

/** An endpoint that is spoken to otherwise is another one: connections are never shared between the two. */
function compileEndpoint({ host, port, protocol, tls, weight, zone }: EndpointConfig): Endpoint {
  const endpoint = { host, port, protocol, tls, weight, zone }
  const address = formatAddress(endpoint)
  if (tls === null) return { ...endpoint, id: `${protocol}://${address}` }
  const hash = createHash('sha256').update(JSON.stringify(tls)).digest('hex').slice(0, 8)
  return { ...endpoint, id: `${protocol}+tls://${address}#${hash}` }
}

function follow(
  { name, sticky, settleMs }: RouteConfig,
  { rollout, attempt, weightBp }: NonNullable<RouteTarget['canary']>,
  settlements: Settlements,
): ReturnType<Settlements['obtain']> {
  return settlements.obtain(
    { route: name, rollout, attempt, isSticky: sticky !== null, ageMs: settleMs },
    weightBp,
  )
}

function compileRoute(
  route: RouteConfig,
  target: RouteTarget | undefined,
  context: CompileContext & { readonly places: ReadonlyMap<string, number> },
): Route {
  const canary = target?.canary ?? null
  const stable = target?.stable ?? route.stable
  const followed = canary === null ? null : follow(route, canary, context.settlements)
  const variant = (name: 'stable' | 'canary', upstream: string, weightBp: number): Variant => ({
    name,
    upstream: context.places.get(upstream) ?? context.places.get(route.stable)!,
    weightBp,
    series: context.series.obtain(route.name, name),
    cell: followed?.pair[name] ?? null,
  })
  const variants = [variant('stable', stable, ALL_BP - (canary?.weightBp ?? 0))]
  if (canary !== null) variants.push(variant('canary', canary.upstream, canary.weightBp))
  return {
    name: route.name,
    hosts: route.hosts,
    path: route.path,
    sticky: route.sticky,
    forceHeader: route.forceHeader,
    rules: route.rules,
    token: tokenSettings(route.token, context.keysAt ?? (() => null)),
    errors: route.errors,
    retry: route.retry,
    fallback: route.fallback,
    hedgeMs: route.hedgeMs,
    mirror: compileMirror(route, context),
    variants,
    rollout: canary?.rollout ?? null,
    settlement: followed?.settlement ?? null,
    salt: canary?.salt ?? '',
  }
}

function compileMirror(
  { name, mirror }: RouteConfig,
  { places, series }: CompileContext & { readonly places: ReadonlyMap<string, number> },
): Mirror | null {
  if (mirror === null) return null
  return {
    ...mirror,
    upstream: places.get(mirror.upstream)!,
    series: series.obtain(name, 'mirror'),
  }
}

/** Who knows the addresses of endpoints, and hears what is in force. */
export interface Resolving {
  resolve(config: Config): Resolution
  /** Every thread has the snapshot, which was made of that resolution. */
  published(resolution: Resolution, snapshot: Snapshot): void
}

/** The routing that the rollout engine publishes to. The first publication starts the threads. */
export function createRouting(
  pool: ThreadPool,
  context: CompileContext,
  upstreams: Resolving,
): Routing {
  let version = 0
  return {
    async publish(config, targets) {
      version++
      const resolution = upstreams.resolve(config)
      const snapshot = compileSnapshot(resolution.config, targets, { ...context, version })
      await (pool.version === 0 ? pool.start(snapshot) : pool.publish(snapshot))
      upstreams.published(resolution, snapshot)
    },
  }
}
