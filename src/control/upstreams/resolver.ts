/** Names through `node:dns`: c-ares for DNS, which tells the time to live, and the system's own way beside it. */

import { Resolver as DnsResolver, lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import type { Resolver } from './names.ts'

/** For one try of one server; then the next is asked. */
const TIMEOUT_MS = 2_000
const TRIES = 2

/** `servers`: addresses with or without port; left out: those of the system. */
export function createResolver(servers: readonly string[] = []): Resolver {
  const resolver = new DnsResolver({ timeout: TIMEOUT_MS, tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  return {
    resolve4: (name) => resolver.resolve4(name, { ttl: true }),
    resolve6: (name) => resolver.resolve6(name, { ttl: true }),
    async lookup(name) {
      const found = await lookup(name, { all: true })
      return found.map(({ address }) => address)
    },
    hasIpv6,
  }
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
