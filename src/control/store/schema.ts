/**
 * The file's layout, and how a file is known as ours before anything is written to it.
 *
 * The header is read with plain file reads first: SQLite itself would already recover and checkpoint a file
 * that belongs to somebody else, or to a newer Sluice.
 */

import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { CodedError } from '../coded-error.ts'
import { guarded, RESTORE } from './failure.ts'

/** "SLCE" in the header's application id. */
export const APPLICATION_ID = 0x534c4345

/** The layout below; a file with a higher number is left alone. */
export const SCHEMA_VERSION = 3

/** Columns `type` and `actor` are for people with `sqlite3`; the truth is in `body`, which the hash covers. */
const TABLES = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    route TEXT NOT NULL,
    rollout TEXT,
    body TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL,
    type TEXT AS (coalesce(body ->> '$.event.type', body ->> '$.kind')),
    actor TEXT AS (body ->> '$.actor')
  ) STRICT;
  CREATE INDEX events_of_rollout ON events (rollout, seq);
  CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE TABLE idempotency (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    headers TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_age ON idempotency (at);
`

/** Since layout 2: what the judge knows of each running rollout. No truth of the journal's; it may lag by a second. */
const EVIDENCE = `
  CREATE TABLE evidence (
    rollout TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`

/** Since layout 3: the flags that Sluice keeps itself, and who changed them. */
const FLAGS = `
  CREATE TABLE flags (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE flag_changes (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    actor TEXT NOT NULL,
    what TEXT NOT NULL
  ) STRICT;
  CREATE INDEX flag_changes_of_key ON flag_changes (key, seq);
`

/** The fields of the database header (https://www.sqlite.org/fileformat2.html section 1.3). */
const HEADER = {
  bytes: 100,
  magic: 'SQLite format 3\0',
  userVersion: 60,
  applicationId: 68,
} as const

/** Throws `storeCorrupt` or `storeTooNew` when the file is not ours to open; reads only. */
export function inspectFile(path: string): void {
  // A crash during the very first write leaves a journal, and a header that SQLite has yet to take back.
  if (!existsSync(path) || existsSync(`${path}-journal`)) return
  const header = guarded(`Cannot open the store ${path}`, () => readHeader(path))
  if (header.length === 0) return
  if (header.length < HEADER.bytes || header.toString('latin1', 0, 16) !== HEADER.magic) {
    throw new CodedError(
      'storeCorrupt',
      `Cannot open the store ${path}: it is not a SQLite database; ${RESTORE}`,
    )
  }
  checkIds(path, header.readUInt32BE(HEADER.applicationId), header.readUInt32BE(HEADER.userVersion))
}

/** Creates the tables in an empty file, or checks those of a used one. */
export function prepareDatabase(database: DatabaseSync, path: string): void {
  const doing = `Cannot open the store ${path}`
  guarded(doing, () => {
    if (pragma(database, 'page_count') === 0) createTables(database)
    checkIds(path, pragma(database, 'application_id'), pragma(database, 'user_version'))
    const version = pragma(database, 'user_version')
    if (version < SCHEMA_VERSION) migrate(database, version)
    const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (found !== 'ok') {
      throw new CodedError('storeCorrupt', `${doing}: ${String(found)}; ${RESTORE}`)
    }
    // WAL is a property of the file and is set once; FULL makes each commit survive a power cut.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  })
}

/** In one transaction and before WAL is switched on, so that the header is right in the file itself. */
function createTables(database: DatabaseSync): void {
  database.exec(`
    BEGIN EXCLUSIVE;
    ${TABLES}
    ${EVIDENCE}
    ${FLAGS}
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `)
}

/** From an earlier layout, in one transaction. */
function migrate(database: DatabaseSync, version: number): void {
  database.exec(`
    BEGIN EXCLUSIVE;
    ${version < 2 ? EVIDENCE : ''}
    ${FLAGS}
    PRAGMA user_version = ${SCHEMA_VERSION};
    COMMIT;
  `)
}

function checkIds(path: string, applicationId: number, version: number): void {
  if (applicationId !== APPLICATION_ID) {
    const found = `its application id is 0x${applicationId.toString(16)}, not 0x${APPLICATION_ID.toString(16)}`
    throw new CodedError(
      'storeCorrupt',
      `Cannot open the store ${path}: ${found}, so it is no store of Sluice; name another file (nothing was changed)`,
    )
  }
  if (version > SCHEMA_VERSION) {
    throw new CodedError(
      'storeTooNew',
      `Cannot open the store ${path}: it has layout ${version}, this Sluice knows ${SCHEMA_VERSION}; run the newer Sluice again, or restore a backup (nothing was changed)`,
    )
  }
}

function readHeader(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(HEADER.bytes)
    return header.subarray(0, readSync(file, header, 0, HEADER.bytes, 0))
  } finally {
    closeSync(file)
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0)
}
