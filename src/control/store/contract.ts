/**
 * What the control plane asks of a store. `sqlite.ts` keeps it in a file; a second one over Redis fits the
 * same contract, which is why every answer is a promise.
 *
 * The journal is append-only and is the truth: state is its fold. A snapshot only shortens the replay.
 */

import type { Rollout, RolloutEvent, Trigger } from '../rollout/state.ts'

/** What is written of one transition. */
export type JournalBody =
  | {
      readonly kind: 'rollout'
      readonly event: RolloutEvent
      readonly fromPhase: Rollout['phase'] | null
      readonly trigger: Trigger
      readonly actor: string
      readonly reason: string
      /** The whole state after the event. */
      readonly state: Rollout
    }
  | {
      /** A route's stable upstream, and what the file said of it at that time. */
      readonly kind: 'stable'
      readonly route: string
      readonly upstream: string
      readonly fileStable: string
      readonly actor: string
      readonly reason: string
    }

export interface JournalEntry {
  /** 1, 2, 3 and so on without gaps. */
  readonly seq: number
  /** Wall time, milliseconds since 1970. */
  readonly atMs: number
  readonly route: string
  /** Null for entries that belong to no rollout. */
  readonly rollout: string | null
  readonly body: JournalBody
}

export type NewEntry = Omit<JournalEntry, 'seq'>

/** An answer kept under an Idempotency-Key, so that a repeated request gets it again. */
export interface KeptReply {
  readonly key: string
  /** Hash of method, path, actor and body; another one under the same key is a mistake of the client. */
  readonly fingerprint: string
  readonly status: number
  /** JSON. */
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly atMs: number
}

/** What was done to a flag. */
export interface FlagChangeRow {
  /** Wall time, milliseconds since 1970. */
  readonly atMs: number
  readonly actor: string
  /** One sentence for people. */
  readonly what: string
}

/** A flag as it is from now on. */
export interface KeptFlag extends FlagChangeRow {
  readonly key: string
  /** JSON; null: it is taken away. */
  readonly body: string | null
}

/** The fold of the journal. */
export interface StoredState {
  readonly seq: number
  readonly rollouts: ReadonlyMap<string, Rollout>
  /** By route. */
  readonly stables: ReadonlyMap<string, { readonly upstream: string; readonly fileStable: string }>
}

export interface Store {
  /** Snapshot plus the journal after it; the hash chain is checked. Throws `CodedError` when it is broken. */
  load(): Promise<StoredState>
  /** Writes all entries and the reply, or nothing; durable when it resolves. Returns the entries with their seq. */
  append(entries: readonly NewEntry[], reply?: KeptReply): Promise<readonly JournalEntry[]>
  /** Entries with seq greater than `after`, oldest first, at most `limit`. */
  journal(query: {
    after: number
    limit: number
    rollout?: string
  }): Promise<readonly JournalEntry[]>
  lastSeq(): Promise<number>
  /** What was kept of each rollout's evidence last: JSON, by rollout. */
  evidence(): Promise<ReadonlyMap<string, string>>
  /** Keeps some rollouts' evidence, all or none, or (null) forgets it. */
  keepEvidence(bodies: ReadonlyMap<string, string | null>): Promise<void>
  /** The flags that Sluice keeps itself: JSON, by key. */
  flags(): Promise<ReadonlyMap<string, string>>
  /** Writes flags (null: takes one away) and what was done to them, all or nothing; durable when it resolves. */
  keepFlags(changes: readonly KeptFlag[]): Promise<void>
  /** Of one flag, newest first, at most `limit`. */
  flagChanges(key: string, limit: number): Promise<readonly FlagChangeRow[]>
  findReply(key: string): Promise<KeptReply | undefined>
  /** Saves the fold so that the next `load` is short, and drops replies older than `repliesBeforeMs`. */
  compact(state: StoredState, repliesBeforeMs: number): Promise<void>
  close(): Promise<void>
}
