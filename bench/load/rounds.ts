/**
 * The measurement: for each scenario a warm-up of every proxy, then rounds in which each proxy has its turn, so that
 * noise and drift of the machine hit all alike. Who begins changes from round to round. All proxies are up all the
 * time; an idle one costs the others next to nothing and nothing of theirs is counted.
 */

import type { Child } from './children.ts'
import { groupCpuSeconds } from './cpu.ts'
import type { LoadGenerator, LoadResult } from './load.ts'
import type { Place, Proxy } from './proxies/proxy.ts'
import { type Scenario, isSecure, unitOf } from './scenario.ts'

/** A proxy that runs and answers as it should. */
export interface Started {
  readonly proxy: Proxy
  readonly child: Child
  readonly place: Place
}

/** What one turn of one proxy gave; with WebSocket, requests are messages. */
export interface Round {
  readonly requests: number
  /** User and system time of all its threads and processes, by requests answered. */
  readonly cpuUsPerRequest: number
  readonly bytesPerCpuSecond: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** CPU time by wall time: 1 is one core, busy throughout. Well below 1, the load was what limited the run. */
  readonly coreUse: number
}

/** All rounds of one proxy in one scenario; a `fault` (a sentence) means that its figures do not count. */
export interface Series {
  readonly proxy: string
  readonly scenario: Scenario['name']
  readonly rounds: readonly Round[]
  readonly fault: string | null
}

export interface Measurement {
  readonly load: LoadGenerator
  readonly rounds: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** Words for whoever waits. */
  readonly say: (words: string) => void
}

/** Measures one scenario. Faults of proxies end up in their series; throws only if the load generator is broken. */
export async function measureScenario(
  scenario: Scenario,
  started: readonly Started[],
  { load, rounds, seconds, warmupSeconds, say }: Measurement,
): Promise<Series[]> {
  const taking = started.filter(({ proxy }) => proxy.scenarios.includes(scenario.name))
  const roundsOf = new Map<Started, Round[]>(taking.map((one) => [one, []]))
  const faultOf = new Map<Started, string>()

  for (let round = -1; round < rounds; round++) {
    const isWarmup = round === -1
    const turnSeconds = isWarmup ? warmupSeconds : seconds
    if (turnSeconds === 0) continue
    for (const one of rotated(taking, Math.max(round, 0))) {
      if (faultOf.has(one)) continue
      const turn = await takeTurn(one, scenario, { load, seconds: turnSeconds })
      const words = typeof turn === 'string' ? turn : inWords(turn, unitOf(scenario))
      say(
        `${scenario.name} ${isWarmup ? 'warm-up' : `round ${round + 1}`} ${one.proxy.name}: ${words}`,
      )
      if (typeof turn === 'string') faultOf.set(one, turn)
      else if (!isWarmup) roundsOf.get(one)?.push(turn)
    }
  }

  return taking.map((one) => ({
    proxy: one.proxy.name,
    scenario: scenario.name,
    rounds: roundsOf.get(one) ?? [],
    fault: faultOf.get(one) ?? null,
  }))
}

/** Returns the round, or the fault that spoils it. */
async function takeTurn(
  { child, place }: Started,
  scenario: Scenario,
  { load, seconds }: { load: LoadGenerator; seconds: number },
): Promise<Round | string> {
  const port = isSecure(scenario) ? (place.tls?.port ?? 0) : place.port
  const cpuBefore = groupCpuSeconds(child.pid)
  const result = await load.run(port, scenario, seconds)
  const cpuSeconds = groupCpuSeconds(child.pid) - cpuBefore
  if (child.hasEnded()) return `it ended under load; it said: ${child.output() || 'nothing'}`
  return findLoadFault(result, scenario) ?? toRound(result, cpuSeconds)
}

function findLoadFault(result: LoadResult, scenario: Scenario): string | null {
  const errors = Object.entries(result.errors).filter(([, count]) => count > 0)
  if (errors.length > 0) {
    const kinds = errors.map(([kind, count]) => `${count} ${kind}`).join(', ')
    return `errors under load, by kind: ${kinds} of ${result.requests} requests`
  }
  if (result.requests === 0) return 'it answered no request'
  return result.bytes < result.requests * scenario.bodyBytes ? 'its answers were too short' : null
}

function toRound(result: LoadResult, cpuSeconds: number): Round {
  const { requests, bytes, seconds, p50Ms, p99Ms } = result
  return {
    requests,
    cpuUsPerRequest: (cpuSeconds / requests) * 1e6,
    bytesPerCpuSecond: bytes / cpuSeconds,
    requestsPerSecond: requests / seconds,
    p50Ms,
    p99Ms,
    coreUse: cpuSeconds / seconds,
  }
}

function inWords({ cpuUsPerRequest, requestsPerSecond, coreUse }: Round, unit: string): string {
  const figures = [
    `${cpuUsPerRequest.toFixed(1)} µs CPU/${unit}`,
    `${requestsPerSecond.toFixed(0)} ${unit}s/s`,
    `${(coreUse * 100).toFixed(0)} % of a core`,
  ]
  return figures.join(', ')
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}
