/**
 * The load benchmark: what a proxied request costs Sluice, and what it costs others on the same machine in the same
 * run. The figure is CPU time, not requests per second: it is steadier on a busy machine, and it is what one pays.
 *
 * Table to stdout, words to stderr, JSON to a file. Exit codes: 0 all that is installed was measured; 1 a proxy could
 * not be started, answered wrongly or failed under load; 2 usage.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cleanUpAtExit } from './children.ts'
import { chooseProxies } from './contestants.ts'
import { type Options, USAGE, readOptions } from './options.ts'
import type { Proxy } from './proxies/proxy.ts'
import { type Report, run } from './run.ts'
import { toTable } from './table.ts'

interface Plan {
  readonly options: Options
  readonly proxies: readonly Proxy[]
}

function say(words: string): void {
  process.stderr.write(`${words}\n`)
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What the arguments ask for; ends the process where there is nothing to run. */
function planOrExit(args: readonly string[]): Plan {
  try {
    const options = readOptions(args)
    if (options !== null) {
      const { only, scenarios, profileFolder } = options
      return { options, proxies: chooseProxies(only, scenarios, profileFolder) }
    }
    process.stdout.write(USAGE)
    process.exit(0)
  } catch (error) {
    say(`${sentence(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

function write(file: string, report: Report): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  say(`Written to ${file}`)
}

const { options, proxies } = planOrExit(process.argv.slice(2))
cleanUpAtExit()
try {
  const report = await run(options, proxies, say)
  const fileName = `${report.startedAt.replaceAll(':', '-')}.json`
  write(options.jsonFile ?? join(import.meta.dirname, '../results', fileName), report)
  process.stdout.write(`${toTable(report)}\n`)
  const isWhole =
    report.proxies.every(({ state }) => state !== 'failed') &&
    report.results.every(({ fault }) => fault === null)
  process.exit(isWhole ? 0 : 1)
} catch (error) {
  say(sentence(error))
  process.exit(1)
}
