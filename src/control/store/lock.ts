/**
 * One process at a time: whoever holds a write transaction on a small database beside the store.
 *
 * The lock is the operating system's, so it ends with its process, whatever ends that. A file with a process id
 * was rejected: after a `kill -9` it stays, and the number may by then be somebody else's. Locking the store
 * itself was rejected too: nobody could look into it or back it up while Sluice runs.
 *
 *     sluice.db        readers may come at any time
 *     sluice.db-lock   row: who holds it (committed, so it can be read); then BEGIN IMMEDIATE, held for life
 */

import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../coded-error.ts'
import { guarded, isBusy } from './failure.ts'

export interface Lock {
  release(): void
}

/** Takes the store at `path` for this process. Throws `storeLocked`, which names the holder where it is known. */
export function holdLock(path: string, nowMs: number): Lock {
  const database = guarded(`Cannot open the store ${path}`, () => {
    const opened = new DatabaseSync(`${path}-lock`)
    opened.exec('PRAGMA synchronous = OFF')
    return opened
  })
  try {
    const holder = `process ${process.pid} on ${hostname()} since ${new Date(nowMs).toISOString()}`
    database.exec('BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS holder (name TEXT NOT NULL) STRICT')
    database.exec('DELETE FROM holder')
    database.prepare('INSERT INTO holder VALUES (?)').run(holder)
    database.exec('COMMIT; BEGIN IMMEDIATE')
  } catch (error) {
    const holder = holderOf(database)
    database.close()
    return guarded(`Cannot open the store ${path}`, () => refuse(error, path, holder))
  }
  return { release: () => database.close() }
}

function refuse(error: unknown, path: string, holder: string): never {
  if (!isBusy(error)) throw error
  throw new CodedError(
    'storeLocked',
    `Cannot open the store ${path}: ${holder} holds it; stop that one first, or name another store`,
  )
}

function holderOf(database: DatabaseSync): string {
  try {
    const name = database.prepare('SELECT name FROM holder').get()?.['name']
    if (typeof name === 'string') return name
  } catch {
    // The holder is just writing its name, or has not come to it yet.
  }
  return 'another process'
}
