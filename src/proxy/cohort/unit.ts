/**
 * What the coin is tossed for: the first unit that a request has, in the route's order. Hot.
 *
 * A unit is UTF-8 bytes in a latin1 string, so that a service in any language finds the same bucket. Two spellings of
 * one text (NFC and NFD, as keyboards and file systems differ in them) are one unit.
 */

import { createHash } from 'node:crypto'
import { utf8 } from '../bucket.ts'
import type { UnitSource } from '../snapshot.ts'
import { isAscii } from './text.ts'

/**
 * Longer units stand for themselves by their SHA-256, in hexadecimal: what is kept with a request stays bounded, and no two of
 * them are taken for one because they begin alike. They are not normalised.
 */
export const UNIT_BYTES = 256

/** What is asked of a request. Each is UTF-8 bytes in a latin1 string, null where there is none. */
export interface UnitFacts {
  header(name: string): string | null
  cookie(name: string): string | null
  /** Also null where the claim is no text or number, or the token is not to be believed. */
  claimText(name: string): string | null
  readonly address: string
}

/** Returns null where the request has none of them; an empty one is none. */
export function unitIn(sources: readonly UnitSource[], facts: UnitFacts): string | null {
  for (const source of sources) {
    const found = read(source, facts)
    if (found !== null && found !== '') return normalUnit(found)
  }
  return null
}

function read(source: UnitSource, facts: UnitFacts): string | null {
  switch (source.kind) {
    case 'header':
      return facts.header(source.name)
    case 'cookie':
      return facts.cookie(source.name)
    case 'jwtClaim':
      return facts.claimText(source.name)
    case 'address':
      return facts.address
  }
}

/** Returns the unit as it is hashed, at most `UNIT_BYTES` long. Bytes that are not UTF-8 stand for themselves. */
export function normalUnit(bytes: string): string {
  if (bytes.length > UNIT_BYTES) return createHash('sha256').update(bytes, 'latin1').digest('hex')
  if (isAscii(bytes)) return bytes
  const text = Buffer.from(bytes, 'latin1').toString('utf8')
  const normal = utf8(text.normalize('NFC'))
  return text.includes('\ufffd') && utf8(text) !== bytes ? bytes : normal
}
