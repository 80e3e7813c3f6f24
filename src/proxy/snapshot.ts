/**
 * What control tells the proxy threads: one immutable, versioned snapshot of everything a request needs, and beside it
 * what is listened on, which changes in steps of its own (see `control/reload.ts`).
 *
 * Plain data, so that it crosses to the threads by structured clone. A thread compiles it once
 * (`match.ts`, `table.ts`), swaps one reference and acknowledges the version.
 */

import type { Rule } from './cohort/rule.ts'
import type { TokenSettings } from './cohort/token/settings.ts'
import type { UpstreamSettings } from './upstream/settings.ts'

export interface Listener {
  readonly name: string
  readonly host: string
  /** 0 to 65 535; 0 takes a free port, the same for every thread. */
  readonly port: number
  /** At least one. HTTP/2 is agreed on by ALPN over TLS; in cleartext the client has to know (RFC 9113 section 3.3). */
  readonly protocols: { readonly http1: boolean; readonly http2: boolean }
  /** Null: cleartext. */
  readonly tls: ListenerTls | null
  /** Every connection comes from a trusted proxy and begins with a PROXY protocol header, version 1 or 2. */
  readonly proxyProtocol: boolean
}

export interface ListenerTls {
  /** At least one. The first serves clients that name no host, or one that no certificate is for. */
  readonly certificates: readonly Certificate[]
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** `ca`: PEM. Null: clients are not asked for a certificate. */
  readonly clients: { readonly ca: string; readonly isRequired: boolean } | null
  /** 48 bytes, the same in every thread: a session that one thread began is resumed by another. */
  readonly ticketKeys: Uint8Array
}

export interface Certificate {
  /** Host names in lower case; `*.example.com` for one label. */
  readonly names: readonly string[]
  /** PEM, with its chain. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

/** How an upstream is spoken to over TLS. PEM throughout. */
export interface UpstreamTls {
  /** Null: the authorities that Node trusts. */
  readonly ca: string | null
  /** What Sluice shows of itself; null: nothing. */
  readonly identity: { readonly cert: string; readonly key: string } | null
  /** The name for SNI and verification; null: the endpoint's host. */
  readonly serverName: string | null
  readonly isVerified: boolean
}

/** Sizes and counts beyond which input is refused. */
export interface Limits {
  /** Request line and header section together, bytes; more is answered 431 (or 414, if the target alone is longer). */
  readonly headBytes: number
  /** Header fields of a request; more is answered 431. */
  readonly headerCount: number
  /** One of those fields, name and value, bytes; more is answered 431. */
  readonly fieldBytes: number
  /** Request body, bytes, 0 for no limit; more is answered 413. */
  readonly bodyBytes: number
  /** Downstream connections of one thread; more are closed at once. */
  readonly connections: number
  /** Of those, connections from one address; more are closed at once. */
  readonly connectionsPerAddress: number
  /** Requests at a time on one HTTP/2 connection; more are refused with REFUSED_STREAM. */
  readonly streams: number
  /**
   * Bytes a second below which a body is too slow to wait for, on the average of a `bodyStallMs`; 0 for no limit. Kept to
   * by clients that send a request which is not answered yet, and by those that do not take an answer.
   */
  readonly bodyBytesPerSecond: number
  /** Connections of one thread to one endpoint; a request that needs one more is answered 503. */
  readonly upstreamConnections: number
  /** Status line and header section of an upstream's answer, bytes; more is a 502. */
  readonly responseHeadBytes: number
  /** Unread bytes held for a peer that does not read, on one connection and direction; more pauses the other side. */
  readonly bufferBytes: number
}

/** All in milliseconds; enforced with a grain of 250 ms. */
export interface Timeouts {
  /** From the first byte of a request until its head is whole; then 408. */
  readonly headMs: number
  /** A downstream connection without a request; then it is closed. */
  readonly idleMs: number
  /** Until an upstream connection is made; then 504. */
  readonly connectMs: number
  /** From the request's end until the upstream's final response head; then 504. */
  readonly responseHeadMs: number
  /** Between two pieces of a body that do not come, or that the peer does not take; then the exchange ends. */
  readonly bodyStallMs: number
  /** An upstream connection without a request; then it is closed. */
  readonly upstreamIdleMs: number
  /** From a connection's first moment until its PROXY header and TLS handshake are done; then it is closed. */
  readonly handshakeMs: number
  /** A tunnel (WebSocket) through which nothing comes, either way; then it is closed. */
  readonly tunnelIdleMs: number
  /** How long tunnels live on after their variant or the process stopped taking new ones; they end spread over the last half. */
  readonly tunnelDrainMs: number
}

export type PathMatch =
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'exact'; readonly value: string }

/** Where the unit of the coin comes from: the first of these that a request has. At least one. */
export type Sticky = readonly UnitSource[]

export type UnitSource =
  | { readonly kind: 'header'; readonly name: string }
  /** `mint`: Sluice sets the cookie where a request has no unit at all; for one of them at most. */
  | { readonly kind: 'cookie'; readonly name: string; readonly mint: boolean }
  /** A claim of the request's token. */
  | { readonly kind: 'jwtClaim'; readonly name: string }
  /** The client's; always there. */
  | { readonly kind: 'address' }

export interface Endpoint {
  /** Where and how it is reached; an endpoint's live state in a thread is kept under this name across snapshots. */
  readonly id: string
  readonly host: string
  readonly port: number
  readonly protocol: 'http1' | 'http2'
  /** Null: cleartext. */
  readonly tls: UpstreamTls | null
  /** Its part of the load, relative to the others; 1 to 1000, whole. */
  readonly weight: number
  /** Where it stands, in the operator's words; null: nobody said. */
  readonly zone: string | null
}

/** A named set of endpoints, and how requests are spread over them. */
export interface Upstream extends UpstreamSettings {
  readonly name: string
  readonly endpoints: readonly Endpoint[]
}

/** Which answers count as errors of the variant, beside those that never came. */
export interface ErrorRule {
  /** 100 to 599. */
  readonly statuses: readonly number[]
  /** 0 to 16; looked at where the request is gRPC. */
  readonly grpcStatuses: readonly number[]
}

/** When a request is tried again, beside what had gone over a connection that was kept and had died. */
export interface RetryRule {
  /** Further tries on the same upstream; 0 to 10. */
  readonly attempts: number
  /** Answers that are not the last word; 400 to 599. */
  readonly statuses: readonly number[]
  /** Those that may be done twice; others only where no byte of them was sent. Null: the idempotent ones. */
  readonly methods: readonly string[] | null
  /** How long one try may go unanswered where another may follow, milliseconds; null: as long as the request may. */
  readonly perTryMs: number | null
}

/** Copies of requests for an upstream whose answers nobody sees. */
export interface Mirror {
  /** Index into `Snapshot.upstreams`. */
  readonly upstream: number
  /** 0 to 1. */
  readonly share: number
  /** Those that are copied. */
  readonly methods: readonly string[]
  /** The copies' place in the tally. */
  readonly series: number
}

/** Which requests are written to the access log. */
export interface AccessLog {
  /** `errors`: those that failed, were refused or count as errors; `sampled`: those and a share of the others. */
  readonly mode: 'errors' | 'sampled' | 'all'
  /** 0 to 1, with `sampled`. */
  readonly ratio: number
}

export interface Variant {
  readonly name: string
  /** Index into `Snapshot.upstreams`. */
  readonly upstream: number
  /** Basis points, 0 to 10 000; the weights of a route add up to 10 000. */
  readonly weightBp: number
  /** The variant's place in the tally, see `analyzer/tally.ts`. */
  readonly series: number
  /** Of its settled outcomes while the weights stay as they are, see `analyzer/settled.ts`; null: they are not counted. */
  readonly cell: number | null
}

/** How a route's requests become evidence. */
export interface Settlement {
  /** Like no other's: of the route's attempt at a rollout. */
  readonly name: string
  /** How old a request is when it is settled; 250 to 5000, whole. */
  readonly ageMs: number
  /** Of sticky routes, see `settlement/units.ts`; else null. */
  readonly units: SharedArrayBuffer | null
}

export interface Route {
  readonly name: string
  readonly hosts: readonly string[]
  readonly path: PathMatch
  readonly sticky: Sticky | null
  readonly forceHeader: string | null
  /** Before the coin; the first that matches decides. */
  readonly rules: readonly Rule[]
  /** Where claims are read. */
  readonly token: TokenSettings
  readonly errors: ErrorRule
  readonly retry: RetryRule
  /** What fails on the canary is tried on stable. */
  readonly fallback: boolean
  /** A request that is not answered by then, milliseconds, is sent to another endpoint too; null: never. */
  readonly hedgeMs: number | null
  readonly mirror: Mirror | null
  /** Stable first; the canary, if a rollout runs, second. */
  readonly variants: readonly Variant[]
  /** The running rollout, told upstream; null when none runs. */
  readonly rollout: string | null
  /** Null where nobody judges. */
  readonly settlement: Settlement | null
  /** Salt of the coin; belongs to the rollout and survives retries and restarts. */
  readonly salt: string
}

/** Where flags come from, under the name by which rules ask for them. */
export interface FlagProvider {
  readonly name: string
  /** Which variant a flag means, by its own variants or values. */
  readonly variants: Readonly<Record<string, string>>
  readonly source:
    | {
        readonly kind: 'flagd'
        /** JSON that control has tried. */
        readonly definitions: string
        /** Of flags in there that a rollout decides. */
        readonly ramps: readonly FlagRamp[]
        /** Keys of those that are switched off for everybody. */
        readonly off: readonly string[]
      }
    | {
        readonly kind: 'openFeature'
        /** URL of a module whose default export is a provider, or makes one. */
        readonly module: string
        /** JSON for the one that makes it. */
        readonly options: string
        readonly deadlineMs: number
        readonly memoMs: number
        /** Answers that are kept. */
        readonly memoLimit: number
      }
}

/** A flag whose share is the coin of a rollout. */
export interface FlagRamp {
  readonly key: string
  /** Where the coin itself decides. */
  readonly route: string
  readonly salt: string
  readonly weightBp: number
}

export interface Flags {
  readonly providers: readonly FlagProvider[]
  /** Names in definitions by the attribute of requests that they stand for. */
  readonly attributes: Readonly<Record<string, string>>
}

export interface Snapshot {
  readonly version: number
  /** What this process calls itself in Via; like no other's, so that loops are seen. A token. */
  readonly viaName: string
  readonly limits: Limits
  readonly timeouts: Timeouts
  readonly trustedProxies: readonly string[]
  /** Null: off. */
  readonly accessLog: AccessLog | null
  /** Whether each refusal is told to control, with what was found, for its log at debug level. */
  readonly tellsRefusals: boolean
  readonly upstreams: readonly Upstream[]
  readonly routes: readonly Route[]
  readonly flags: Flags
}
