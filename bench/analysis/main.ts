/**
 * The analysis benchmark: how often the judge is wrong, how late it is, and how that compares. Seeded; the same seed and runs
 * give the same figures on any machine.
 *
 * Tables to stdout, words to stderr, JSON to a file. Exit codes: 0 the bars are met; 1 one is missed; 2 usage.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Options, USAGE, readOptions } from './options.ts'
import { run } from './run.ts'
import { toTable } from './table.ts'

function say(words: string): void {
  process.stderr.write(`${words}\n`)
}

/** What the arguments ask for; ends the process where there is nothing to run. */
function optionsOrExit(args: readonly string[]): Options {
  try {
    const options = readOptions(args)
    if (options !== null) return options
    process.stdout.write(USAGE)
    process.exit(0)
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

const options = optionsOrExit(process.argv.slice(2))
const startedAt = new Date()
const report = run(options, (part) => say(`${seconds()} s: ${part}`))
const fileName = `analysis-${startedAt.toISOString().replaceAll(':', '-')}.json`
const file = options.jsonFile ?? join(import.meta.dirname, '../results', fileName)
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
say(`${seconds()} s: written to ${file}`)
process.stdout.write(`${toTable(report)}\n`)
process.exitCode = report.bars.every(({ isMet }) => isMet) ? 0 : 1

function seconds(): string {
  return ((Date.now() - startedAt.getTime()) / 1_000).toFixed(0)
}
