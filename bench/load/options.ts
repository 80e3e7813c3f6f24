/** The command line of the benchmark. */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { SCENARIOS, type Scenario } from './scenario.ts'

export interface Options {
  /** Null: all. */
  readonly only: readonly string[] | null
  readonly scenarios: readonly Scenario[]
  /** Turns of each proxy in each scenario that count, at least 1. */
  readonly rounds: number
  /** Length of a turn, whole seconds, at least 1. */
  readonly seconds: number
  /** Load before a scenario's rounds, whole seconds; half of it where one before spoke the same protocol. */
  readonly warmupSeconds: number
  /** Absolute; null: no profile. */
  readonly profileFolder: string | null
  /** Absolute; null: a file with the time in its name in bench/results. */
  readonly jsonFile: string | null
}

export const USAGE = `npm run bench -- [OPTIONS]
  --quick              small and 1m, 2 rounds of 1 s: about a minute
  --only NAMES         these proxies, by comma: sluice, haproxy, haproxy-splice, nginx, undici, fast-proxy,
                       reply-from, http-proxy, sluice-rules, sluice-flag
  --scenario NAMES     these scenarios, by comma: small, 64k, 1m, tls, http2, grpc, websocket
  --rounds N           turns of each proxy that count (default 5)
  --seconds N          length of a turn (default 4)
  --warmup N           seconds of load before the rounds of a scenario (default 5), half if one before spoke
                       the same protocol
  --cpu-prof DIR       CPU profiles of sluice's threads, written to DIR when it ends
  --json FILE          the result as JSON (default bench/results/TIME.json)
`

/** Reads the arguments; null if help was asked for. Throws on what it does not know, with the reason. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      scenario: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      warmup: { type: 'string' },
      'cpu-prof': { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  const preset = values.quick
    ? { rounds: 2, seconds: 1, warmup: 2, scenario: 'small,1m' }
    : { rounds: 5, seconds: 4, warmup: 5, scenario: SCENARIOS.map(({ name }) => name).join() }
  return {
    only: values.only?.split(',') ?? null,
    scenarios: (values.scenario ?? preset.scenario).split(',').map(findScenario),
    rounds: wholeNumber('--rounds', values.rounds ?? String(preset.rounds), 1),
    seconds: wholeNumber('--seconds', values.seconds ?? String(preset.seconds), 1),
    warmupSeconds: wholeNumber('--warmup', values.warmup ?? String(preset.warmup), 0),
    profileFolder: values['cpu-prof'] === undefined ? null : resolve(values['cpu-prof']),
    jsonFile: values.json === undefined ? null : resolve(values.json),
  }
}

function findScenario(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name)
  if (scenario !== undefined) return scenario
  const names = SCENARIOS.map((one) => one.name).join(', ')
  throw new Error(`--scenario: unknown scenario "${name}"; there are ${names}`)
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text)
  if (/^\d{1,6}$/.test(text) && value >= least) return value
  throw new Error(`${option}: must be a whole number of at least ${least}, but is "${text}"`)
}
