/**
 * Which core does what: the proxy under measurement has one core for itself, everything else runs on the others.
 * `taskset` pins; where it is missing (macOS) nothing is pinned, and the report says so.
 */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Core numbers; null where that part is not pinned. */
export interface Pinning {
  readonly proxy: number | null
  readonly load: number | null
  readonly upstream: number | null
}

const TASKSET = 'taskset'
const PIN_TRIES = 10

const UNPINNED: Pinning = { proxy: null, load: null, upstream: null }

/**
 * Chooses the cores from those this process may use: first the proxy's, second the load's, third (where there is
 * one, else the second) the upstream's. With a single core nothing is pinned: it would change nothing.
 */
export function choosePinning(): Pinning {
  if (spawnSync(TASKSET, ['-p', String(process.pid)]).status !== 0) return UNPINNED
  const [proxy, load, upstream] = allowedCores()
  if (proxy === undefined || load === undefined) return UNPINNED
  return { proxy, load, upstream: upstream ?? load }
}

/** Moves the benchmark's own process off the proxy's core. */
export function pinSelf(core: number | null): void {
  if (core === null) return
  const args = ['-a', '-p', '-c', String(core), String(process.pid)]
  // A thread that ends just then fails the command for all.
  for (let tries = 1; spawnSync(TASKSET, args).status !== 0; tries++) {
    if (tries === PIN_TRIES) throw new Error(`Cannot move this process to core ${core}`)
  }
}

/** Returns the command that runs `command` on that core only. */
export function pinned(command: readonly string[], core: number | null): readonly string[] {
  return core === null ? command : [TASKSET, '-c', String(core), ...command]
}

function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'latin1')
  const ranges = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1]?.split(',') ?? []
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}
