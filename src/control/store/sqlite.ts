/**
 * The store in one SQLite file, by Node's own `node:sqlite`.
 *
 * Every append is one transaction in WAL mode with `synchronous=FULL`: when it returns, it survives `kill -9` and
 * a power cut. It runs on the calling thread: decisions come a few a minute, and a commit takes 0.2 ms. A worker
 * thread was rejected: it would buy nothing but a second order of events.
 */

import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../coded-error.ts'
import { canonical, GENESIS, link } from './chain.ts'
import type { JournalEntry, KeptReply, NewEntry, Store } from './contract.ts'
import { guarded, isConflict } from './failure.ts'
import { flagsOver } from './flags.ts'
import { loadState, saveSnapshot } from './load.ts'
import { holdLock, type Lock } from './lock.ts'
import { entryOf, replyOf } from './row.ts'
import { inspectFile, prepareDatabase } from './schema.ts'

/** Milliseconds that a write waits for a program that looks into the file. */
const BUSY_TIMEOUT_MS = 250

/** The most entries that one `journal` call returns. */
export const JOURNAL_LIMIT = 1_000

const IN_MEMORY = ':memory:'

/**
 * Opens the store at `path`, and creates it where there is none; `:memory:` keeps it for as long as it is open.
 *
 * Throws `CodedError`: `storeLocked` while another process holds it, `storeTooNew`, `storeCorrupt`, and
 * `storeUnavailable` when it cannot be read or written. A file that is refused is left as it was.
 */
export async function openSqliteStore(path: string, nowMs: number): Promise<Store> {
  if (path === IN_MEMORY) return storeOver(openDatabase(path), path, { release() {} })
  const lock = holdLock(path, nowMs)
  try {
    inspectFile(path)
    createPrivate(path)
    return storeOver(openDatabase(path), path, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

function openDatabase(path: string): DatabaseSync {
  const database = guarded(
    `Cannot open the store ${path}`,
    () => new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS }),
  )
  try {
    prepareDatabase(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** The journal holds names and reasons, and kept replies: it is for its owner alone. */
function createPrivate(path: string): void {
  guarded(`Cannot open the store ${path}`, () => closeSync(openSync(path, 'a', 0o600)))
}

function storeOver(database: DatabaseSync, path: string, lock: Lock): Store {
  const doing = `Cannot write the store ${path}`
  const reading = `Cannot read the store ${path}`
  const tip = database.prepare('SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1')
  const insert = database.prepare(
    'INSERT INTO events (seq, at, route, rollout, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const insertReply = database.prepare('INSERT INTO idempotency VALUES (?, ?, ?, ?, ?, ?)')
  const reply = database.prepare('SELECT * FROM idempotency WHERE key = ?')
  const page = database.prepare('SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
  const pageOfRollout = database.prepare(
    'SELECT * FROM events WHERE rollout = ? AND seq > ? ORDER BY seq LIMIT ?',
  )

  const evidence = database.prepare('SELECT rollout, body FROM evidence')
  const keepEvidence = database.prepare('INSERT OR REPLACE INTO evidence VALUES (?, ?)')
  const forgetEvidence = database.prepare('DELETE FROM evidence WHERE rollout = ?')
  const flags = flagsOver(database)

  function appendAll(entries: readonly NewEntry[], kept: KeptReply | undefined): JournalEntry[] {
    const last = tip.get()
    let seq = Number(last?.['seq'] ?? 0)
    let previous = String(last?.['hash'] ?? GENESIS)
    const written = entries.map((entry) => {
      const numbered: JournalEntry = { seq: ++seq, ...entry }
      const body = canonical(entry.body)
      const hash = link(previous, numbered, body)
      insert.run(seq, entry.atMs, entry.route, entry.rollout, body, previous, hash)
      previous = hash
      return numbered
    })
    if (kept !== undefined) keep(kept)
    return written
  }

  function keep({ key, fingerprint, status, body, headers, atMs }: KeptReply): void {
    try {
      insertReply.run(key, fingerprint, status, body, JSON.stringify(headers), atMs)
    } catch (error) {
      if (!isConflict(error)) throw error
      throw new CodedError('keyReused', `Idempotency-Key "${key}" already has a reply`)
    }
  }

  return {
    async load() {
      return guarded(reading, () => loadState(database, path))
    },
    async append(entries, kept) {
      return guarded(doing, () => inTransaction(database, () => appendAll(entries, kept)))
    },
    async journal({ after, limit, rollout }) {
      const count = Math.min(limit, JOURNAL_LIMIT)
      const rows = guarded(reading, () =>
        rollout === undefined ? page.all(after, count) : pageOfRollout.all(rollout, after, count),
      )
      return rows.map(entryOf)
    },
    async lastSeq() {
      return guarded(reading, () => Number(tip.get()?.['seq'] ?? 0))
    },
    async evidence() {
      const rows = guarded(reading, () => evidence.all())
      return new Map(rows.map((row) => [String(row['rollout']), String(row['body'])]))
    },
    async keepEvidence(bodies) {
      guarded(doing, () =>
        inTransaction(database, () => {
          for (const [rollout, body] of bodies) {
            if (body === null) forgetEvidence.run(rollout)
            else keepEvidence.run(rollout, body)
          }
        }),
      )
    },
    async flags() {
      return guarded(reading, () => flags.all())
    },
    async keepFlags(changes) {
      guarded(doing, () => inTransaction(database, () => flags.keep(changes)))
    },
    async flagChanges(key, limit) {
      return guarded(reading, () => flags.changes(key, limit))
    },
    async findReply(key) {
      const row = guarded(reading, () => reply.get(key))
      return row === undefined ? undefined : replyOf(row)
    },
    async compact(state, repliesBeforeMs) {
      guarded(doing, () =>
        inTransaction(database, () => {
          saveSnapshot(database, state)
          database.prepare('DELETE FROM idempotency WHERE at < ?').run(repliesBeforeMs)
        }),
      )
    },
    async close() {
      if (!database.isOpen) return
      database.close()
      lock.release()
    },
  }
}

function inTransaction<Result>(database: DatabaseSync, work: () => Result): Result {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk has already rolled it back.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
