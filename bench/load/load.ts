/**
 * What a load generator is: a closed loop of keep-alive connections, each with as many requests at a time as the
 * scenario says.
 *
 * Being closed, the loop asks as fast as the proxy answers: its p99 compares proxies at their own full load and is
 * not what a user at a fixed rate would see (coordinated omission).
 */

import { runChild } from './children.ts'
import type { Scenario } from './scenario.ts'

/** What one run of load counted. */
export interface LoadResult {
  /** Answered; with WebSocket, messages that came back. */
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

/** Runs a generator to its end, on `core` (null: any), and returns what it printed. */
export function runGenerator(
  command: readonly string[],
  { core, seconds }: { core: number | null; seconds: number },
): Promise<string> {
  return runChild('the load generator', command, { core, limitMs: seconds * 1_000 + OVERTIME_MS })
}

/** Reads the line that `wrk.lua` and our own programs end with. */
export function readResultLine(output: string): LoadResult {
  const line = /^RESULT (.+)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`The load generator gave no result: ${output}`)
  const result: LoadResult = JSON.parse(line)
  return result
}
