/**
 * The proxy of one thread: its listeners, its connections, the table they work by, and the sweep that keeps
 * their deadlines. Knows nothing of threads, so that tests run it where they are.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { THREAD } from '../analyzer/tally.ts'
import { ThreadContext } from './context.ts'
import { DownstreamConnection } from './http1/connection.ts'
import type { Listener, Snapshot } from './snapshot.ts'
import { compileTable } from './table.ts'

/** The grain of every timeout. */
const SWEEP_MS = 250
/** Connections that the kernel holds for us until they are accepted. */
const BACKLOG = 1024
/** Turns of the event loop in which all is read that the kernel holds: the present one, connections, their requests. */
const ARRIVAL_TURNS = 3

export interface ProxyServerOptions {
  /** This thread's words of the tally. */
  readonly tally: Uint32Array
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** 0 up to, not including, 1. */
  readonly random: () => number
  readonly report: (error: unknown) => void
}

export class ProxyServer {
  readonly #options: ProxyServerOptions
  readonly #context: ThreadContext
  readonly #connections = new Set<DownstreamConnection>()
  readonly #servers: Server[] = []
  readonly #sweeping: NodeJS.Timeout
  #onEmpty: (() => void) | null = null

  constructor(options: ProxyServerOptions) {
    this.#options = options
    this.#context = new ThreadContext({
      tally: options.tally,
      nowMs: options.nowMs(),
      random: options.random,
      report: options.report,
    })
    this.#renewClock()
    this.#sweeping = setInterval(() => this.sweep(), SWEEP_MS)
  }

  /** From now on no request starts by an older snapshot. */
  use(snapshot: Snapshot): void {
    this.#context.use(compileTable(snapshot, this.#context.endpoints))
  }

  /** Resolves with the port; needs a table. `reusePort`: other threads listen on the same one. */
  listen(listener: Listener, reusePort: boolean): Promise<number> {
    const options = { noDelay: true, allowHalfOpen: true, pauseOnConnect: true }
    const server = createServer(options, (socket) => this.#accept(socket))
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(
        { host: listener.host, port: listener.port, reusePort, backlog: BACKLOG },
        () => {
          server.off('error', reject)
          server.on('error', this.#options.report)
          const address = server.address()
          resolve(typeof address === 'object' && address !== null ? address.port : listener.port)
        },
      )
    })
  }

  #accept(socket: Socket): void {
    const { tally, table } = this.#context
    if (this.#connections.size >= table.limits.connections) {
      tally[THREAD.refused]!++
      socket.destroy()
      return
    }
    const connection = new DownstreamConnection(this.#context, socket)
    this.#connections.add(connection)
    connection.onClosed(() => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
  }

  #renewClock(): void {
    this.#context.nowMs = this.#options.nowMs()
    this.#context.dateLine = `date: ${new Date().toUTCString()}\r\n`
  }

  /**
   * Ends what has lasted too long; called every 250 ms. Deadlines are judged by the time of the sweep before,
   * which they were set by: so none strikes early, and after a pause of the whole thread what has arrived
   * meanwhile is read first.
   */
  sweep(): void {
    const dueMs = this.#context.nowMs
    this.#renewClock()
    for (const connection of this.#connections) connection.sweep(dueMs)
    this.#context.endpoints.closeIdle(dueMs - this.#context.table.timeouts.upstreamIdleMs)
  }

  /** Answers what has arrived, stops accepting, lets requests finish for at most `timeoutMs`, then closes what is left. */
  async drain(timeoutMs: number): Promise<void> {
    this.#context.isDraining = true
    for (let turn = 0; turn < ARRIVAL_TURNS; turn++) await setImmediate()
    for (const server of this.#servers) server.close()
    for (const connection of this.#connections) connection.drain()
    const { promise, resolve } = Promise.withResolvers<void>()
    const deadline = setTimeout(resolve, timeoutMs)
    const empty = this.#empty()
    await Promise.race([empty, promise])
    clearTimeout(deadline)
    this.close()
    await empty
  }

  /** Resolves when the last connection is closed and its books are. */
  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    return promise
  }

  /** Closes everything at once. */
  close(): void {
    clearInterval(this.#sweeping)
    for (const server of this.#servers) server.close()
    for (const connection of this.#connections) connection.destroy()
    this.#context.endpoints.retain(new Set())
  }
}
