/**
 * The methods that are served. An allow-list, since parsers also know methods of RTSP and ICE, and what an
 * upstream makes of a method that nobody meant to serve is anybody's guess.
 */

import { METHODS } from '../analyzer/tally.ts'

/** Served too; the tally counts all of them under its last name. */
const OTHER_METHODS = (
  'PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT ACL BIND REBIND UNBIND MKCALENDAR ' +
  'MKACTIVITY CHECKOUT MERGE LINK UNLINK PURGE NOTIFY SUBSCRIBE UNSUBSCRIBE QUERY'
).split(' ')

const INDEX: ReadonlyMap<string, number> = new Map<string, number>([
  ...OTHER_METHODS.map((name) => [name, METHODS.length - 1] as const),
  ...METHODS.slice(0, -1).map((name, index) => [name, index] as const),
])

/** Those by RFC 9110 section 9.2.2 and the IANA registry that clients do send twice. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY',
])

/** Known, but a door to mischief in a reverse proxy. */
const REFUSED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])

/** Returns the place of a method in the tally's `METHODS`, or -1 when it is not served. */
export function methodIndex(method: string): number {
  return INDEX.get(method) ?? -1
}

/** Whether doing it twice does what doing it once does. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

/** Whether a method that is not served is at least known. */
export function isRefused(method: string): boolean {
  return REFUSED.has(method)
}
