/**
 * The load generator: a closed loop of keep-alive connections, each with one request at a time. wrk where it is
 * installed, else autocannon, which costs five times the CPU per request and so may leave the proxy idle at times.
 *
 * Being closed, the loop asks as fast as the proxy answers: its p99 compares proxies at their own full load and is
 * not what a user at a fixed rate would see (coordinated omission).
 */

import { fileURLToPath } from 'node:url'
import { runChild } from './children.ts'
import { commandVersion, packageVersion } from './machine.ts'
import type { Scenario } from './scenario.ts'

/** What one run of load counted. */
export interface LoadResult {
  readonly requests: number
  /** Received, heads included. */
  readonly bytes: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** By kind; `status` counts answers other than 2xx (wrk: from 400 on). All must be 0 for a figure to count. */
  readonly errors: Readonly<Record<string, number>>
}

export interface LoadGenerator {
  /** Name and version, for the report. */
  readonly name: string
  /** Runs load for whole seconds. Throws if the generator fails or prints no result. */
  readonly run: (port: number, scenario: Scenario, seconds: number) => Promise<LoadResult>
}

/** A run may take this much longer than asked before it is ended. */
const OVERTIME_MS = 15_000

/** Takes wrk if it is installed, else autocannon; runs on `core` (null: any). */
export function chooseLoadGenerator(core: number | null): LoadGenerator {
  const wrkVersion = commandVersion('wrk', ['-v'], /wrk (?:debian\/)?([\d.]+)/)
  return wrkVersion === null ? autocannon(core) : wrk(wrkVersion, core)
}

function wrk(version: string, core: number | null): LoadGenerator {
  const script = fileURLToPath(new URL('wrk.lua', import.meta.url))
  return {
    name: `wrk ${version}`,
    run: (port, { path, connections }, seconds) => {
      const size = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s']
      const command = ['wrk', ...size, '-s', script, `http://127.0.0.1:${port}${path}`]
      return runGenerator(command, { core, seconds })
    },
  }
}

function autocannon(core: number | null): LoadGenerator {
  const program = fileURLToPath(new URL('programs/autocannon.ts', import.meta.url))
  return {
    name: `autocannon ${packageVersion('autocannon')}`,
    run: (port, scenario, seconds) =>
      runGenerator(
        [
          process.execPath,
          program,
          ...[port, scenario.path, scenario.connections, seconds].map(String),
        ],
        { core, seconds },
      ),
  }
}

async function runGenerator(
  command: readonly string[],
  { core, seconds }: { core: number | null; seconds: number },
): Promise<LoadResult> {
  const limitMs = seconds * 1_000 + OVERTIME_MS
  const output = await runChild('the load generator', command, { core, limitMs })
  const line = /^RESULT (.+)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`The load generator gave no result: ${output}`)
  const result: LoadResult = JSON.parse(line)
  return result
}
