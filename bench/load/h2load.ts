/**
 * h2load (of nghttp2) as the load generator of HTTP/2: its command line, and what it prints read.
 *
 * It sends the same fields with each request, so there is no cookie of a user in them: the one user would always go
 * to the same side. Quantiles come from its log of each request (it prints mean and deviation alone); writing it
 * costs the load's core less than one can measure.
 */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from './children.ts'
import { type LoadGenerator, type LoadResult, runGenerator } from './load.ts'
import {
  BROWSER_HEADERS,
  CIPHER_SUITE,
  GRPC_HEADERS,
  GRPC_MESSAGE,
  type Scenario,
} from './scenario.ts'

export function h2load(version: string, core: number | null): LoadGenerator {
  return {
    name: `h2load ${version}`,
    run: async (port, scenario, seconds) => {
      const folder = makeFolder()
      const logFile = join(folder, 'requests')
      const bodyFile = scenario.protocol === 'grpc' ? join(folder, 'body') : null
      if (bodyFile !== null) writeFileSync(bodyFile, GRPC_MESSAGE)
      const command = h2loadCommand({ port, scenario, seconds, logFile, bodyFile })
      try {
        const output = await runGenerator(command, { core, seconds })
        return readH2load(output, readFileSync(logFile, 'latin1'))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  }
}

interface Asked {
  readonly port: number
  readonly scenario: Scenario
  readonly seconds: number
  readonly logFile: string
  /** File with what is sent as the body of each request; null: no body. */
  readonly bodyFile: string | null
}

function h2loadCommand({ port, scenario, seconds, logFile, bodyFile }: Asked): string[] {
  const { path, connections, streams } = scenario
  const fields = Object.entries(bodyFile === null ? BROWSER_HEADERS : GRPC_HEADERS).map(
    ([name, value]) => `${name.toLowerCase()}: ${value}`,
  )
  return [
    'h2load',
    '-t1',
    `-c${connections}`,
    `-m${streams}`,
    `-D${seconds}s`,
    `--tls13-ciphers=${CIPHER_SUITE}`,
    `--log-file=${logFile}`,
    ...(bodyFile === null ? [] : [`--data=${bodyFile}`]),
    ...fields.flatMap((field) => ['-H', field]),
    `https://127.0.0.1:${port}${path}`,
  ]
}

/** Reads what h2load prints at its end, and its log. Throws where a figure is missing. */
export function readH2load(output: string, log: string): LoadResult {
  const count = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1]
    if (found === undefined) throw new Error(`h2load gave no figure for ${pattern}: ${output}`)
    return Number(found)
  }
  const done = count(/^requests: .* (\d+) done,/m)
  const latenciesMs = readLatencies(log)
  return {
    requests: done,
    bytes: count(/^traffic: .*?\((\d+)\) total,/m),
    // "finished in 2.00s" is rounded; the rate is not.
    seconds: done / count(/^finished in .*?, ([\d.]+) req\/s,/m),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    errors: {
      failed: count(/^requests: .* (\d+) failed,/m),
      errored: count(/^requests: .* (\d+) errored,/m),
      timeout: count(/^requests: .* (\d+) timeout$/m),
      status: done - count(/^status codes: (\d+) 2xx,/m),
    },
  }
}

/** Lines of the log: start in µs, status, µs until the end of the answer. */
function readLatencies(log: string): Float64Array {
  const lines = log.split('\n').filter((line) => line !== '')
  return Float64Array.from(
    lines,
    (line) => Number(line.slice(line.lastIndexOf('\t') + 1)) / 1_000,
  ).toSorted()
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
}
