/**
 * The proxy of one thread: its listeners, its connections, the table they work by, and the wheel that keeps
 * their deadlines. Knows nothing of threads, so that tests run it where they are.
 */

import { setImmediate } from 'node:timers/promises'
import { THREAD } from '../analyzer/tally.ts'
import type { AccessSink } from './access/log.ts'
import { ThreadContext } from './context.ts'
import type { ClientConnection } from './downstream.ts'
import type { FlagReport } from './flags/flags.ts'
import { type ClientKeeper, Entrance } from './listener/accept.ts'
import { type CompiledListener, ListenerCompiler } from './listener/listeners.ts'
import { OpenListener } from './listener/open-listener.ts'
import type { RefusalReport } from './refusals.ts'
import type { Listener, Snapshot } from './snapshot.ts'
import { compileTable } from './table.ts'
import type { EndpointReport } from './upstream/report.ts'
import { Wheel } from './wheel.ts'

/** A turn of the wheel: the grain of every timeout. */
const TURN_MS = 250
const TICKS_PER_TURN = 10
/** Turns of the wheel after which control hears of endpoints. */
const REPORT_TURNS = 4
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
  /** Hears of refusals where the snapshot asks for it; default: nobody does. */
  readonly tellRefusal?: (report: RefusalReport) => void
  /** Hears of endpoints with news, once a second; default: nobody does. */
  readonly tellEndpoints?: (reports: readonly EndpointReport[]) => void
  /** Milliseconds since 1970 at which `nowMs` was 0; default 0. */
  readonly originMs?: number
  /** Where the access log goes, and its clocks; default: nowhere. */
  readonly access?: AccessSink
  /** Hears what came of flags, a few times a second at most; default: nobody does. */
  readonly tellFlags?: (report: FlagReport) => void
}

/** That a listener cannot be opened. */
export class ListenError extends Error {
  readonly listener: Listener

  constructor(listener: Listener, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.listener = listener
  }
}

export class ProxyServer implements ClientKeeper {
  readonly #options: ProxyServerOptions
  readonly #context: ThreadContext
  readonly #compiler = new ListenerCompiler()
  readonly #clients = new Wheel<ClientConnection>(TICKS_PER_TURN)
  readonly #entrance: Entrance
  #listeners: OpenListener[] = []
  #ticking: NodeJS.Timeout | null = null
  /** Deadlines up to then are due in this turn of the wheel. */
  #dueMs: number
  #turnCount = 0
  #onEmpty: (() => void) | null = null

  constructor(options: ProxyServerOptions) {
    this.#options = options
    this.#context = new ThreadContext({ ...options, nowMs: options.nowMs() })
    this.#entrance = new Entrance(this.#context, this)
    this.#dueMs = this.#context.nowMs
    this.#renewClock()
  }

  /** Of the access log that many bytes are not waiting any more. */
  accessWritten(bytes: number): void {
    this.#context.accessLog.acknowledge(bytes)
  }

  /** The ids of all endpoints that health checks have found unhealthy. */
  setUnhealthy(ids: readonly string[]): void {
    this.#context.endpoints.setUnhealthy(new Set(ids))
  }

  /** From now on no request starts by an older snapshot. */
  use(snapshot: Snapshot): void {
    this.#context.flags.use(snapshot.flags)
    this.#context.use(compileTable(snapshot, this.#context))
    this.#ticking ??= setInterval(() => this.#tick(), TURN_MS / TICKS_PER_TURN)
  }

  /** Opens one more; resolves with the port. Needs a table. `reusePort`: other threads listen on the same one. */
  async listen(listener: Listener, reusePort: boolean): Promise<number> {
    const [settings] = this.#compiler.compile([listener])
    const opened = await this.#open(listener, settings!, reusePort)
    this.#listeners.push(opened)
    return opened.port
  }

  /**
   * Opens those of these that are not open at their host and port, closes all others, and has those that stay serve by
   * what is said here; connections live on as they began. Resolves with the ports, rejects with a `ListenError`, and then
   * all is as before. Not to be called again before.
   */
  async listenOnly(listeners: readonly Listener[], reusePort: boolean): Promise<readonly number[]> {
    const kept: OpenListener[] = []
    const opened: OpenListener[] = []
    const settings = this.#compiler.compile(listeners)
    for (const [i, listener] of listeners.entries()) {
      const open = this.#listeners.find((each) => each.isAt(listener))
      try {
        // One after the other: the first failure is the one to tell.
        kept.push(open ?? (await this.#open(listener, settings[i]!, reusePort)))
      } catch (error) {
        for (const each of opened) each.close()
        throw new ListenError(listener, error)
      }
      if (open === undefined) opened.push(kept.at(-1)!)
    }
    for (const [i, listener] of kept.entries()) listener.settings = settings[i]!
    const gone = this.#listeners.filter((listener) => !kept.includes(listener))
    this.#listeners = kept
    if (gone.length > 0) await this.#closeListeners(gone)
    return kept.map(({ port }) => port)
  }

  async #open(
    listener: Listener,
    settings: CompiledListener,
    reusePort: boolean,
  ): Promise<OpenListener> {
    const opened = new OpenListener(listener, {
      settings,
      onConnection: (socket, current) => this.#entrance.accept(socket, current),
      report: this.#options.report,
    })
    await opened.open(reusePort)
    return opened
  }

  /** What the kernel has taken for us is accepted first. */
  async #closeListeners(listeners: readonly OpenListener[]): Promise<void> {
    for (let turn = 0; turn < ARRIVAL_TURNS; turn++) await setImmediate()
    for (const listener of listeners) listener.close()
  }

  get clientCount(): number {
    return this.#clients.size
  }

  keep(client: ClientConnection, onClosed: () => void): void {
    const remove = this.#clients.add(client)
    client.onClosed(() => {
      remove()
      onClosed()
      if (this.#clients.size === 0) this.#onEmpty?.()
    })
  }

  #renewClock(): void {
    this.#context.nowMs = this.#options.nowMs()
    const date = new Date()
    this.#context.wallMs = date.getTime()
    this.#context.dateLine = `date: ${date.toUTCString()}\r\n`
  }

  #tick(): void {
    this.#options.tally[THREAD.beats]!++
    this.#context.rings.sweep(this.#options.nowMs())
    if (this.#clients.isAtStart) this.#beginTurn()
    this.#clients.tick(this.#dueMs)
  }

  /** What is due once a turn. */
  #beginTurn(): void {
    this.#dueMs = this.#context.nowMs
    this.#renewClock()
    this.#context.endpoints.endTurn(this.#context.nowMs)
    if (++this.#turnCount % REPORT_TURNS === 0) this.#tellEndpoints()
    this.#context.endpoints.closeIdle(this.#dueMs - this.#context.table.timeouts.upstreamIdleMs)
    this.#context.accessLog.flush()
    this.#tellFlags()
  }

  #tellFlags(): void {
    const told = this.#context.flags.take()
    if (told !== null) this.#options.tellFlags?.(told)
  }

  #tellEndpoints(): void {
    const { tellEndpoints, originMs = 0 } = this.#options
    const reports = this.#context.endpoints.takeReports(originMs)
    if (reports.length > 0) tellEndpoints?.(reports)
  }

  /** Does a whole turn at once: ends what has lasted too long by the clock of the turn before. */
  sweep(): void {
    this.#beginTurn()
    this.#context.rings.sweep(this.#context.nowMs)
    this.#clients.sweep(this.#dueMs)
  }

  /** Answers what has arrived, stops accepting, lets requests finish for at most `timeoutMs`, then closes what is left. */
  async drain(timeoutMs: number): Promise<void> {
    this.#context.isDraining = true
    this.#context.drainMs = timeoutMs
    await this.#closeListeners(this.#listeners)
    for (const client of this.#clients) client.drain()
    const { promise, resolve } = Promise.withResolvers<void>()
    const deadline = setTimeout(resolve, timeoutMs)
    const empty = this.#empty()
    await Promise.race([empty, promise])
    clearTimeout(deadline)
    this.close()
    await empty
    this.#context.accessLog.flush()
  }

  /** Resolves when the last connection is closed and its books are. */
  #empty(): Promise<void> {
    if (this.#clients.size === 0) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    return promise
  }

  /** Closes everything at once. */
  close(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking)
    for (const listener of this.#listeners) listener.close()
    for (const client of this.#clients) client.destroy()
    for (const copy of this.#context.copies) copy.giveUp()
    this.#context.endpoints.retain(new Set())
    this.#context.flags.close()
  }
}
