/**
 * What is known of running rollouts beside the journal, kept so that a restart goes on with it: evidence, metrics and
 * what was pushed.
 *
 * It is no truth of the journal's and may lag by a second. What cannot be kept is still known: a restart then begins with
 * what was kept before. One table holds it all, so that a tick is one transaction.
 */

import type { Log } from '../log.ts'
import type { Store } from '../store/contract.ts'

/** Parts that keep something. Evidence has the bare id of its rollout, as the first of them. */
export type KeptKind = 'evidence' | 'metrics' | 'pushed' | 'kayenta' | 'alarms'

type Keeping = Pick<Store, 'evidence' | 'keepEvidence'>

/** One part's view of what is kept. */
export interface Shelf<Value> {
  /** What an earlier process has kept, by rollout. */
  readonly kept: ReadonlyMap<string, Value>
  /** Takes the place of what was kept of the rollout; null forgets it. */
  readonly keep: (rollout: string, value: Value | null) => void
}

export class Keeper {
  readonly #store: Pick<Keeping, 'keepEvidence'>
  readonly #log: Log
  readonly #kept: ReadonlyMap<string, string>
  readonly #unsaved = new Map<string, string | null>()
  /** What could not be saved, for the next time: some of it is told only once. */
  #failed: ReadonlyMap<string, string | null> = new Map()
  #isFailing = false
  #saving: Promise<void> = Promise.resolve()
  #isSaving = false

  /** `kept`: JSON by key, of an earlier process. */
  constructor(store: Pick<Keeping, 'keepEvidence'>, log: Log, kept: ReadonlyMap<string, string>) {
    this.#store = store
    this.#log = log
    this.#kept = kept
  }

  /**
   * `isValue`: whether what is kept is of this version's form, since what is in it is what we wrote; what is not is as if
   * it had not been kept.
   */
  shelf<Value>(kind: KeptKind, isValue: (kept: unknown) => boolean): Shelf<Value> {
    const prefix = kind === 'evidence' ? '' : `${kind}/`
    const kept = new Map<string, Value>()
    for (const [key, body] of this.#kept) {
      const rollout = key.slice(prefix.length)
      // Ids of rollouts have no slash.
      if (!key.startsWith(prefix) || rollout.includes('/')) continue
      try {
        const value: Value = JSON.parse(body)
        if (isValue(value)) kept.set(rollout, value)
        else this.#log.warn(`What was kept of "${rollout}" (${kind}) does not fit, and begins anew`)
      } catch (error) {
        const message = `What was kept of "${rollout}" (${kind}) cannot be read, and begins anew`
        this.#log.warn(message, { error })
      }
    }
    return {
      kept,
      keep: (rollout, value) =>
        void this.#unsaved.set(prefix + rollout, value === null ? null : JSON.stringify(value)),
    }
  }

  /** Saves what has changed, unless that is being done. */
  tick(): void {
    if (this.#unsaved.size > 0 && !this.#isSaving) this.#saving = this.#save()
  }

  /** Resolves when what was to be kept is kept, or has failed to be. */
  async close(): Promise<void> {
    await this.#saving
    await this.#save()
  }

  async #save(): Promise<void> {
    const bodies = new Map([...this.#failed, ...this.#unsaved])
    this.#failed = new Map()
    this.#unsaved.clear()
    this.#isSaving = true
    try {
      await this.#store.keepEvidence(bodies)
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) this.#log.warn('Evidence is not kept', { error })
      this.#isFailing = true
      this.#failed = bodies
    } finally {
      this.#isSaving = false
    }
  }
}

/** Reads what an earlier process has kept. */
export async function openKeeper(store: Keeping, log: Log): Promise<Keeper> {
  return new Keeper(store, log, await store.evidence())
}

/** Whether a value is an object of the first version. */
export function isVersion1(kept: unknown): boolean {
  return typeof kept === 'object' && kept !== null && 'version' in kept && kept.version === 1
}
