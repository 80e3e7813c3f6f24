/**
 * A `ProxyServer` in the test's own process, with a clock that the test can put forward.
 *
 * When a test ends, the books must balance: every connection accepted is closed, every request started is
 * finished and is either an answer or given up, and no bug was reported.
 */

import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import {
  CODE_COUNT,
  createTallyBuffer,
  FIRST_CODE,
  METHODS,
  segment,
  SERIES,
  cellOffset,
  seriesOffset,
  THREAD,
} from '../../../src/analyzer/tally.ts'
import { BIN_COUNT } from '../../../src/analyzer/histogram.ts'
import { SETTLED } from '../../../src/analyzer/settled.ts'
import { MIRROR_DROPS, UPSTREAM_FAILURE_NAMES } from '../../../src/proxy/failure.ts'
import { BEARER_TOKEN } from '../../../src/proxy/cohort/token/settings.ts'
import { ProxyServer } from '../../../src/proxy/server.ts'
import type {
  Endpoint,
  Flags,
  Limits,
  Listener,
  Route,
  Snapshot,
  Timeouts,
} from '../../../src/proxy/snapshot.ts'
import type { EndpointReport } from '../../../src/proxy/upstream/report.ts'
import type { UpstreamSettings } from '../../../src/proxy/upstream/settings.ts'
import { endpointOf, ERRORS, NO_RETRY, upstreamOf } from '../routes.ts'

/** Generous: where a test is about a timeout it puts the clock forward. */
const TIMEOUTS: Timeouts = {
  headMs: 20_000,
  idleMs: 40_000,
  connectMs: 10_000,
  responseHeadMs: 60_000,
  bodyStallMs: 30_000,
  upstreamIdleMs: 120_000,
  handshakeMs: 10_000,
  tunnelIdleMs: 60_000,
  tunnelDrainMs: 10_000,
}

const LIMITS: Limits = {
  headBytes: 16 * 1024,
  headerCount: 100,
  fieldBytes: 8 * 1024,
  bodyBytes: 0,
  connections: 1_000,
  connectionsPerAddress: 1_000,
  streams: 100,
  bodyBytesPerSecond: 0,
  upstreamConnections: 1_000,
  responseHeadBytes: 64 * 1024,
  bufferBytes: 256 * 1024,
}

/** Where an upstream is: a port of 127.0.0.1, or an address. */
type Place = number | (Partial<Endpoint> & { readonly host: string; readonly port: number })

/** In cleartext, HTTP/1.1, on a free port. */
export const LISTENER: Listener = {
  name: 'test',
  host: '127.0.0.1',
  port: 0,
  protocols: { http1: true, http2: false },
  tls: null,
  proxyProtocol: false,
}

export interface Setup {
  /** Endpoints of the stable upstream. */
  readonly stable: readonly Place[]
  readonly canary?: { readonly endpoints: readonly Place[]; readonly weightBp: number }
  /** Of both upstreams. */
  readonly upstream?: Partial<UpstreamSettings>
  readonly limits?: Partial<Limits>
  readonly timeouts?: Partial<Timeouts>
  readonly route?: Partial<Route>
  readonly flags?: Flags
  readonly trustedProxies?: readonly string[]
  readonly listener?: Partial<Listener>
}

export const STABLE = 0
export const CANARY = 1

let version = 0

/** Makes a snapshot with one route for everything, newer than all before. */
export function snapshotOf(setup: Setup): Snapshot {
  const { canary } = setup
  const weightBp = canary?.weightBp ?? 0
  const stable = {
    name: 'stable',
    upstream: 0,
    weightBp: 10_000 - weightBp,
    series: STABLE,
    cell: 0,
  }
  return {
    version: ++version,
    viaName: 'sluice-test',
    limits: { ...LIMITS, ...setup.limits },
    timeouts: { ...TIMEOUTS, ...setup.timeouts },
    trustedProxies: setup.trustedProxies ?? [],
    accessLog: null,
    tellsRefusals: false,
    flags: setup.flags ?? { providers: [], attributes: {} },
    upstreams: [
      upstreamOf('v1', setup.stable.map(placeOf), setup.upstream),
      upstreamOf('v2', (canary?.endpoints ?? []).map(placeOf), setup.upstream),
    ],
    routes: [
      {
        name: 'all',
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
        variants:
          canary === undefined
            ? [stable]
            : [stable, { name: 'canary', upstream: 1, weightBp, series: CANARY, cell: 1 }],
        rollout: canary === undefined ? null : 'rollout-1',
        settlement: null,
        salt: 'salt',
        ...setup.route,
      },
    ],
  }
}

function placeOf(place: Place): Endpoint {
  return typeof place === 'number' ? endpointOf(place) : endpointOf(place.port, place)
}

/** What one series has counted, with only what is not zero. */
export interface Counted {
  readonly started: number
  readonly finished: number
  readonly errors: number
  readonly clientAborts: number
  readonly retries: number
  readonly fallbacks: number
  readonly rescues: number
  readonly hedges: number
  readonly hedgesWon: number
  readonly mirror: { readonly same: number; readonly different: number; readonly slower: number }
  /** By reason. */
  readonly mirrorDrops: Readonly<Record<string, number>>
  readonly requestBytes: number
  readonly responseBytes: number
  readonly tunnelsOpened: number
  readonly tunnelsClosed: number
  /** By reason. */
  readonly failures: Readonly<Record<string, number>>
  /** By method and code, such as `GET 200`. */
  readonly codes: Readonly<Record<string, number>>
  /** Sum over the histogram. */
  readonly latencyCount: number
}

export class Proxy {
  readonly server: ProxyServer
  readonly #words: Uint32Array
  readonly bugs: unknown[] = []
  /** What was last told of endpoints, by id. */
  readonly reports: Map<string, EndpointReport> = new Map()
  #offsetMs = 0
  #clockReadings = 0
  port = 0

  constructor(random: () => number) {
    this.#words = segment(createTallyBuffer(1), 0)
    this.server = new ProxyServer({
      tally: this.#words,
      nowMs: () => {
        this.#clockReadings++
        return performance.now() + this.#offsetMs
      },
      random,
      report: (error) => void this.bugs.push(error),
      tellEndpoints: (reports) => {
        for (const report of reports) this.reports.set(report.id, report)
      },
    })
  }

  use(setup: Setup): void {
    this.server.use(snapshotOf(setup))
  }

  /**
   * Puts the clock forward and does what is due by then: deadlines are judged by the sweep before. First some
   * turns of the event loop, in which what was sent until now is read.
   */
  async advance(byMs: number): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    this.#offsetMs += byMs
    this.server.sweep()
    this.server.sweep()
  }

  /** Resolves after that many sweeps of the server's own: each reads the clock once. */
  async sweeps(count: number): Promise<void> {
    const until = this.#clockReadings + count
    await eventually(() => this.#clockReadings).toBeGreaterThanOrEqual(until)
  }

  /** Resolves after the turn of the event loop that began to connect upstream, and before the one that hears of it. */
  async connecting(): Promise<void> {
    const before = this.thread('upstreamOpened')
    while (this.thread('upstreamOpened') === before) await setImmediate()
  }

  thread(counter: keyof typeof THREAD): number {
    return this.#words[THREAD[counter]]!
  }

  /** Answers that Sluice gave before it found a route, by code. */
  localCount(status: number): number {
    return this.#words[THREAD.localCodes + status - FIRST_CODE]!
  }

  /** Requests that were sent to a variant without the coin. */
  forcedCount(series: number): number {
    return this.#words[seriesOffset(series) + SERIES.forced]!
  }

  /** What has settled in a cell, with only what is not zero. */
  settled(cell: number): Readonly<Record<string, number>> {
    const start = cellOffset(cell)
    const { latency, ...counts } = SETTLED
    const bins = this.#words.subarray(start + latency, start + latency + BIN_COUNT)
    const found = Object.entries(counts).map(
      ([name, word]) => [name, this.#words[start + word]!] as const,
    )
    return Object.fromEntries(
      [...found, ['latency', bins.reduce((sum, count) => sum + count, 0)] as const].filter(
        ([, count]) => count > 0,
      ),
    )
  }

  counted(series: number = STABLE): Counted {
    const start = seriesOffset(series)
    const words = this.#words
    const one = (offset: number): number => words[start + offset]!
    return {
      started: one(SERIES.started),
      finished: one(SERIES.finished),
      errors: one(SERIES.errors),
      clientAborts: one(SERIES.clientAborts),
      retries: one(SERIES.retries),
      fallbacks: one(SERIES.fallbacks),
      rescues: one(SERIES.rescues),
      hedges: one(SERIES.hedges),
      hedgesWon: one(SERIES.hedgesWon),
      mirror: {
        same: one(SERIES.mirrorSame),
        different: one(SERIES.mirrorDifferent),
        slower: one(SERIES.mirrorSlower),
      },
      mirrorDrops: nonZero(MIRROR_DROPS, (_, i) => one(SERIES.mirrorDrops + i)),
      requestBytes: one(SERIES.requestBytes),
      responseBytes: one(SERIES.responseBytes),
      tunnelsOpened: one(SERIES.tunnelsOpened),
      tunnelsClosed: one(SERIES.tunnelsClosed),
      failures: nonZero(UPSTREAM_FAILURE_NAMES, (_, i) => one(SERIES.failures + i)),
      codes: nonZero(
        METHODS.flatMap((method) =>
          Array.from({ length: CODE_COUNT }, (_, i) => `${method} ${FIRST_CODE + i}`),
        ),
        (_, i) => one(SERIES.codes + i),
      ),
      latencyCount: words
        .subarray(start + SERIES.latency, start + SERIES.latency + BIN_COUNT)
        .reduce((sum, count) => sum + count, 0),
    }
  }
}

function nonZero(
  names: readonly string[],
  count: (name: string, index: number) => number,
): Record<string, number> {
  return Object.fromEntries(
    names.map((name, index) => [name, count(name, index)] as const).filter(([, n]) => n > 0),
  )
}

/** Starts one that listens; it is closed, and its books are looked at, when the test ends. */
export async function startProxy(setup: Setup, random: () => number = Math.random): Promise<Proxy> {
  const proxy = new Proxy(random)
  proxy.use(setup)
  proxy.port = await proxy.server.listen({ ...LISTENER, ...setup.listener }, false)
  onTestFinished(async () => {
    proxy.server.close()
    await eventually(() => [proxy.thread('closed'), proxy.thread('upstreamClosed')]).toEqual([
      proxy.thread('accepted'),
      proxy.thread('upstreamOpened'),
    ])
    for (const series of [STABLE, CANARY]) expectBalance(proxy.counted(series))
    expect(proxy.bugs).toEqual([])
  })
  return proxy
}

function expectBalance(counted: Counted): void {
  const answered = Object.values(counted.codes).reduce((sum, count) => sum + count, 0)
  expect(counted.started).toBe(counted.finished)
  expect(counted.finished).toBe(answered + counted.clientAborts)
  expect(counted.latencyCount).toBe(answered)
  expect(counted.tunnelsClosed).toBe(counted.tunnelsOpened)
}
