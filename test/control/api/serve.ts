/** A real server on a free port over the fake engine, and a way to ask it. */

import { createHash } from 'node:crypto'
import { type Dispatcher, request } from 'undici'
import { onTestFinished } from 'vitest'
import type { ApiDeps, RouteState } from '../../../src/control/api/deps.ts'
import { createApi } from '../../../src/control/api/server.ts'
import type { Role, Token } from '../../../src/control/config/config.ts'
import { PushedMetrics } from '../../../src/control/providers/pushed.ts'
import { createFakeEngine, type FakeEngine, START_MS } from './fake-engine.ts'
import { NO_FLAGS } from './no-flags.ts'

export type Method = Dispatcher.HttpMethod

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The parsed body; undefined where it is no JSON. */
  readonly json: any
}

export interface Ask {
  readonly body?: unknown
  /** Sent as it is. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Served extends FakeEngine {
  readonly url: string
  readonly port: number
  readonly logged: unknown[][]
  readonly ask: (method: Method, path: string, ask?: Ask) => Promise<Answer>
  readonly close: () => Promise<void>
}

export async function serve(over: Partial<ApiDeps> = {}): Promise<Served> {
  const fake = createFakeEngine()
  const logged: unknown[][] = []
  const api = createApi({
    engine: fake.engine,
    store: fake.store,
    pushed: new PushedMetrics(),
    requestsPerSecond: () => null,
    upstreams: { states: () => [], leaving: () => [] },
    flags: NO_FLAGS,
    routes: () => ROUTES,
    renderMetrics: async () => ({
      contentType: 'text/plain; version=0.0.4; charset=utf-8',
      body: 'sluice_up 1\n',
    }),
    ready: () => ({ ok: true, reasons: [] }),
    tokens: () => [],
    clock: { nowMs: () => START_MS },
    log: {
      warn: (...words) => void logged.push(words),
      error: (...words) => void logged.push(words),
    },
    ...over,
  })
  const { host, port } = await api.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://${host}:${port}`
  onTestFinished(() => api.close())
  return Object.assign(fake, {
    url,
    port,
    logged,
    close: () => api.close(),
    ask: async (method: Method, path: string, { body, text, headers = {} }: Ask = {}) => {
      const sent = text ?? (body === undefined ? null : JSON.stringify(body))
      const response = await request(url + path, {
        method,
        body: sent,
        headers: { ...(sent !== null && { 'content-type': 'application/json' }), ...headers },
      })
      const received = await response.body.text()
      return {
        status: response.statusCode,
        headers: response.headers,
        text: received,
        json: parse(received),
      }
    },
  })
}

export function tokenOf(name: string, role: Role): Token {
  return { name, role, sha256: createHash('sha256').update(`secret-of-${name}`).digest('hex') }
}

export function bearer(name: string): Record<string, string> {
  return { authorization: `Bearer secret-of-${name}` }
}

/** A start that every check passes. */
export const START = {
  route: 'shop',
  to: 'shop-v2',
  strategy: { canary: { steps: [{ setWeight: 5 }, { pause: { duration: '2m' } }] } },
}

const NOTHING = {
  requestCount: 0,
  errorCount: 0,
  errorRatio: null,
  p50Us: null,
  p95Us: null,
  p99Us: null,
}
const SOME = {
  requestCount: 200,
  errorCount: 3,
  errorRatio: 0.015,
  p50Us: 12_000,
  p95Us: 80_500,
  p99Us: 2_000_000,
}

export const ROUTES: readonly RouteState[] = [
  {
    name: 'shop',
    hosts: ['shop.example.com'],
    path: { kind: 'prefix', value: '/' },
    stable: { upstream: 'shop-v1', windows: { '10s': SOME, '1m': SOME, '5m': SOME } },
    canary: {
      upstream: 'shop-v2',
      rollout: 'shop-1',
      weightBp: 1250,
      windows: { '10s': NOTHING, '1m': SOME, '5m': SOME },
    },
  },
  {
    name: 'pay',
    hosts: [],
    path: { kind: 'exact', value: '/pay' },
    stable: { upstream: 'pay-v1', windows: { '10s': NOTHING, '1m': NOTHING, '5m': NOTHING } },
    canary: null,
  },
]

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
