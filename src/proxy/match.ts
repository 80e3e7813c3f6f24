/**
 * Finds the route of a request. Hot: once a request.
 *
 * A scan over routes sorted by specificity, first match wins; a tree would pay off beyond some tens of
 * routes and can take this function's place then.
 */

import { hostName } from './http1/target.ts'
import type { PathMatch } from './snapshot.ts'
import type { CompiledRoute, RoutingTable } from './table.ts'

/** Returns the most specific route for a Host field and a target in origin form (or `*`), or null. */
export function matchRoute(
  table: RoutingTable,
  host: string,
  target: string,
): CompiledRoute | null {
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  let name: string | null = null
  for (const entry of table.entries) {
    if (!matchesPath(entry.path, path)) continue
    if (entry.host === null) return entry.route
    name ??= hostName(host)
    if (matchesHost(entry.host, name)) return entry.route
  }
  return null
}

/** A prefix ends at a segment: `/api` matches `/api` and `/api/x`, not `/apix`. `*` matches the prefix `/` only. */
function matchesPath(match: PathMatch, path: string): boolean {
  const { value } = match
  if (match.kind === 'exact') return path === value
  if (value === '/') return true
  if (!path.startsWith(value)) return false
  return (
    path.length === value.length || value.endsWith('/') || path.charCodeAt(value.length) === 0x2f
  )
}

function matchesHost(host: string, name: string): boolean {
  if (!host.startsWith('*.')) return host === name
  return name.length > host.length - 1 && name.endsWith(host.slice(1))
}
