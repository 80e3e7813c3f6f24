/**
 * A `ProxyServer` in a process of its own, so that a hostile case that kills or blocks it is seen to.
 *
 * Does what it is told over IPC, one thing at a time, and answers each and every command with how it is.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'
import {
  createTallyBuffer,
  segment,
  SERIES,
  seriesOffset,
  THREAD,
} from '../../src/analyzer/tally.ts'
import { UPSTREAM_FAILURE_NAMES } from '../../src/proxy/failure.ts'
import { ProxyServer } from '../../src/proxy/server.ts'
import type { Listener, Snapshot } from '../../src/proxy/snapshot.ts'

export type Command =
  | { readonly type: 'ping' }
  /** Listens where the first one says. */
  | {
      readonly type: 'use'
      readonly snapshot: Snapshot
      readonly listeners: readonly Listener[]
    }
  /** Puts the clock forward and does what is due by then. */
  | { readonly type: 'advance'; readonly byMs: number }
  /** Answered at once; what follows is seen by pings. */
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Frees what is not used, so that memory can be compared. */
  | { readonly type: 'collect' }

/** Of the one variant, since the process began. */
export interface Counts {
  readonly started: number
  readonly finished: number
  readonly errors: number
  readonly clientAborts: number
  readonly upstreamFailures: number
}

export interface Health {
  /** By name of listener. */
  readonly ports: Readonly<Record<string, number>>
  readonly residentBytes: number
  /** The longest that the event loop was held up since the last `use`. */
  readonly eventLoopDelayMs: number
  readonly counts: Counts
  /** Downstream connections that are open. */
  readonly openCount: number
  readonly isDrained: boolean
  readonly bugs: readonly string[]
}

const words = segment(createTallyBuffer(1), 0)
const bugs: string[] = []
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
let offsetMs = 0
let isDrained = false
const ports: Record<string, number> = {}
const server = new ProxyServer({
  tally: words,
  nowMs: () => performance.now() + offsetMs,
  random: Math.random,
  report: (error) =>
    void bugs.push(error instanceof Error ? (error.stack ?? error.message) : String(error)),
})

process.on('disconnect', () => process.exit())
process.on('message', (command: Command) => void obey(command))

async function obey(command: Command): Promise<void> {
  switch (command.type) {
    case 'ping':
      break
    case 'use':
      await use(command.snapshot, command.listeners)
      break
    case 'advance':
      for (let turn = 0; turn < 5; turn++) await setImmediate()
      offsetMs += command.byMs
      server.sweep()
      server.sweep()
      break
    case 'drain':
      void server.drain(command.timeoutMs).then(() => (isDrained = true))
      break
    case 'collect':
      globalThis.gc?.()
      globalThis.gc?.()
  }
  // What has arrived before the command is read before the answer.
  await setImmediate()
  await setImmediate()
  process.send?.(health())
}

async function use(snapshot: Snapshot, listeners: readonly Listener[]): Promise<void> {
  server.use(snapshot)
  for (const listener of listeners) {
    ports[listener.name] ??= await server.listen(listener, false)
  }
  delay.reset()
}

function health(): Health {
  const start = seriesOffset(0)
  const one = (offset: number): number => words[start + offset]!
  return {
    ports,
    residentBytes: process.memoryUsage.rss(),
    eventLoopDelayMs: delay.max / 1e6,
    counts: {
      started: one(SERIES.started),
      finished: one(SERIES.finished),
      errors: one(SERIES.errors),
      clientAborts: one(SERIES.clientAborts),
      upstreamFailures: UPSTREAM_FAILURE_NAMES.reduce(
        (sum, _, index) => sum + one(SERIES.failures + index),
        0,
      ),
    },
    openCount: words[THREAD.accepted]! - words[THREAD.closed]!,
    isDrained,
    bugs,
  }
}
