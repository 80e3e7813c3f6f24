/** A pool of real threads, ended with the test. */

import { onTestFinished } from 'vitest'
import {
  createTallyBuffer,
  segment,
  SERIES,
  seriesOffset,
  THREAD,
} from '../../src/analyzer/tally.ts'
import { ThreadPool, type ThreadPoolOptions } from '../../src/control/threads/pool.ts'
import type { Listener, Snapshot } from '../../src/proxy/snapshot.ts'
import { LISTENER, type Setup, snapshotOf } from '../proxy/exchange/proxy.ts'
import type { Fault, FaultySnapshot } from './faults.ts'

export interface Pool {
  readonly pool: ThreadPool
  readonly port: number
  readonly logged: readonly string[]
  /** A counter of each thread. */
  readonly counts: (counter: keyof typeof THREAD) => number[]
  /** A counter of a series, over all threads. */
  readonly total: (counter: 'started' | 'finished' | 'clientAborts', series: number) => number
}

const THREAD_COUNT = 2

/** A listener on this machine, for HTTP/1.1 in cleartext. */
export function listenerOn(port: number, changes: Partial<Listener> = {}): Listener {
  return { ...LISTENER, port, ...changes }
}

/** Starts two threads on a free port. */
export async function startPool(
  snapshot: Snapshot,
  options: Partial<ThreadPoolOptions> = {},
): Promise<Pool> {
  const tallies = createTallyBuffer(THREAD_COUNT)
  const logged: string[] = []
  const pool = new ThreadPool({
    count: THREAD_COUNT,
    tallies,
    listeners: [listenerOn(0)],
    log: (level, message) => void logged.push(`${level} ${message}`),
    onStuck: (message) => void logged.push(`stuck ${message}`),
    entry: new URL('faulty-thread.ts', import.meta.url),
    ...options,
  })
  onTestFinished(() => pool.drain(0))
  await pool.start(snapshot)
  const words = Array.from({ length: THREAD_COUNT }, (_, index) => segment(tallies, index))
  return {
    pool,
    port: pool.listeners[0]!.port,
    logged,
    counts: (counter) => words.map((own) => own[THREAD[counter]]!),
    total: (counter, series) =>
      words.reduce((sum, own) => sum + own[seriesOffset(series) + SERIES[counter]]!, 0),
  }
}

/** A snapshot that strikes one thread, or the `threads`, a number of times. */
export function faulty(
  setup: Setup,
  kind: Fault['kind'],
  options: { blockMs?: number; times?: number; threads?: readonly number[]; fifo?: string } = {},
): FaultySnapshot {
  const { blockMs = 0, times = 1, threads = [0], fifo = '' } = options
  const left = new Int32Array(new SharedArrayBuffer(4)).fill(times)
  return { ...snapshotOf(setup), fault: { kind, blockMs, threads, left, fifo } }
}
