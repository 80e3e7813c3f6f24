/** From rounds to figures: medians with their spread, and ratios. Pure. */

import type { Round, Series } from './rounds.ts'
import type { Scenario } from './scenario.ts'

/** Over the rounds. */
export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

type Quantity = Exclude<keyof Round, 'requests'>

/** One cell of the report: a proxy in a scenario; `figures` is null where there is a fault. */
export interface Result {
  readonly proxy: string
  readonly scenario: Scenario['name']
  readonly fault: string | null
  readonly figures: Readonly<Record<Quantity, Spread>> | null
  readonly rounds: readonly Round[]
}

/** A scenario that could not be measured at all. */
export interface Skipped {
  readonly scenario: Scenario['name']
  /** What is missing, a sentence. */
  readonly reason: string
}

export interface Ratio {
  readonly name: string
  /** Of the quotients of each round, since the two proxies of a round ran next to each other. */
  readonly quotient: Spread
  /** The bar that the project has set itself, null where it has none; met if the median is. */
  readonly bar: { readonly atMost: number; readonly isMet: boolean } | null
}

interface RatioAsked {
  readonly scenario: Scenario['name']
  readonly quantity: Quantity
  readonly against: string
  /** Null: no bar. */
  readonly atMost: number | null
}

/** The ratios asked for, Sluice by the other. */
const RATIOS: readonly RatioAsked[] = [
  // 1.10 when the data plane spoke HTTP/1.1 in cleartext and nothing else; what came later may add a twentieth.
  cpuRatio('small', 'haproxy', 1.155),
  cpuRatio('small', 'nginx', null),
  cpuRatio('small', 'undici', null),
  { scenario: '1m', quantity: 'bytesPerCpuSecond', against: 'haproxy', atMost: null },
  { scenario: '1m', quantity: 'bytesPerCpuSecond', against: 'nginx', atMost: null },
  cpuRatio('tls', 'nginx', 1.5),
  cpuRatio('tls', 'haproxy', null),
  cpuRatio('http2', 'nginx', 2.5),
  cpuRatio('http2', 'haproxy', null),
  cpuRatio('grpc', 'nginx', null),
  cpuRatio('grpc', 'haproxy', null),
  cpuRatio('websocket', 'haproxy', 1.5),
  cpuRatio('websocket', 'nginx', null),
]

function cpuRatio(scenario: Scenario['name'], against: string, atMost: number | null): RatioAsked {
  return { scenario, quantity: 'cpuUsPerRequest', against, atMost }
}

export function toResult({ proxy, scenario, rounds, fault }: Series): Result {
  const spread = (quantity: Quantity): Spread => spreadOf(rounds.map((round) => round[quantity]))
  const figures =
    fault !== null || rounds.length === 0
      ? null
      : {
          cpuUsPerRequest: spread('cpuUsPerRequest'),
          bytesPerCpuSecond: spread('bytesPerCpuSecond'),
          requestsPerSecond: spread('requestsPerSecond'),
          p50Ms: spread('p50Ms'),
          p99Ms: spread('p99Ms'),
          coreUse: spread('coreUse'),
        }
  return { proxy, scenario, fault, figures, rounds }
}

/** Returns those ratios for which both sides have figures. */
export function toRatios(results: readonly Result[]): Ratio[] {
  return RATIOS.flatMap(({ scenario, quantity, against, atMost }) => {
    const find = (proxy: string): Result | undefined =>
      results.find(
        (result) =>
          result.proxy === proxy && result.scenario === scenario && result.figures !== null,
      )
    const [ours, theirs] = [find('sluice'), find(against)]
    if (ours === undefined || theirs === undefined) return []
    const quotients = ours.rounds.flatMap((round, index) => {
      const other = theirs.rounds[index]
      return other === undefined ? [] : [round[quantity] / other[quantity]]
    })
    const words = quantity === 'bytesPerCpuSecond' ? 'bytes per CPU second ' : ''
    const quotient = spreadOf(quotients)
    const name = `${scenario}: ${words}sluice/${against}`
    const bar = atMost === null ? null : { atMost, isMet: quotient.median <= atMost }
    return [{ name, quotient, bar }]
  })
}

/** The median (of an even count: the mean of the middle two), least and greatest. NaN for no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
  return { median, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
