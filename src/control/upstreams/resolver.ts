/** Names through `node:dns`: c-ares for DNS, which tells the time to live, and the system's own way beside it. */

import { Resolver as DnsResolver, lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { Resolver } from './answer.ts'

/** For one try of one server; then the next is asked. */
const TIMEOUT_MS = 2_000
const TRIES = 2

const HOSTS_FILE = '/etc/hosts'

export interface ResolverOptions {
  /** Addresses of name servers, with port or without; left out: those of the system. */
  readonly servers?: readonly string[]
  /** Left out: the system's. */
  readonly hostsFile?: string
}

export function createResolver({
  servers = [],
  hostsFile = HOSTS_FILE,
}: ResolverOptions = {}): Resolver {
  const resolver = new DnsResolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
    async lookup(name) {
      const found = await lookup(name, { all: true })
      return found.map(({ address }) => address)
    },
    async isInHostsFile(name) {
      return namesIn(await textOf(hostsFile)).has(name)
    },
    hasIpv6,
    close: () => resolver.cancel(),
  }
}

/** Where there is no such file, there is nothing in it. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch {
    return ''
  }
}

/** The names of a hosts file, in lower case: what follows the address, up to a `#`. */
function namesIn(text: string): ReadonlySet<string> {
  const lines = text.toLowerCase().split('\n')
  return new Set(lines.flatMap((line) => line.replace(/#.*/, '').trim().split(/\s+/).slice(1)))
}

/** As getaddrinfo decides with AI_ADDRCONFIG, but for link-local addresses, which reach nobody by name. */
function hasIpv6(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(
      ({ family, internal, address }) =>
        family === 'IPv6' && !internal && !address.startsWith('fe80'),
    )
}
