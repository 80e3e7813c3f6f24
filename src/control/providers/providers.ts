/**
 * The servers that metrics are asked of, each with connections and a queue of its own: one that hangs keeps no
 * other waiting.
 */

import type { MetricEntry } from '../config/schema-metric.ts'
import type { ServerConfig } from '../config/servers.ts'
import { HttpClient } from './http.ts'
import { jsonSource } from './json.ts'
import { prometheusSource } from './prometheus.ts'
import { type PushedMetrics, pushedSource } from './pushed.ts'
import type { MetricSource } from './source.ts'

/** Whose metric it is. */
export interface Measured {
  readonly rollout: string
  /** Wall clock; what was pushed before speaks of another attempt. */
  readonly attemptAtMs: number
}

export class Providers {
  readonly #servers: ReadonlyMap<string, ServerConfig>
  readonly #clients: ReadonlyMap<string, HttpClient>
  readonly #pushed: PushedMetrics

  constructor(servers: ReadonlyMap<string, ServerConfig>, pushed: PushedMetrics) {
    this.#servers = servers
    this.#pushed = pushed
    this.#clients = new Map([...servers].map(([name, { ca }]) => [name, new HttpClient({ ca })]))
  }

  /** Throws a RangeError for a server that is not there, which the check of the configuration rules out. */
  sourceOf(provider: MetricEntry['provider'], { rollout, attemptAtMs }: Measured): MetricSource {
    switch (provider.kind) {
      case 'prometheus': {
        const { server, client } = this.#serverOf(provider.server)
        return prometheusSource(client, server, provider)
      }
      case 'http': {
        const { server, client } = this.#serverOf(provider.server)
        const { method, path, body, jsonPath } = provider
        const type = body === undefined ? {} : { 'content-type': 'application/json' }
        const headers = { ...type, ...server.headers }
        const { timeoutMs } = server
        const url = `${server.address}${path}`
        return jsonSource(client, { method, url, headers, body, timeoutMs, path: jsonPath })
      }
      case 'pushed': {
        const { name, variant, maxAgeMs } = provider
        const sinceMs = (nowMs: number) => Math.max(attemptAtMs, nowMs - maxAgeMs)
        return pushedSource(this.#pushed, { rollout, name, variant }, sinceMs)
      }
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
  }

  #serverOf(name: string): { server: ServerConfig; client: HttpClient } {
    const server = this.#servers.get(name)
    const client = this.#clients.get(name)
    if (server !== undefined && client !== undefined) return { server, client }
    throw new RangeError(`Cannot ask the server "${name}": there is none of that name`)
  }
}
