/**
 * How an upstream's endpoints are used: what the configuration says, as the threads get it in a snapshot. Plain data.
 */

export type Balance = 'leastRequest' | 'roundRobin' | 'random' | 'consistentHash'

/** When an endpoint gets no requests for a while, see `upstream/ejection.ts` and `upstream/peers.ts`. 0 is off. */
export interface OutlierRules {
  readonly consecutiveErrors: number
  readonly consecutiveConnectFailures: number
  /** By how much its share of failures is above the others'; 0 to 1. */
  readonly successRateGap: number
  /** How many times as slow it is as the others. */
  readonly latencyFactor: number
  /** For how long requests wait while it answers none; milliseconds. */
  readonly silenceMs: number
  /** Of the endpoint and of the others together, before they are compared. */
  readonly minRequests: number
  /** How far back they are compared, and after which a quiet endpoint has one ejection forgotten; 1000 to 14 000. */
  readonly intervalMs: number
  /** The first ejection's length; later ones are so many times as long, up to `maxEjectionMs`. */
  readonly baseEjectionMs: number
  readonly maxEjectionMs: number
  /** The most of an upstream's endpoints that may be out; 0 to 1, but always one. */
  readonly maxEjectedRatio: number
}

/** What one thread may have of an upstream at a time. `Infinity`: no limit. */
export interface UpstreamLimits {
  readonly connections: number
  /** Requests that wait for a connection. */
  readonly pendingRequests: number
  readonly requests: number
  readonly retries: number
}

export interface UpstreamSettings {
  readonly balance: Balance
  /** Endpoints there are used alone as long as half of them can be; null: none are preferred. */
  readonly preferZone: string | null
  /** Null: nothing is ejected. */
  readonly outlier: OutlierRules | null
  /** Where no endpoint is healthy: serve as if all were, or answer 503. */
  readonly panic: 'serveAll' | 'refuse'
  /** How long the share of an endpoint that is new or healthy again rises; 0: it is whole at once. */
  readonly slowStartMs: number
  readonly limits: UpstreamLimits
}
