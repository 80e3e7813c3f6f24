/**
 * One answer to the question for a name: what the hosts file has, else what DNS has, else what the system finds.
 *
 * DNS alone tells how long an answer holds. The system is not asked where name servers are away: it would ask them too, and
 * cannot be told to stop.
 */

import { isIP } from 'node:net'

/** Bounds of the time to live, and what is taken where there is none. */
export const TTL_MIN_MS = 1_000
const TTL_MAX_MS = 300_000
const NO_TTL_MS = 10_000

/** `ttl` in seconds. */
export interface AddressRecord {
  readonly address: string
  readonly ttl: number
}

/** Who is asked. Each rejects with an error whose `code` is of `node:dns`. */
export interface Resolver {
  resolve4(name: string): Promise<readonly AddressRecord[]>
  resolve6(name: string): Promise<readonly AddressRecord[]>
  /** As programs of this machine resolve names. */
  lookup(name: string): Promise<readonly string[]>
  /** Whether the machine has an address of its own for the name. Never rejects. */
  isInHostsFile(name: string): Promise<boolean>
  /** Whether this machine has an IPv6 address that leads anywhere: without one, such answers are of no use. */
  hasIpv6(): boolean
  /** Gives up what is asked for, as far as that can be. */
  close(): void
}

export type Answer =
  | { readonly addresses: readonly string[]; readonly ttlMs: number }
  | { readonly fault: string }

/** Codes of DNS that say: there is nothing, rather than: nobody knows. */
const NOTHING = new Set(['ENOTFOUND', 'ENODATA'])
/** Those after which the system may know more: there is nothing in DNS, or no name server on this machine. */
const UNSERVED = new Set(['ENODATA', 'ECONNREFUSED'])

type Family = { readonly records: readonly AddressRecord[] } | { readonly code: string }

/** `addresses`: the last good answer; null: there was none. Never rejects. */
export async function resolveName(
  resolver: Resolver,
  { host, addresses }: { readonly host: string; readonly addresses: readonly string[] | null },
): Promise<Answer> {
  if (await resolver.isInHostsFile(host)) return lookUp(resolver, host, 'ENODATA')
  const [four, six] = await Promise.all([
    settled(resolver.resolve4(host)),
    resolver.hasIpv6() ? settled(resolver.resolve6(host)) : { records: [] },
  ])
  const failed = [four, six].find((family) => 'code' in family)
  const records = [four, six].flatMap((family) => ('code' in family ? [] : family.records))
  if (records.length === 0) {
    const code = failed?.code ?? 'ENODATA'
    return UNSERVED.has(code) ? lookUp(resolver, host, code) : { fault: FAULTS[code] ?? code }
  }
  // Of a family that could not be asked for, the last answer stays.
  const version = failed === four ? 4 : 6
  const kept =
    failed === undefined ? [] : (addresses ?? []).filter((each) => isIP(each) === version)
  const ttlMs = Math.min(...records.map(({ ttl }) => ttl)) * 1_000
  return {
    addresses: [...records.map(({ address }) => address), ...kept],
    ttlMs: Math.min(TTL_MAX_MS, Math.max(TTL_MIN_MS, ttlMs)),
  }
}

/** An answer that there is nothing is an answer with no records. */
async function settled(asked: Promise<readonly AddressRecord[]>): Promise<Family> {
  try {
    return { records: await asked }
  } catch (error) {
    const code = codeOf(error)
    return NOTHING.has(code) ? { records: [] } : { code }
  }
}

/** `code`: of the failure that is told where the system does not know the name either. */
async function lookUp(resolver: Resolver, host: string, code: string): Promise<Answer> {
  try {
    const addresses = await resolver.lookup(host)
    if (addresses.length > 0) return { addresses, ttlMs: NO_TTL_MS }
    return { fault: 'it has no address' }
  } catch {
    return { fault: FAULTS[code] ?? code }
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

const FAULTS: Readonly<Record<string, string>> = {
  ENODATA: 'there is no such name, or it has no address',
  ETIMEOUT: 'no name server answered in time',
  ECONNREFUSED: 'the name server refused the connection',
  ESERVFAIL: 'the name server failed',
}
