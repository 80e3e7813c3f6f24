/**
 * Record and route of flags, in the engine's order; and what is in force without being recorded, since switching off waits
 * for no store.
 */

import { CodedError } from '../coded-error.ts'
import type { KeptFlag, Store } from '../store/contract.ts'

export interface FlagLedgerOptions {
  readonly store: Pick<Store, 'keepFlags'>
  /** Resolves when every thread has the flags. */
  readonly republish: () => Promise<void>
}

export class FlagLedger {
  readonly #options: FlagLedgerOptions
  /** In force, but not in the store. */
  #unrecorded: KeptFlag[] = []
  #isUnrouted = false

  constructor(options: FlagLedgerOptions) {
    this.#options = options
  }

  /** Whether something waits for the store or for the threads. */
  get isOverdue(): boolean {
    return this.#unrecorded.length > 0 || this.#isUnrouted
  }

  /** Durable when it resolves, with all that was not yet. */
  async record(change: KeptFlag | null): Promise<void> {
    const changes = change === null ? this.#unrecorded : [...this.#unrecorded, change]
    await this.#options.store.keepFlags(changes)
    this.#unrecorded = []
  }

  async route(): Promise<void> {
    this.#isUnrouted = true
    await this.#options.republish()
    this.#isUnrouted = false
  }

  /** The flag is off already; `settle` does the rest. */
  force(change: KeptFlag): void {
    this.#unrecorded.push(change)
    this.#isUnrouted = true
  }

  /** Routes and records what is in force, in this order: users go first. Throws `storeUnavailable` where it is not durable. */
  async settle(): Promise<void> {
    if (this.#isUnrouted) await this.route()
    try {
      if (this.#unrecorded.length > 0) await this.record(null)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const message = `The flag is off, but that is not recorded, and until it is, a restart would bring it back (recording is tried again each second): ${why}`
      throw new CodedError('storeUnavailable', message)
    }
  }
}
