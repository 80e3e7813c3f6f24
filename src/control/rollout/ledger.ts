/**
 * Record, route, tell: the order in which every change takes effect.
 *
 * What is not durable is not routed, and nobody hears of what is not in force. The one exception protects users:
 * a change that only takes traffic from a canary is routed even while the store fails. It is then kept in
 * memory, and goes before everything else into the store as soon as that can be written.
 */

import { CodedError } from '../coded-error.ts'
import type { Config } from '../config/config.ts'
import type { JournalEntry, KeptReply, Store } from '../store/contract.ts'
import type { Book } from './book.ts'
import type { Change } from './change.ts'
import type { Routing } from './engine.ts'
import type { Log } from '../log.ts'

/** After how many writes the store saves the fold, so that starting is short. */
export const COMPACT_EVERY = 1_000

/** How long a kept reply is given again, in milliseconds: a day, as common services do. */
export const REPLY_AGE_MS = 86_400_000

/** How long ticks leave a failing store or routing alone, in milliseconds. */
export const RETRY_MS = 1_000

/** Changes that wait for the store; beyond it judgements are forgotten, oldest first, but never an abort. */
export const UNRECORDED_LIMIT = 1_000

export interface LedgerOptions {
  readonly store: Store
  readonly routing: Routing
  readonly book: Book
  readonly config: () => Config
  readonly clock: { nowMs(): number }
  readonly log: Log
}

export class Ledger {
  readonly #options: LedgerOptions
  readonly #listeners = new Set<(entry: JournalEntry) => void>()
  /** In force, but not in the store. */
  #unrecorded: Change[] = []
  #isUnrouted = false
  #untold: { readonly entries: readonly JournalEntry[]; readonly messages: readonly string[] }[] =
    []
  /** The last entry in the store. */
  #recordedSeq: number
  #writesSinceCompaction = 0
  #retryAtMs = 0

  /** `recordedSeq` is the last entry in the store. */
  constructor(options: LedgerOptions, recordedSeq: number) {
    this.#options = options
    this.#recordedSeq = recordedSeq
  }

  /** Carries out changes, all or none. Rejects as the store or the routing does; what was recorded stays so. */
  async commit(changes: readonly Change[], reply?: KeptReply): Promise<void> {
    await this.record(changes, reply)
    await this.route()
    await this.#compact()
  }

  /**
   * Writes changes and the reply in one transaction, and puts them in force in memory.
   *
   * When the store fails, those that protect users are in force all the same and routed before it rejects.
   */
  async record(changes: readonly Change[], reply?: KeptReply): Promise<void> {
    const all = [...this.#unrecorded, ...changes]
    if (all.length === 0 && reply === undefined) return
    const entries = all.flatMap((change) => change.entries)
    let written: readonly JournalEntry[]
    try {
      written = await this.#options.store.append(entries, reply)
    } catch (error) {
      const isKeyReused = error instanceof CodedError && error.code === 'keyReused'
      if (isKeyReused && changes.some(isProtective)) return this.record(changes)
      await this.#protect(changes, error)
      throw error
    }
    if (this.#unrecorded.length > 0) this.#options.log.info('The store is written again')
    this.#unrecorded = []
    this.#apply(changes)
    this.#untold.push({ entries: written, messages: all.flatMap((change) => change.messages) })
    this.#recordedSeq = written.at(-1)?.seq ?? this.#recordedSeq
    this.#writesSinceCompaction += written.length + (reply === undefined ? 0 : 1)
  }

  /** Asks for publication with the next `route`, also when no change did. */
  invalidate(): void {
    this.#isUnrouted = true
  }

  /** Publishes where a change asked for it, then tells what was recorded. */
  async route(): Promise<void> {
    const { routing, book, config } = this.#options
    if (this.#isUnrouted) {
      try {
        await routing.publish(config(), book.targets(config()))
      } catch (error) {
        this.#rest()
        throw error
      }
      this.#isUnrouted = false
    }
    this.#tell()
  }

  /** Whether something waits for the store or the threads, and it is time to try again. */
  isOverdue(nowMs: number): boolean {
    return (this.#unrecorded.length > 0 || this.#isUnrouted) && !this.isResting(nowMs)
  }

  /** Whether the store or the threads failed a moment ago. */
  isResting(nowMs: number): boolean {
    return nowMs < this.#retryAtMs
  }

  /** Whether the threads have what was last in force. */
  isRouted(): boolean {
    return !this.#isUnrouted
  }

  /** Whether a change of this rollout is in force but not in the store. */
  isUnrecorded(id: string): boolean {
    return this.#unrecorded.some((change) => change.state?.id === id)
  }

  onEntry(listener: (entry: JournalEntry) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async #protect(changes: readonly Change[], error: unknown): Promise<void> {
    this.#rest()
    const protective = changes.filter(isProtective)
    if (protective.length === 0) return
    this.#options.log.error('The store cannot be written; the guard goes on without it', { error })
    this.#unrecorded.push(...protective)
    while (this.#unrecorded.length > UNRECORDED_LIMIT) {
      const i = this.#unrecorded.findIndex((change) => !change.routes)
      if (i < 0) break
      this.#unrecorded.splice(i, 1)
    }
    this.#apply(protective)
    await this.route()
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      for (const entry of change.entries) this.#options.book.apply(entry)
      if (change.routes) this.#isUnrouted = true
    }
  }

  #rest(): void {
    this.#retryAtMs = this.#options.clock.nowMs() + RETRY_MS
  }

  #tell(): void {
    const { log } = this.#options
    for (const { entries, messages } of this.#untold.splice(0)) {
      for (const message of messages) log.info(message)
      for (const entry of entries) this.#tellEntry(entry)
    }
  }

  /** A listener that throws has a bug, and costs neither the change nor the other listeners. */
  #tellEntry(entry: JournalEntry): void {
    for (const listener of this.#listeners) {
      try {
        listener(entry)
      } catch (error) {
        this.#options.log.error('A listener of the journal failed', { error })
      }
    }
  }

  /** A snapshot only shortens the next start, so failing to save one is no failure of the change. */
  async #compact(): Promise<void> {
    if (this.#writesSinceCompaction < COMPACT_EVERY) return
    const { store, book, clock, log } = this.#options
    this.#writesSinceCompaction = 0
    try {
      await store.compact(book.state(this.#recordedSeq), clock.nowMs() - REPLY_AGE_MS)
    } catch (error) {
      log.warn('The store could not save a snapshot', { error })
    }
  }
}

function isProtective(change: Change): boolean {
  return change.isProtective
}
