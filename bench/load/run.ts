/** One run from start to report: the upstream, the proxies, the scenarios one after the other, the figures. */

import { stopChildren } from './children.ts'
import { type Standing, findLateFaults, startProxy } from './contestants.ts'
import { type CpuSource, cpuSource } from './cpu.ts'
import { chooseLoadGenerator } from './load.ts'
import { type Machine, describeMachine } from './machine.ts'
import type { Options } from './options.ts'
import { type Pinning, choosePinning, pinSelf } from './pinning.ts'
import type { Proxy } from './proxies/proxy.ts'
import { type Ratio, type Result, toRatios, toResult } from './report.ts'
import { type Series, type Started, measureScenario } from './rounds.ts'
import { startUpstream } from './upstream.ts'

/** What is written as JSON. */
export interface Report {
  /** ISO 8601. */
  readonly startedAt: string
  readonly machine: Machine
  readonly settings: {
    readonly rounds: number
    readonly seconds: number
    readonly warmupSeconds: number
    readonly pinning: Pinning
    /** Name and version of what took the place. */
    readonly load: string
    readonly upstream: string
    readonly cpuSource: CpuSource
  }
  readonly proxies: readonly Standing[]
  readonly results: readonly Result[]
  readonly ratios: readonly Ratio[]
}

/** Throws if the upstream or the load generator does not work; what is wrong with a proxy stands in the report. */
export async function run(
  { scenarios, rounds, seconds, warmupSeconds }: Options,
  proxies: readonly Proxy[],
  say: (words: string) => void,
): Promise<Report> {
  const startedAt = new Date().toISOString()
  const machine = describeMachine()
  const pinning = choosePinning()
  pinSelf(pinning.load)
  say(inWords(pinning))
  const load = chooseLoadGenerator(pinning.load)
  const upstream = await startUpstream(pinning.upstream)
  say(`Load from ${load.name}, upstream ${upstream.name}`)

  const standings: Standing[] = []
  const started: Started[] = []
  for (const proxy of proxies) {
    const outcome = await startProxy(proxy, upstream, pinning.proxy)
    standings.push(outcome.standing)
    if (outcome.started !== null) started.push(outcome.started)
    say(standingInWords(outcome.standing))
  }

  const series: Series[] = []
  for (const [index, scenario] of scenarios.entries()) {
    const measurement = {
      load,
      rounds,
      seconds,
      say,
      // By then the compilers know most of the code.
      warmupSeconds: index === 0 ? warmupSeconds : Math.ceil(warmupSeconds / 2),
    }
    series.push(...(await measureScenario(scenario, started, measurement)))
  }
  const lateFaults = await findLateFaults(started)
  await stopChildren()

  const results = series.map((one) =>
    toResult({ ...one, fault: one.fault ?? lateFaults.get(one.proxy) ?? null }),
  )
  const settings = {
    rounds,
    seconds,
    warmupSeconds,
    pinning,
    load: load.name,
    upstream: upstream.name,
    cpuSource: cpuSource(),
  }
  return { startedAt, machine, settings, proxies: standings, results, ratios: toRatios(results) }
}

function inWords({ proxy, load, upstream }: Pinning): string {
  return proxy === null
    ? 'Nothing is pinned to a core (no taskset, or a single core), so the figures are rougher'
    : `Each proxy runs on core ${proxy}, the load on ${load}, the upstream on ${upstream}`
}

function standingInWords({ name, version, state, fault }: Standing): string {
  return `${name}${version === null ? '' : ` ${version}`}: ${fault ?? state}`
}
