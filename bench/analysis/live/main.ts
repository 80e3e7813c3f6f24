/**
 * The guard's promises through the real proxy: real sockets, real time, builds that break as told. Each cell runs as many
 * rollouts at once as there are runs, in one Sluice with one thread.
 *
 * Table to stdout, words to stderr, JSON to a file. Exit codes: 0 the bars are met; 1 one is missed; 2 usage.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ageOf } from '../../../src/control/judge/settlements.ts'
import { CELLS, type Cell, HEALTHY, WARM_UP_REQUESTS } from './faults.ts'
import { type Outcome, RATE, runCell } from './run.ts'

const USAGE = `npm run bench:live -- [OPTIONS]
  --runs N     rollouts a cell (default 10; twice as many where nothing is wrong)
  --only TEXT  cells whose name has the text
  --seed N     what chance comes from (default 1)
  --json FILE  the result as JSON (default bench/results/live-TIME.json)
`

interface Result {
  readonly cell: Cell
  readonly outcomes: readonly Outcome[]
  readonly isMet: boolean
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})
const runs = Number(values.runs)
const seed = Number(values.seed)
if (values.help || !Number.isInteger(runs) || runs < 1 || !Number.isInteger(seed)) {
  process.stdout.write(USAGE)
  process.exit(values.help ? 0 : 2)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const startedAt = new Date()
const results: Result[] = []
for (const cell of CELLS.filter(({ name }) => name.includes(values.only))) {
  process.stderr.write(`${cell.name} ...\n`)
  const count = cell.fault === null ? 2 * runs : runs
  const outcomes = await runCell(cell, { runs: count, seed })
  results.push({ cell, outcomes, isMet: isMet(cell, outcomes) })
}
const fileName = `live-${startedAt.toISOString().replaceAll(':', '-')}.json`
const file = resolve(values.json ?? join(import.meta.dirname, '../../results', fileName))
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify({ seed, rate: RATE, results }, null, 2)}\n`)
process.stderr.write(`written to ${file}\n`)
process.stdout.write(`${tableOf(results)}\n`)
process.exitCode = results.every((result) => result.isMet) ? 0 : 1

function isMet(cell: Cell, outcomes: readonly Outcome[]): boolean {
  const times = outcomes.map(({ seconds }) => seconds)
  if (cell.fault === null) return times.every((seconds) => seconds === null)
  return median(times) <= (barOf(cell) ?? Infinity)
}

/** With the time in which the fault cannot be seen. */
function barOf({ weight, barS, unseenUntil }: Cell): number | null {
  if (barS === null || unseenUntil === 'start') return barS
  const ageS = ageOf(p99Us()) / 1000
  if (unseenUntil === 'settled') return barS + ageS
  return barS + ageS + WARM_UP_REQUESTS / ((RATE * weight) / 100)
}

/** Of the builds' lognormal latency. */
function p99Us(): number {
  return HEALTHY.medianMs * 1000 * Math.exp(0.5 * 2.326)
}

/** What was not taken back counts as never. */
function median(values_: readonly (number | null)[]): number {
  const sorted = values_.map((value) => value ?? Infinity).toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function tableOf(all: readonly Result[]): string {
  const rows = all.map(({ cell, outcomes, isMet: met }) => {
    const times = outcomes.map(({ seconds }) => seconds)
    const outCount = times.filter((seconds) => seconds !== null).length
    const bar = barOf(cell)
    return [
      cell.name,
      `${cell.weight} % of ${RATE}/s`,
      `${outCount} of ${outcomes.length}`,
      inSeconds(median(times)),
      inSeconds(Math.max(...times.map((seconds) => seconds ?? Infinity))),
      cell.fault === null ? '-' : String(median(outcomes.map(({ badCount }) => badCount))),
      cell.fault === null ? 'none taken back' : bar === null ? '-' : `at most ${bar.toFixed(1)} s`,
      cell.fault !== null && bar === null ? '-' : met ? 'yes' : 'no',
    ]
  })
  const head = ['canary', 'traffic', 'taken back', 'median', 'last', 'bad requests', 'bar', 'met']
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i]!.length)))
  return [head, ...rows]
    .map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function inSeconds(seconds: number): string {
  return Number.isFinite(seconds) ? `${seconds.toFixed(1)} s` : '-'
}
