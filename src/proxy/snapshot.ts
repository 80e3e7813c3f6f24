/**
 * What control tells the proxy threads: one immutable, versioned snapshot of everything a request needs.
 *
 * Plain data, so that it crosses to the threads by structured clone. A thread compiles it once
 * (`match.ts`, `table.ts`), swaps one reference and acknowledges the version.
 */

export interface Listener {
  readonly name: string
  readonly host: string
  /** 0 to 65 535; 0 takes a free port, the same for every thread. */
  readonly port: number
}

/** Sizes and counts beyond which input is refused. */
export interface Limits {
  /** Request line and header section together, bytes; more is answered 431 (or 414, if the target alone is longer). */
  readonly headBytes: number
  /** Header fields of a request; more is answered 431. */
  readonly headerCount: number
  /** Request body, bytes, 0 for no limit; more is answered 413. */
  readonly bodyBytes: number
  /** Downstream connections of one thread; more are closed at once. */
  readonly connections: number
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
}

export type PathMatch =
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'exact'; readonly value: string }

/** Where the unit of the coin comes from. */
export type Sticky =
  | { readonly kind: 'header'; readonly name: string }
  /** `mint`: Sluice sets the cookie where a request has none. */
  | { readonly kind: 'cookie'; readonly name: string; readonly mint: boolean }

export interface Endpoint {
  /** `host:port`; an endpoint's live state in a thread is kept under this name across snapshots. */
  readonly id: string
  readonly host: string
  readonly port: number
}

export interface Variant {
  readonly name: string
  /** Index into `Snapshot.upstreams`. */
  readonly upstream: number
  /** Basis points, 0 to 10 000; the weights of a route add up to 10 000. */
  readonly weightBp: number
  /** The variant's place in the tally, see `analyzer/tally.ts`. */
  readonly series: number
}

export interface Route {
  readonly name: string
  readonly hosts: readonly string[]
  readonly path: PathMatch
  readonly sticky: Sticky | null
  readonly forceHeader: string | null
  /** Stable first; the canary, if a rollout runs, second. */
  readonly variants: readonly Variant[]
  /** The running rollout, told upstream; null when none runs. */
  readonly rollout: string | null
  /** Salt of the coin; belongs to the rollout and survives retries and restarts. */
  readonly salt: string
}

export interface Snapshot {
  readonly version: number
  readonly limits: Limits
  readonly timeouts: Timeouts
  readonly trustedProxies: readonly string[]
  readonly upstreams: readonly { readonly name: string; readonly endpoints: readonly Endpoint[] }[]
  readonly routes: readonly Route[]
}
