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

export interface Ratio {
  readonly name: string
  /** Of the quotients of each round, since the two proxies of a round ran next to each other. */
  readonly quotient: Spread
}

/** The ratios asked for: below 1 is good for the first three, above 1 for the last two. */
const RATIOS: readonly {
  readonly name: string
  readonly scenario: Scenario['name']
  readonly quantity: Quantity
  readonly against: string
}[] = [
  {
    name: 'small: sluice/haproxy',
    scenario: 'small',
    quantity: 'cpuUsPerRequest',
    against: 'haproxy',
  },
  { name: 'small: sluice/nginx', scenario: 'small', quantity: 'cpuUsPerRequest', against: 'nginx' },
  {
    name: 'small: sluice/undici',
    scenario: 'small',
    quantity: 'cpuUsPerRequest',
    against: 'undici',
  },
  {
    name: '1m: bytes per CPU second sluice/haproxy',
    scenario: '1m',
    quantity: 'bytesPerCpuSecond',
    against: 'haproxy',
  },
  {
    name: '1m: bytes per CPU second sluice/nginx',
    scenario: '1m',
    quantity: 'bytesPerCpuSecond',
    against: 'nginx',
  },
]

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
  return RATIOS.flatMap(({ name, scenario, quantity, against }) => {
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
    return [{ name, quotient: spreadOf(quotients) }]
  })
}

/** The median (of an even count: the mean of the middle two), least and greatest. NaN for no values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2
  return { median, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
