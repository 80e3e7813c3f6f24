/**
 * Rows of the store's tables as the rest of the code knows them. What this program wrote, and the hash chain
 * covers, is trusted to have its shape.
 */

import type { SQLOutputValue } from 'node:sqlite'
import type { JournalBody, JournalEntry, KeptReply } from './contract.ts'

/** A row as SQLite gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>

/** What of an entry stands in columns of its own. */
export function headOf(row: Row): Omit<JournalEntry, 'body'> {
  const rollout = row['rollout']
  return {
    seq: Number(row['seq']),
    atMs: Number(row['at']),
    route: String(row['route']),
    rollout: typeof rollout === 'string' ? rollout : null,
  }
}

export function entryOf(row: Row): JournalEntry {
  const body: JournalBody = JSON.parse(String(row['body']))
  return { ...headOf(row), body }
}

export function replyOf(row: Row): KeptReply {
  const headers: KeptReply['headers'] = JSON.parse(String(row['headers']))
  return {
    key: String(row['key']),
    fingerprint: String(row['fingerprint']),
    status: Number(row['status']),
    body: String(row['body']),
    headers,
    atMs: Number(row['at']),
  }
}
