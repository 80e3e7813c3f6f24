/** The configuration with an endpoint for each address of each name, which is what threads and checks get. */

import type { Config, EndpointConfig, UpstreamConfig } from '../config/config.ts'

export interface Resolution {
  /** As it was written. */
  readonly written: Config
  /** The same with addresses in place of names, where they are known. */
  readonly config: Config
  /** By upstream: for each of its endpoints in `config` the host that was written. */
  readonly hosts: ReadonlyMap<string, readonly string[]>
}

/** `addressesOf`: of a host; null where it is to be used as it stands. */
export function resolveConfig(
  written: Config,
  addressesOf: (host: string) => readonly string[] | null,
): Resolution {
  const hosts = new Map<string, readonly string[]>()
  const upstreams = new Map<string, UpstreamConfig>()
  for (const [name, upstream] of written.upstreams) {
    const found = upstream.endpoints.flatMap((endpoint) =>
      (addressesOf(endpoint.host) ?? [endpoint.host]).map((host) => ({ endpoint, host })),
    )
    const unique = [...new Map(found.toReversed().map((each) => [keyOf(each), each])).values()]
    const inOrder = unique.toReversed()
    hosts.set(
      name,
      inOrder.map(({ endpoint }) => endpoint.host),
    )
    upstreams.set(name, { ...upstream, endpoints: inOrder.map(atAddress) })
  }
  return { written, config: { ...written, upstreams }, hosts }
}

interface Found {
  readonly endpoint: EndpointConfig
  readonly host: string
}

/** Two names may lead to one address; over TLS they stay apart, as the certificate is another one. */
function keyOf({ endpoint, host }: Found): string {
  const { port, protocol, tls } = endpoint
  return [host, port, protocol, tls === null ? '' : (tls.serverName ?? endpoint.host)].join(' ')
}

/** The name stays what is asked for in TLS, and verified. */
function atAddress({ endpoint, host }: Found): EndpointConfig {
  const { tls } = endpoint
  if (tls === null || host === endpoint.host) return { ...endpoint, host }
  return { ...endpoint, host, tls: { ...tls, serverName: tls.serverName ?? endpoint.host } }
}
