/**
 * Takes a new configuration into the running process: opens what it newly listens on, gives it to the engine, and so to
 * the threads, closes what it does not listen on any more. Where one of these fails, all is as before.
 *
 * In that order no connection meets a closed door: what is new is open before it is told of, and what is old is closed
 * only when nothing is told of it. What stays open takes new settings, such as certificates, with the last of the three.
 */

import type { Listener } from '../proxy/snapshot.ts'
import { formatAddress } from './config/address.ts'
import { structuralChanges } from './config/changes.ts'
import type { Config } from './config/config.ts'
import { formatFault } from './config/fault.ts'
import type { Log } from './log.ts'
import type { ThreadPool } from './threads/pool.ts'
import { requireFreeAddresses } from './threads/probe.ts'
import { compileListeners } from './threads/routing.ts'

export interface ReloadOptions {
  readonly pool: Pick<ThreadPool, 'listeners' | 'missing' | 'open' | 'keep'>
  readonly engine: { reconfigure(config: Config): Promise<void> }
  readonly ticketKeys: Uint8Array
  /** What the process was started with: some of it stays until it is started again. */
  readonly startedWith: Config
  readonly log: Log
  readonly nowMs: () => number
}

export class Reload {
  readonly #options: ReloadOptions
  #config: Config
  #isSuccessful = true
  #succeededAtMs: number
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#config = options.startedWith
    this.#succeededAtMs = options.nowMs()
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config
  }

  /** Whether the newest configuration is the one in force. */
  get isSuccessful(): boolean {
    return this.#isSuccessful
  }

  get succeededAtMs(): number {
    return this.#succeededAtMs
  }

  /** A configuration came that is not usable. */
  refuse(): void {
    this.#isSuccessful = false
  }

  /** Resolves to whether it was taken; one after the other. Never rejects: it says in the log what went wrong. */
  take(next: Config): Promise<boolean> {
    const before = this.#last
    const taken = (async () => {
      await before
      return this.#take(next)
    })()
    this.#last = taken
    return taken
  }

  async #take(next: Config): Promise<boolean> {
    const { startedWith, log, nowMs } = this.#options
    for (const sentence of structuralChanges(startedWith, next)) log.warn(sentence)
    for (const warning of next.warnings) log.warn(formatFault(warning))
    try {
      await this.#change(next)
      this.#isSuccessful = true
      this.#succeededAtMs = nowMs()
      log.info('The configuration is loaded anew')
      return true
    } catch (error) {
      this.#isSuccessful = false
      const reason = error instanceof Error ? error.message : String(error)
      log.error(`The configuration cannot be taken: ${reason}; SIGHUP tries it again`)
      return false
    }
  }

  async #change(next: Config): Promise<void> {
    const { pool, engine, ticketKeys, log } = this.#options
    const listeners = compileListeners(next, ticketKeys)
    const before = pool.listeners
    await requireFreeAddresses(pool.missing(listeners), before)
    await pool.open(listeners)
    try {
      await engine.reconfigure(next)
    } catch (error) {
      await pool.keep(before)
      throw error
    }
    this.#config = next
    await pool.keep(listeners)
    for (const each of without(pool.listeners, before)) log.info(listenerSentence(each))
    for (const each of without(before, pool.listeners)) {
      log.info(`${listenerSentence(each)} is no more; its connections live on`)
    }
  }
}

export function listenerSentence(listener: Listener): string {
  const scheme = listener.tls === null ? 'http' : 'https'
  return `Listener ${listener.name} on ${scheme}://${formatAddress(listener)}`
}

/** Those of the first list that the second one does not have under that name, scheme and address. */
function without(listeners: readonly Listener[], others: readonly Listener[]): readonly Listener[] {
  const sentences = new Set(others.map(listenerSentence))
  return listeners.filter((each) => !sentences.has(listenerSentence(each)))
}
