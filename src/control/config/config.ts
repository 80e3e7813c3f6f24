/**
 * The checked configuration, as the rest of the control plane sees it: every default filled in, every
 * duration in milliseconds, every size in bytes. `schema.ts` makes it from YAML.
 */

import type { Rule } from '../../proxy/cohort/rule.ts'
import type {
  AccessLog,
  Endpoint,
  ErrorRule,
  Limits,
  Listener,
  ListenerTls,
  Mirror,
  PathMatch,
  RetryRule,
  Sticky,
  Timeouts,
} from '../../proxy/snapshot.ts'
import type { UpstreamSettings } from '../../proxy/upstream/settings.ts'
import type { Fault } from './fault.ts'
import type { FlagsConfig } from './flags.ts'
import type { AnalysisEntry } from './schema-analysis.ts'
import type { HealthCheckConfig } from './schema-health.ts'
import type { ServerConfig } from './servers.ts'
import type { TokenConfig } from './tokens.ts'

/** As the threads know it, without the keys that each process makes for itself. */
export interface ListenerConfig extends Omit<Listener, 'tls'> {
  readonly tls: Omit<ListenerTls, 'ticketKeys'> | null
}

export interface EndpointConfig extends Omit<Endpoint, 'id'> {
  /** In the operator's words; shown, and nothing else. */
  readonly metadata: Readonly<Record<string, string>>
}

export interface AccessLogConfig extends Omit<AccessLog, 'mode'> {
  readonly mode: 'off' | AccessLog['mode']
  /** A file, or `-` for standard output. Relative paths are resolved against the configuration file's folder. */
  readonly path: string
}

export interface UpstreamConfig {
  readonly name: string
  readonly endpoints: readonly EndpointConfig[]
  /** Its limits are the process'. */
  readonly settings: UpstreamSettings
  /** Null: Sluice does not ask. */
  readonly healthCheck: HealthCheckConfig | null
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
  /** Before the coin; the first that matches decides. */
  readonly rules: readonly Rule[]
  /** Where claims are read, and whose are believed. */
  readonly token: TokenConfig
  readonly errors: ErrorRule
  /** The age at which requests are settled, milliseconds; null: of stable's latency when an attempt begins. */
  readonly settleMs: number | null
  readonly retry: RetryRule
  /** What fails on the canary is tried on stable. */
  readonly fallback: boolean
  /** Milliseconds after which a request is sent to another endpoint too; null: never. */
  readonly hedgeMs: number | null
  readonly mirror: MirrorConfig | null
}

/** Copies of requests; `upstream`: who gets them. */
export interface MirrorConfig extends Omit<Mirror, 'upstream' | 'series'> {
  readonly upstream: string
}

export type Role = 'viewer' | 'operator' | 'admin'

export interface Token {
  readonly name: string
  readonly role: Role
  /** SHA-256 of the token, 64 lower-case hexadecimal digits. */
  readonly sha256: string
}

/** As it was written, with the servers' secrets read. */
export interface AnalysisConfig extends Pick<AnalysisEntry, 'metrics' | 'judge'> {
  readonly servers: ReadonlyMap<string, ServerConfig>
}

export interface Config {
  readonly proxy: {
    readonly listeners: readonly ListenerConfig[]
    readonly threads: number
    /** CIDR ranges or addresses whose X-Forwarded-* and PROXY headers are believed. */
    readonly trustedProxies: readonly string[]
    readonly limits: Limits
    readonly timeouts: Timeouts
    readonly drainTimeoutMs: number
    readonly accessLog: AccessLogConfig
  }
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>
  readonly routes: readonly RouteConfig[]
  readonly control: {
    readonly host: string
    readonly port: number
    readonly logLevel: 'info' | 'debug'
    /** Empty: no authentication, allowed on loopback only. */
    readonly tokens: readonly Token[]
  }
  readonly store: {
    /** A file, or `:memory:`. Relative paths are resolved against the configuration file's folder. */
    readonly path: string
  }
  /** What speaks about a canary beside the guard. */
  readonly analysis: AnalysisConfig
  readonly flags: FlagsConfig
  /** What may be a mistake, but is taken; for the operator to read. */
  readonly warnings: readonly Fault[]
}
