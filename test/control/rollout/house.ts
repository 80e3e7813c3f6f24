/**
 * An engine in a house of its own: the real store in a folder, and a clock, routing and evidence that the test
 * holds in its hands. What happens is written to `log` in order: `record`, `route …`, `tell`.
 */

import { NO_RETRY, PLAIN_SETTINGS } from '../../proxy/routes.ts'
import { BIN_COUNT } from '../../../src/analyzer/histogram.ts'
import type { WindowCounts } from '../../../src/analyzer/window.ts'
import type { Config, RouteConfig } from '../../../src/control/config/config.ts'
import { CodedError } from '../../../src/control/coded-error.ts'
import { createEngine, type EngineOptions } from '../../../src/control/rollout/controller.ts'
import type { Engine, EvidenceOf, RouteTarget } from '../../../src/control/rollout/engine.ts'
import type { Plan, Rollout } from '../../../src/control/rollout/state.ts'
import type { Store } from '../../../src/control/store/contract.ts'
import { NOW_MS } from '../store/entries.ts'
import { opened, temporaryPath } from '../store/fixtures.ts'
import { PLAN } from './fixtures.ts'

export const caller = { actor: 'alice' }

export const abort = { type: 'abort', reason: 'it smells' } as const
export const promote = { type: 'promote', full: false } as const
export const promoteFull = { type: 'promote', full: true } as const
export const pause = { type: 'pause', reason: 'lunch' } as const
export const resume = { type: 'resume' } as const
export const retry = { type: 'retry' } as const

/** Milliseconds. */
export const S = 1_000
export const M = 60 * S

const ERRORS = { statuses: [500], grpcStatuses: [] }

/** A configuration with these routes, each with the upstream that is stable, and these upstreams. */
export function configOf(
  stables: Readonly<Record<string, string>> = { shop: 'shop-v1' },
  upstreams: readonly string[] = ['shop-v1', 'shop-v2', 'shop-v3'],
): Config {
  const routes = Object.entries(stables).map(([name, stable]): RouteConfig => {
    const path = { kind: 'prefix', value: `/${name}` } as const
    return {
      name,
      hosts: [],
      path,
      stable,
      sticky: null,
      forceHeader: null,
      settleMs: null,
      rules: [],
      token: { from: { kind: 'header', name: 'authorization' }, verification: null },
      errors: ERRORS,
      retry: NO_RETRY,
      fallback: false,
      hedgeMs: null,
      mirror: null,
    }
  })
  const endpoints = [
    {
      host: '127.0.0.1',
      port: 9001,
      protocol: 'http1',
      tls: null,
      weight: 1,
      zone: null,
      metadata: {},
    },
  ] as const
  const settings = PLAIN_SETTINGS
  return {
    proxy: {
      listeners: [],
      threads: 1,
      trustedProxies: [],
      limits: {
        headBytes: 16_384,
        headerCount: 100,
        fieldBytes: 8_192,
        bodyBytes: 0,
        bodyBytesPerSecond: 0,
        connections: 100,
        connectionsPerAddress: 100,
        streams: 100,
        upstreamConnections: 100,
        responseHeadBytes: 16_384,
        bufferBytes: 65_536,
      },
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
      drainTimeoutMs: 1_000,
      accessLog: { mode: 'off', ratio: 0, path: '-' },
    },
    upstreams: new Map(
      upstreams.map((name) => [name, { name, endpoints, settings, healthCheck: null }]),
    ),
    routes,
    control: { host: '127.0.0.1', port: 0, logLevel: 'info', tokens: [] },
    store: { path: ':memory:' },
    analysis: { servers: new Map(), metrics: [], judge: null },
    flags: { approval: 'none', attributes: {}, providers: [] },
    warnings: [],
  }
}

/** A canary's window in which so many requests finished, and so many of them failed. */
export function counts(requestCount: number, errorCount: number): WindowCounts {
  const latency = new Float64Array(BIN_COUNT)
  latency[0] = requestCount
  return { requestCount, errorCount, latency }
}

export const GOOD = counts(10_000, 0)
export const BAD = counts(10_000, 9_000)
export const SILENT = counts(0, 0)

export interface Opened {
  readonly rollout: string
  readonly variant: 'stable' | 'canary'
  readonly windowMs: number
  readonly atMs: number
  isOpen: boolean
}

export class House {
  readonly log: string[] = []
  readonly said: string[] = []
  readonly evidence: Opened[] = []
  readonly published: (readonly RouteTarget[])[] = []
  nowMs = NOW_MS
  /** What the canary's window holds. */
  window: WindowCounts = SILENT
  stableWindow: WindowCounts = SILENT
  /** Set to make the store, or the threads, fail with this. */
  storeFault: CodedError | null = null
  routingFault: CodedError | null = null
  /** Called before a publication is done. */
  duringPublish: () => void | Promise<void> = () => {}
  engine!: Engine
  readonly store: Store

  constructor(store: Store) {
    this.store = store
  }

  async open(options: Partial<EngineOptions> = {}): Promise<this> {
    const say = (level: string) => (message: string) => void this.said.push(`${level}: ${message}`)
    this.engine = await createEngine({
      store: this.#store(),
      routing: { publish: (_, targets) => this.#publish(targets) },
      openEvidence: (of) => this.#openEvidence(of),
      config: configOf(),
      clock: { nowMs: () => this.nowMs },
      newSalt: () => 'salt',
      log: { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') },
      ...options,
    })
    this.engine.onEntry(({ seq }) => this.log.push(`tell ${seq}`))
    this.log.length = 0
    return this
  }

  /** Starts a rollout to shop-v2 by the usual plan. */
  start(plan: Plan = PLAN, to = 'shop-v2'): Promise<Rollout> {
    return this.engine.start({ route: 'shop', to, plan }, caller)
  }

  /** Lets time pass in ticks of 100 ms, each with all that it causes. */
  async pass(durationMs: number): Promise<void> {
    if (durationMs <= 0) return
    this.nowMs += 100
    this.engine.tick()
    await this.settled()
    await this.pass(durationMs - 100)
  }

  /** When all that was asked for is done: an abort of nothing waits for its turn, and changes nothing. */
  async settled(): Promise<void> {
    await this.engine.act('nothing', abort, caller).catch(() => {})
  }

  /** What the store holds, as `seq kind/event phase`. */
  async journal(): Promise<string[]> {
    const entries = await this.store.journal({ after: 0, limit: 1_000 })
    return entries.map(({ seq, body }) =>
      body.kind === 'rollout'
        ? `${seq} ${body.state.id} ${body.event.type} ${body.state.phase}`
        : `${seq} stable ${body.upstream}`,
    )
  }

  /** The canary's weight in basis points as it was last published; null where there is none. */
  routedBp(): number | null {
    return this.published.at(-1)?.find(({ route }) => route === 'shop')?.canary?.weightBp ?? null
  }

  async #publish(targets: readonly RouteTarget[]): Promise<void> {
    await this.duringPublish()
    if (this.routingFault !== null) throw this.routingFault
    this.published.push(targets)
    const canaries = targets.map(({ stable, canary }) =>
      canary === null ? stable : `${stable}+${canary.upstream}@${canary.weightBp}`,
    )
    this.log.push(`route ${canaries.join(' ')}`)
  }

  #openEvidence({ rollout, variant, windowMs }: EvidenceOf) {
    const evidence: Opened = { rollout, variant, windowMs, atMs: this.nowMs, isOpen: true }
    this.evidence.push(evidence)
    return {
      counts: () => (variant === 'canary' ? this.window : this.stableWindow),
      close: () => {
        evidence.isOpen = false
      },
    }
  }

  #store(): Store {
    return {
      ...this.store,
      append: async (entries, reply) => {
        if (this.storeFault !== null) throw this.storeFault
        const written = await this.store.append(entries, reply)
        this.log.push(`record ${written.map(({ seq }) => seq).join(' ')}`)
        return written
      },
    }
  }
}

/** Opens an engine over a new store. */
export async function newHouse(options: Partial<EngineOptions> = {}): Promise<House> {
  return new House(await opened(temporaryPath())).open(options)
}

export const STORE_FAULT = new CodedError('storeUnavailable', 'the disk is full')
export const ROUTING_FAULT = new CodedError('routingFailed', 'a thread does not answer')
