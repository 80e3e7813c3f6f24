/**
 * Reading the state back: the newest snapshot, the journal after it, and the hash chain over all of it.
 *
 * The chain is checked from the first entry even where a snapshot makes the fold short, because the journal is
 * the audit trail. It costs 6 µs an entry (0.6 s for 100 000 of them), once at the start.
 */

import type { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../coded-error.ts'
import type { Rollout } from '../rollout/state.ts'
import { canonical, digest, GENESIS, link } from './chain.ts'
import type { JournalEntry, StoredState } from './contract.ts'
import { RESTORE } from './failure.ts'
import { fold, NOTHING, type Stable } from './fold.ts'
import { entryOf, headOf } from './row.ts'

/** A snapshot as its JSON holds it. */
interface Saved {
  readonly rollouts: readonly Rollout[]
  readonly stables: readonly (readonly [string, Stable])[]
}

/** Returns the fold of the journal. Throws `storeCorrupt` where the chain or a snapshot does not fit. */
export function loadState(database: DatabaseSync, path: string): StoredState {
  const snapshot = readSnapshot(database, path)
  const after: JournalEntry[] = []
  let previous = GENESIS
  let seq = 0
  for (const row of database.prepare('SELECT * FROM events ORDER BY seq').iterate()) {
    const head = headOf(row)
    const hash = link(previous, head, String(row['body']))
    if (head.seq !== ++seq || row['prev_hash'] !== previous || row['hash'] !== hash) {
      throw damaged(path, `its hash chain is broken at entry ${seq}`)
    }
    previous = hash
    if (seq > snapshot.seq) after.push(entryOf(row))
  }
  if (seq < snapshot.seq) {
    throw damaged(
      path,
      `its journal ends at entry ${seq}, its snapshot is of entry ${snapshot.seq}`,
    )
  }
  return fold(after, snapshot)
}

/** Replaces the snapshot; the caller holds a transaction. */
export function saveSnapshot(database: DatabaseSync, state: StoredState): void {
  const saved: Saved = { rollouts: [...state.rollouts.values()], stables: [...state.stables] }
  const body = canonical(saved)
  database.exec('DELETE FROM snapshots')
  database
    .prepare('INSERT INTO snapshots (seq, body, hash) VALUES (?, ?, ?)')
    .run(state.seq, body, digest(`${state.seq}\n${body}`))
}

function readSnapshot(database: DatabaseSync, path: string): StoredState {
  const row = database.prepare('SELECT * FROM snapshots ORDER BY seq DESC LIMIT 1').get()
  if (row === undefined) return NOTHING
  const seq = Number(row['seq'])
  const body = String(row['body'])
  if (row['hash'] !== digest(`${seq}\n${body}`)) {
    throw damaged(path, `the hash of its snapshot ${seq} does not fit`)
  }
  const { rollouts, stables }: Saved = JSON.parse(body)
  return {
    seq,
    rollouts: new Map(rollouts.map((rollout) => [rollout.id, rollout])),
    stables: new Map(stables),
  }
}

function damaged(path: string, what: string): CodedError {
  return new CodedError('storeCorrupt', `Cannot read the store ${path}: ${what}; ${RESTORE}`)
}
