/** Defaults and ranges of how requests are spread over endpoints, with the reason for each. Durations in milliseconds. */

import type { Setting } from './defaults.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The grain with which the proxy looks at endpoints. */
const GRAIN_MS = 250

/** No 0: who wants an endpoint to get nothing takes it out, and its connections drain. */
export const WEIGHT: Setting = { min: 1, max: 1_000, default: 1 }

export const METADATA_ENTRIES = 16

/** 0 is off. */
export const OUTLIER = {
  /** As Envoy's: with one failure in ten by chance, five in a row come once in 100 000. */
  consecutiveErrors: { min: 0, max: 1_000, default: 5 },
  /** Fewer than errors: nobody has answered at all, and nothing is lost by asking others. */
  consecutiveConnectFailures: { min: 0, max: 1_000, default: 3 },
  /** A share of failures so far above the others' is a fault of the endpoint. */
  successRateGap: { min: 0, max: 1, default: 0.2 },
  /** Machines of two generations differ by two; ten times is a fault. */
  latencyFactor: { min: 0, max: 1_000, default: 5 },
  /** Long for a pause of a collector, and short enough to be out within two seconds. */
  silence: { min: 0, max: HOUR, default: SECOND },
  /** Fewer tell nothing. */
  minRequests: { min: 2, max: 100_000, default: 10 },
  /** As Envoy's; where there are requests enough a second of them is looked at. */
  interval: { min: SECOND, max: 14 * SECOND, default: 10 * SECOND },
  /** A process that is restarted is back by then; Envoy's 30 s are long for it. */
  baseEjection: { min: GRAIN_MS, max: HOUR, default: 10 * SECOND },
  /** As Envoy's: what comes back after that fails a few requests in five minutes. */
  maxEjection: { min: GRAIN_MS, max: 24 * HOUR, default: 5 * MINUTE },
  /** Half can carry the rest of the load for a while; where more fail, the fault is not the endpoints'. */
  maxEjected: { min: 0, max: 1, default: 0.5 },
} as const satisfies Record<string, Setting>

/** 0 is off: services that need to warm up are few, and their owners know. */
export const SLOW_START: Setting = { min: 0, max: HOUR, default: 0 }

/** Of a process, for one upstream. */
export const UPSTREAM_LIMITS = {
  connections: { min: 1, max: 1_000_000 },
  requests: { min: 1, max: 1_000_000 },
  retries: { min: 0, max: 1_000_000 },
  /** As Envoy's; they wait no longer than a connection may take to be made. */
  pendingRequests: { min: 0, max: 1_000_000, default: 1_024 },
} as const
