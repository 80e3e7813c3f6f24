/**
 * The entry point of a proxy thread: what it hears from control and what it answers.
 *
 * Composition root of the data plane: the real clock and the real chance are made here.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { segment, settleAbandoned } from '../analyzer/tally.ts'
import type { FlagReport } from './flags/flags.ts'
import type { RefusalReport } from './refusals.ts'
import { ListenError, ProxyServer } from './server.ts'
import type { Listener, Snapshot } from './snapshot.ts'
import type { EndpointReport } from './upstream/report.ts'

/** What control gives a thread when it starts it. */
export interface ThreadOptions {
  readonly index: number
  readonly tallies: SharedArrayBuffer
  readonly reusePort: boolean
}

/** Control to thread. */
export type ThreadCommand =
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  /**
   * All that is to be open, told apart by host and port: what is new is opened, what is not among them closed, what
   * stays takes the settings that it has here. A name stands twice while its listener moves to another port. Needs a
   * snapshot first; answered by `listening` or `listenFailed`, before which no other `listen` comes.
   */
  | { readonly type: 'listen'; readonly listeners: readonly Listener[] }
  /** Of the access log that many bytes are written, or lost. */
  | { readonly type: 'accessWritten'; readonly bytes: number }
  /** Ids of all endpoints that health checks have found unhealthy; all others are healthy. */
  | { readonly type: 'health'; readonly unhealthy: readonly string[] }
  | { readonly type: 'drain'; readonly timeoutMs: number }

/** Thread to control. */
export type ThreadMessage =
  | { readonly type: 'acknowledged'; readonly version: number }
  /** Ports in the order of the listeners. */
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  | { readonly type: 'listenFailed'; readonly message: string }
  | { readonly type: 'drained' }
  | { readonly type: 'bug'; readonly message: string }
  | { readonly type: 'refused'; readonly report: RefusalReport }
  /** Whole lines, ASCII; answered by `accessWritten`. */
  | { readonly type: 'access'; readonly lines: string }
  /** About once a second, of endpoints of which something has changed. */
  | { readonly type: 'endpoints'; readonly reports: readonly EndpointReport[] }
  | { readonly type: 'flags'; readonly report: FlagReport }

/** Bugs told to control by one thread; further ones are only counted by their effects. */
const REPORT_LIMIT = 100

const port = parentPort
if (port === null) throw new Error('thread.ts runs as a worker thread only')
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- control gives it, and nobody else
const options = workerData as ThreadOptions
const tally = segment(options.tallies, options.index)
settleAbandoned(tally)

let reportCount = 0
const server = new ProxyServer({
  tally,
  nowMs: () => performance.now(),
  random: Math.random,
  tellRefusal: (report) => send({ type: 'refused', report }),
  tellEndpoints: (reports) => send({ type: 'endpoints', reports }),
  originMs: performance.timeOrigin,
  tellFlags: (report) => send({ type: 'flags', report }),
  access: {
    send: (lines) => send({ type: 'access', lines }),
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
  },
  report: (error) => {
    if (++reportCount > REPORT_LIMIT) return
    send({
      type: 'bug',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  },
})

function send(message: ThreadMessage): void {
  port!.postMessage(message)
}

async function listen(listeners: readonly Listener[]): Promise<void> {
  try {
    send({ type: 'listening', ports: await server.listenOnly(listeners, options.reusePort) })
  } catch (error) {
    if (!(error instanceof ListenError)) throw error
    const { name, host, port: number } = error.listener
    const message = `Cannot listen on ${host}:${number} (listener "${name}"): ${error.message}`
    send({ type: 'listenFailed', message })
  }
}

port.on('message', (command: ThreadCommand) => {
  switch (command.type) {
    case 'snapshot':
      server.use(command.snapshot)
      send({ type: 'acknowledged', version: command.snapshot.version })
      break
    case 'listen':
      void listen(command.listeners)
      break
    case 'accessWritten':
      server.accessWritten(command.bytes)
      break
    case 'health':
      server.setUnhealthy(command.unhealthy)
      break
    case 'drain':
      void server.drain(command.timeoutMs).then(() => send({ type: 'drained' }))
      break
  }
})
