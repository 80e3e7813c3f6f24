/** One run from start to report: the upstream, the proxies, the scenarios one after the other, the figures. */

import { stopChildren } from './children.ts'
import { type Standing, findLateFaults, startProxy } from './contestants.ts'
import { type CpuSource, cpuSource } from './cpu.ts'
import { chooseLoadGenerator } from './generators.ts'
import type { LoadGenerator } from './load.ts'
import { type Machine, describeMachine } from './machine.ts'
import type { Options } from './options.ts'
import { type Pinning, choosePinning, pinSelf } from './pinning.ts'
import type { Proxy } from './proxies/proxy.ts'
import { type Ratio, type Result, type Skipped, toRatios, toResult } from './report.ts'
import { type Series, type Started, measureScenario } from './rounds.ts'
import type { Protocol, Scenario } from './scenario.ts'
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
    /** Name and version of what took the place; the load by scenario. */
    readonly load: Readonly<Record<string, string>>
    readonly upstream: string
    readonly cpuSource: CpuSource
  }
  readonly proxies: readonly Standing[]
  readonly results: readonly Result[]
  readonly skipped: readonly Skipped[]
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
  const { loads, skipped } = chooseLoads(scenarios, pinning.load)
  for (const { scenario, reason } of skipped) say(`${scenario}: SKIPPED, ${reason}`)
  const runnable = [...loads.keys()]
  const upstream = await startUpstream(runnable, pinning.upstream)
  for (const [{ name }, load] of loads) say(`${name}: load from ${load.name}`)
  say(`Upstream ${upstream.name}`)

  const standings: Standing[] = []
  const started: Started[] = []
  for (const proxy of proxies) {
    const outcome = await startProxy(proxy, { upstream, scenarios: runnable, core: pinning.proxy })
    standings.push(outcome.standing)
    if (outcome.started !== null) started.push(outcome.started)
    say(standingInWords(outcome.standing))
  }

  const series: Series[] = []
  const spoken = new Set<Protocol>()
  for (const [scenario, load] of loads) {
    const measurement = {
      load,
      rounds,
      seconds,
      say,
      // The second time, the compilers know most of the code.
      warmupSeconds: spoken.has(scenario.protocol) ? Math.ceil(warmupSeconds / 2) : warmupSeconds,
    }
    spoken.add(scenario.protocol)
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
    load: Object.fromEntries([...loads].map(([{ name }, load]) => [name, load.name])),
    upstream: upstream.name,
    cpuSource: cpuSource(),
  }
  return {
    startedAt,
    machine,
    settings,
    proxies: standings,
    results,
    skipped,
    ratios: toRatios(results),
  }
}

/** Finds the load generator of each scenario; one that has none is skipped. */
function chooseLoads(
  scenarios: readonly Scenario[],
  core: number | null,
): { readonly loads: ReadonlyMap<Scenario, LoadGenerator>; readonly skipped: readonly Skipped[] } {
  const loads = new Map<Scenario, LoadGenerator>()
  const skipped: Skipped[] = []
  for (const scenario of scenarios) {
    const load = chooseLoadGenerator(scenario.protocol, core)
    if (load !== null) loads.set(scenario, load)
    else {
      const reason = 'h2load is not installed (Debian: apt-get install nghttp2-client)'
      skipped.push({ scenario: scenario.name, reason })
    }
  }
  return { loads, skipped }
}

function inWords({ proxy, load, upstream }: Pinning): string {
  return proxy === null
    ? 'Nothing is pinned to a core (no taskset, or a single core), so the figures are rougher'
    : `Each proxy runs on core ${proxy}, the load on ${load}, the upstream on ${upstream}`
}

function standingInWords({ name, version, state, fault }: Standing): string {
  return `${name}${version === null ? '' : ` ${version}`}: ${fault ?? state}`
}
