/**
 * The hash chain over the journal: each entry's hash covers the one before it, so nothing in the middle can be
 * changed or taken out without every later hash saying so.
 *
 * It shows damage and clumsy edits. It is no signature: who can write the file can compute a new chain.
 */

import { hash } from 'node:crypto'
import type { JournalEntry } from './contract.ts'

/** What stands in the place of a hash before the first entry. */
export const GENESIS = '0'.repeat(64)

/** Returns the hash of an entry, 64 hexadecimal digits; `bodyText` is the canonical JSON of its body. */
export function link(
  previous: string,
  entry: Pick<JournalEntry, 'seq' | 'atMs' | 'route' | 'rollout'>,
  bodyText: string,
): string {
  const head = JSON.stringify([entry.seq, entry.atMs, entry.route, entry.rollout])
  return digest(`${previous}\n${head}\n${bodyText}`)
}

/** SHA-256, 64 hexadecimal digits. */
export function digest(text: string): string {
  return hash('sha256', text)
}

/** JSON with the keys of every object in order, so that equal values have one text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
