/**
 * The checked configuration, as the rest of the control plane sees it: every default filled in, every
 * duration in milliseconds, every size in bytes. `schema.ts` makes it from YAML.
 */

import type { Limits, Listener, PathMatch, Sticky, Timeouts } from '../../proxy/snapshot.ts'

export interface EndpointConfig {
  readonly host: string
  readonly port: number
}

export interface UpstreamConfig {
  readonly name: string
  readonly endpoints: readonly EndpointConfig[]
}

export interface RouteConfig {
  readonly name: string
  /** Lower case, without port; `*.example.com` matches every host below. Empty: any host. */
  readonly hosts: readonly string[]
  readonly path: PathMatch
  /** The name of the upstream that the file calls stable. */
  readonly stable: string
  /** Null: every request draws anew. */
  readonly sticky: Sticky | null
  /** The header by which a client may choose its variant; null: it may not. Lower case. */
  readonly forceHeader: string | null
}

export type Role = 'viewer' | 'operator' | 'admin'

export interface Token {
  readonly name: string
  readonly role: Role
  /** SHA-256 of the token, 64 lower-case hexadecimal digits. */
  readonly sha256: string
}

export interface Config {
  readonly proxy: {
    readonly listeners: readonly Listener[]
    readonly threads: number
    /** CIDR ranges or addresses whose X-Forwarded-* headers are believed. */
    readonly trustedProxies: readonly string[]
    readonly limits: Limits
    readonly timeouts: Timeouts
    readonly drainTimeoutMs: number
  }
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>
  readonly routes: readonly RouteConfig[]
  readonly control: {
    readonly host: string
    readonly port: number
    /** Empty: no authentication, allowed on loopback only. */
    readonly tokens: readonly Token[]
  }
  readonly store: {
    /** A file, or `:memory:`. Relative paths are resolved against the configuration file's folder. */
    readonly path: string
  }
}
