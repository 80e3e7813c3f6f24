/**
 * The upstreams as control keeps them: names to addresses, health checks, and what threads report. One for all threads.
 *
 * It decides nothing about requests: threads are told who is unhealthy, snapshots get the addresses, people get the rest.
 */

import type { Snapshot } from '../../proxy/snapshot.ts'
import type { EndpointReport } from '../../proxy/upstream/report.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { UpstreamFigures } from '../telemetry/metrics-source.ts'
import type { Resolver } from './answer.ts'
import type { Ask } from './ask.ts'
import { Names } from './names.ts'
import { type Probed, Prober } from './prober.ts'
import { EndpointReports } from './reports.ts'
import { type Resolution, resolveConfig } from './resolution.ts'
import {
  type LeavingEndpoint,
  SETTLED_AFTER_MS,
  type UpstreamState,
  upstreamStates,
  usedUpstreams,
} from './state.ts'

export interface UpstreamsOptions {
  readonly ask: Ask
  readonly resolver: Resolver
  /** Milliseconds since 1970 that never go back. */
  readonly nowMs: () => number
  /** 0 up to, not including, 1. */
  readonly random: () => number
  readonly log: Pick<Log, 'info' | 'warn'>
  /** Tells every thread who is unhealthy, by id; all others are not. */
  readonly setHealth: (unhealthy: readonly string[]) => void
  /** Publishes anew, with the addresses that names have now. Its failures are the routing's to tell and to mend. */
  readonly republish: () => Promise<void>
  /** Finished requests of the last 10 seconds. */
  readonly requestCount: (route: string, variant: string) => number
}

interface InForce {
  readonly resolution: Resolution
  readonly snapshot: Snapshot
}

export class Upstreams {
  readonly #options: UpstreamsOptions
  readonly #names: Names
  readonly #prober: Prober
  readonly #reports = new EndpointReports()
  #inForce: InForce | null = null
  #unusedSinceMs = new Map<string, number>()
  /** When endpoints left the last upstream that had them, as long as threads may not have told what they do there. */
  readonly #leftSinceMs = new Map<string, number>()
  /** Addresses have changed and are not published. */
  #isStale = false
  #isPublishing = false

  constructor(options: UpstreamsOptions) {
    this.#options = options
    const onChange = (): void => void (this.#isStale = true)
    this.#names = new Names({ ...options, onChange })
    this.#prober = new Prober({ ...options, onChange: options.setHealth })
  }

  /** The configuration with addresses in place of names, as far as they are known. */
  resolve(config: Config): Resolution {
    return resolveConfig(config, (host) => this.#names.reading(host)?.addresses ?? null)
  }

  /** That snapshot is in force in every thread; it was made of that resolution. */
  published(resolution: Resolution, snapshot: Snapshot): void {
    const before = this.#ids()
    this.#inForce = { resolution, snapshot }
    this.#noteLeft(before)
    const written = [...resolution.written.upstreams.values()]
    this.#names.use(written.flatMap(({ endpoints }) => endpoints.map(({ host }) => host)))
    this.#prober.use(probedOf(this.#inForce))
    this.#retain()
    this.#noteUse(snapshot)
  }

  take(thread: number, reports: readonly EndpointReport[]): void {
    this.#reports.take(thread, reports, this.#options.nowMs())
  }

  gone(thread: number): void {
    this.#reports.gone(thread)
  }

  /** Called every 100 ms. */
  tick(): void {
    this.#names.tick()
    this.#prober.tick()
    if (this.#isStale && !this.#isPublishing) void this.#republish()
  }

  close(): void {
    this.#prober.close()
    this.#names.close()
  }

  /** The endpoints of an upstream as they are in force, and whether checks find them healthy; none where it is not known. */
  endpointsOf(upstream: string): {
    readonly slowStartMs: number
    readonly endpoints: readonly { readonly id: string; readonly isHealthy: boolean | null }[]
  } {
    const found = this.#inForce?.snapshot.upstreams.find(({ name }) => name === upstream)
    const endpoints = (found?.endpoints ?? []).map(({ id }) => {
      const status = this.#prober.reading(upstream, id)?.health.status ?? null
      return { id, isHealthy: status === null ? null : status !== 'unhealthy' }
    })
    return { slowStartMs: found?.slowStartMs ?? 0, endpoints }
  }

  /** In the order of the configuration. */
  states(): readonly UpstreamState[] {
    if (this.#inForce === null) return []
    const { nowMs, requestCount } = this.#options
    const { resolution, snapshot } = this.#inForce
    const atMs = nowMs()
    return upstreamStates({
      snapshot,
      requestCount,
      unusedSinceMs: this.#unusedSinceMs,
      nowMs: atMs,
      origin: (upstream, index) => ({
        name: resolution.hosts.get(upstream)![index]!,
        metadata: resolution.config.upstreams.get(upstream)!.endpoints[index]!.metadata,
      }),
      totals: (id) => this.#reports.totals(id, atMs),
      health: (upstream, id) => this.#prober.reading(upstream, id)?.health ?? null,
      name: (host) => this.#names.reading(host),
    })
  }

  /** Endpoints that have left every upstream and still have requests under way, or may have. */
  leaving(): readonly LeavingEndpoint[] {
    this.#retain()
    const named = this.#ids()
    const nowMs = this.#options.nowMs()
    return [...new Set([...this.#leftSinceMs.keys(), ...this.#reports.ids])]
      .filter((id) => !named.has(id))
      .map((id) => {
        const { outstandingCount, connectionCount } = this.#reports.totals(id, nowMs)
        return { id, outstandingCount, connectionCount }
      })
  }

  #noteLeft(before: ReadonlySet<string>): void {
    const named = this.#ids()
    const nowMs = this.#options.nowMs()
    for (const id of named) this.#leftSinceMs.delete(id)
    for (const id of before) if (!named.has(id)) this.#leftSinceMs.set(id, nowMs)
  }

  /** Forgets what has left and been told to have nothing under way. */
  #retain(): void {
    const nowMs = this.#options.nowMs()
    for (const [id, sinceMs] of this.#leftSinceMs) {
      if (nowMs - sinceMs >= SETTLED_AFTER_MS) this.#leftSinceMs.delete(id)
    }
    this.#reports.retain(new Set([...this.#ids(), ...this.#leftSinceMs.keys()]))
  }

  figures(): UpstreamFigures {
    return {
      states: this.states(),
      checks: (upstream, id) => this.#prober.reading(upstream, id),
      names: () => this.#names.readings,
    }
  }

  #ids(): ReadonlySet<string> {
    const upstreams = this.#inForce?.snapshot.upstreams ?? []
    return new Set(upstreams.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)))
  }

  /** However many names have changed meanwhile, one publication is under way at a time. */
  async #republish(): Promise<void> {
    this.#isStale = false
    this.#isPublishing = true
    try {
      await this.#options.republish()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn(`New addresses of endpoints are not in force yet: ${reason}`)
    }
    this.#isPublishing = false
  }

  #noteUse(snapshot: Snapshot): void {
    const used = usedUpstreams(snapshot)
    const nowMs = this.#options.nowMs()
    const unused = snapshot.upstreams.filter(({ name }) => !used.has(name))
    this.#unusedSinceMs = new Map(
      unused.map(({ name }) => [name, this.#unusedSinceMs.get(name) ?? nowMs]),
    )
  }
}

function probedOf({ resolution, snapshot }: InForce): readonly Probed[] {
  return snapshot.upstreams.flatMap(({ name: upstream, endpoints }) => {
    const check = resolution.config.upstreams.get(upstream)?.healthCheck ?? null
    if (check === null) return []
    return endpoints.map((endpoint, i) => {
      const { id, host, port, protocol, tls } = endpoint
      const name = resolution.hosts.get(upstream)![i]!
      return { upstream, id, check, target: { name, host, port, protocol, tls } }
    })
  })
}
