/** From the file as the schema gives it to the configuration as the rest of Sluice reads it. */

import { dirname, resolve } from 'node:path'
import type { ListenerTls, UpstreamTls } from '../../proxy/snapshot.ts'
import { toCertificate } from './certificates.ts'
import type { Config, EndpointConfig, ListenerConfig, RouteConfig } from './config.ts'
import { defaultThreads } from './defaults.ts'
import { WEIGHT } from './defaults-upstream.ts'
import type { Fault } from './fault.ts'
import { toFlags } from './flags.ts'
import type { NamedFiles } from './named-files.ts'
import type { ConfigFile } from './schema.ts'
import { toSettings } from './schema-balance.ts'
import { toServer } from './servers.ts'
import { toTokens } from './tokens.ts'

type ListenerEntry = ConfigFile['proxy']['listeners'][number]
type UpstreamEntry = ConfigFile['upstreams'][string]
type RouteEntry = ConfigFile['routes'][number]

/** `file` is the path of the configuration; its certificates and servers have passed their checks. */
export function toConfig(
  content: ConfigFile,
  context: { file: string; files: NamedFiles; warnings: readonly Fault[] },
): Config {
  const { files, warnings } = context
  const folder = dirname(resolve(context.file))
  const { proxy, control, store, analysis } = content
  const { accessLog } = proxy
  return {
    proxy: {
      listeners: proxy.listeners.map((entry) => toListener(entry, files)),
      threads: proxy.threads ?? defaultThreads(),
      trustedProxies: proxy.trustedProxies,
      limits: toLimits(proxy.limits),
      timeouts: toTimeouts(proxy.timeouts),
      drainTimeoutMs: proxy.drainTimeout,
      accessLog: { ...accessLog, path: pathIn(folder, accessLog.path, '-') },
    },
    upstreams: new Map(
      Object.entries(content.upstreams).map(([name, entry]) => [
        name,
        {
          name,
          endpoints: toEndpoints(entry, files),
          settings: toSettings(entry),
          healthCheck: entry.healthCheck ?? null,
        },
      ]),
    ),
    routes: content.routes.map((entry) => toRoute(entry, files)),
    control,
    store: { path: pathIn(folder, store.path, ':memory:') },
    analysis: {
      ...analysis,
      servers: new Map(
        [...analysis.servers].map(([name, entry]) => [name, toServer(entry, files)] as const),
      ),
    },
    flags: toFlags(content.flags, context.file),
    warnings,
  }
}

/** One word is not the name of a file. */
function pathIn(folder: string, path: string, word: string): string {
  return path === word ? path : resolve(folder, path)
}

function toListener(entry: ListenerEntry, files: NamedFiles): ListenerConfig {
  const { name, host, port, tls, proxyProtocol } = entry
  const protocols = new Set(entry.protocols ?? (tls === undefined ? ['http1'] : ['http1', 'http2']))
  return {
    name,
    host,
    port,
    protocols: { http1: protocols.has('http1'), http2: protocols.has('http2') },
    tls: tls === undefined ? null : toListenerTls(tls, files),
    proxyProtocol,
  }
}

function toListenerTls(
  tls: NonNullable<ListenerEntry['tls']>,
  files: NamedFiles,
): Omit<ListenerTls, 'ticketKeys'> {
  const { cert = '', key = '', certificates = [{ cert, key }], clientCertificates } = tls
  return {
    certificates: certificates.map((pair) => toCertificate(files, pair)),
    minVersion: `TLSv${tls.minVersion}`,
    clients:
      clientCertificates === undefined
        ? null
        : { ca: files.read(clientCertificates.ca), isRequired: clientCertificates.required },
  }
}

function toEndpoints(entry: UpstreamEntry, files: NamedFiles): readonly EndpointConfig[] {
  const tls = toUpstreamTls(entry.tls, files)
  return entry.endpoints.map((endpoint) => {
    const {
      url: { host, port, isTls },
      protocol = entry.protocol,
      weight,
      zone = null,
      metadata,
    } = 'url' in endpoint ? endpoint : { url: endpoint, weight: WEIGHT.default, metadata: {} }
    return { host, port, protocol, tls: isTls ? tls : null, weight, zone, metadata }
  })
}

function toUpstreamTls(tls: UpstreamEntry['tls'], files: NamedFiles): UpstreamTls {
  const { ca, cert, key, serverName = null, verify = true } = tls ?? {}
  const isKnown = cert !== undefined && key !== undefined
  return {
    ca: ca === undefined ? null : files.read(ca),
    identity: isKnown ? { cert: files.read(cert), key: files.read(key) } : null,
    serverName,
    isVerified: verify,
  }
}

/** Copied unless others are asked for (RFC 9110 section 9.2.1). */
const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS']

type TriesConfig = Pick<RouteConfig, 'retry' | 'fallback' | 'hedgeMs' | 'mirror'>

function toRoute(entry: RouteEntry, files: NamedFiles): RouteConfig {
  const { name, match, stable, sticky, forceHeader, rules, jwt, errors } = entry
  return {
    name,
    hosts: match.host === undefined ? [] : [match.host].flat(),
    path: match.path,
    stable,
    sticky: sticky ?? null,
    settleMs: entry.settleAfter ?? null,
    forceHeader: forceHeader ?? null,
    rules,
    token: toTokens(jwt, files),
    errors: {
      statuses: ascending(errors.statuses.flat()),
      grpcStatuses: ascending(errors.grpcStatuses),
    },
    ...toTries(entry),
  }
}

function toTries({ retry, fallback, hedge, mirror }: RouteEntry): TriesConfig {
  return {
    retry: {
      attempts: retry.attempts,
      statuses: ascending(retry.statuses.flat()),
      methods: retry.methods ?? null,
      perTryMs: retry.perTryTimeout ?? null,
    },
    fallback: fallback === 'stable',
    hedgeMs: hedge?.after ?? null,
    mirror:
      mirror === undefined
        ? null
        : {
            upstream: mirror.to,
            share: mirror.percent / 100,
            methods: mirror.methods ?? SAFE_METHODS,
          },
  }
}

function ascending(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].toSorted((a, b) => a - b)
}

function toLimits(limits: ConfigFile['proxy']['limits']): Config['proxy']['limits'] {
  return {
    headBytes: limits.head,
    headerCount: limits.headerCount,
    fieldBytes: limits.field,
    bodyBytes: limits.body,
    bodyBytesPerSecond: limits.bodyRate,
    connections: limits.connections,
    connectionsPerAddress: limits.connectionsPerAddress,
    streams: limits.streams,
    upstreamConnections: limits.upstreamConnections,
    responseHeadBytes: limits.responseHead,
    bufferBytes: limits.buffer,
  }
}

function toTimeouts(timeouts: ConfigFile['proxy']['timeouts']): Config['proxy']['timeouts'] {
  return {
    headMs: timeouts.head,
    idleMs: timeouts.idle,
    connectMs: timeouts.connect,
    responseHeadMs: timeouts.responseHead,
    bodyStallMs: timeouts.bodyStall,
    upstreamIdleMs: timeouts.upstreamIdle,
    handshakeMs: timeouts.handshake,
    tunnelIdleMs: timeouts.tunnelIdle,
    tunnelDrainMs: timeouts.tunnelDrain,
  }
}
