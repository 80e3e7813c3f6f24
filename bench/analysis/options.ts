/** The command line of the analysis benchmark. */

import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

export const PARTS = [
  'false-aborts',
  'modes',
  'detection',
  'slowness',
  'comparison',
  'plug-in',
  'promotion',
  'self-check',
] as const

export type PartName = (typeof PARTS)[number]

export interface Options {
  readonly seed: number
  /** Runs a shape and a mode; a cell of the other parts has as many or fewer. */
  readonly runCount: number
  readonly only: readonly PartName[]
  /** Absolute; null: a file with the time in its name in bench/results. */
  readonly jsonFile: string | null
}

export const USAGE = `npm run bench:analysis -- [OPTIONS]
  --quick         100 runs a shape: half a minute, too few for a small alpha
  --runs N        runs a shape and mode (default 2000)
  --seed N        what chance comes from, 0 to 4294967295 (default 1)
  --only NAMES    these parts, by comma: ${PARTS.join(', ')}
  --json FILE     the result as JSON (default bench/results/analysis-TIME.json)
`

/** Reads the arguments; null if help was asked for. Throws on what it does not know, with the reason. */
export function readOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return null
  return {
    seed: wholeNumber('--seed', values.seed, { least: 0, most: 2 ** 32 - 1 }),
    runCount: wholeNumber('--runs', values.runs ?? (values.quick ? '100' : '2000'), {
      least: 10,
      most: 1_000_000,
    }),
    only: values.only === undefined ? PARTS : values.only.split(',').map(findPart),
    jsonFile: values.json === undefined ? null : resolve(values.json),
  }
}

function findPart(name: string): PartName {
  const part = PARTS.find((one) => one === name)
  if (part !== undefined) return part
  throw new Error(`--only: unknown part "${name}"; there are ${PARTS.join(', ')}`)
}

function wholeNumber(
  option: string,
  text: string,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  const value = Number(text)
  if (/^\d{1,10}$/.test(text) && value >= least && value <= most) return value
  throw new Error(`${option}: must be a whole number from ${least} to ${most}, but is "${text}"`)
}
