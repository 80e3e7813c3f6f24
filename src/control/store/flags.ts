/** The flags that Sluice keeps itself, in SQLite; the caller holds the transaction. */

import type { DatabaseSync } from 'node:sqlite'
import type { FlagChangeRow, KeptFlag } from './contract.ts'

/** Changes of one flag that are kept; older ones go. */
export const FLAG_CHANGES = 1_000

export interface FlagTable {
  all(): ReadonlyMap<string, string>
  keep(changes: readonly KeptFlag[]): void
  changes(key: string, limit: number): readonly FlagChangeRow[]
}

export function flagsOver(database: DatabaseSync): FlagTable {
  const all = database.prepare('SELECT key, body FROM flags ORDER BY key')
  const put = database.prepare('INSERT OR REPLACE INTO flags VALUES (?, ?)')
  const remove = database.prepare('DELETE FROM flags WHERE key = ?')
  const note = database.prepare(
    'INSERT INTO flag_changes (at, key, actor, what) VALUES (?, ?, ?, ?)',
  )
  const trim = database.prepare(
    `DELETE FROM flag_changes WHERE key = ? AND seq <=
      (SELECT seq FROM flag_changes WHERE key = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`,
  )
  const newest = database.prepare(
    'SELECT at, actor, what FROM flag_changes WHERE key = ? ORDER BY seq DESC LIMIT ?',
  )
  return {
    all: () => new Map(all.all().map((row) => [String(row['key']), String(row['body'])])),
    keep(changes) {
      for (const { key, body, atMs, actor, what } of changes) {
        if (body === null) remove.run(key)
        else put.run(key, body)
        note.run(atMs, key, actor, what)
        trim.run(key, key, FLAG_CHANGES)
      }
    },
    changes: (key, limit) =>
      newest.all(key, limit).map((row) => ({
        atMs: Number(row['at']),
        actor: String(row['actor']),
        what: String(row['what']),
      })),
  }
}
