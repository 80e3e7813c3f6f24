/** Upstreams as tests of the API, the metrics and the commands show them. */

import type { EndpointState, UpstreamState } from '../../../src/control/upstreams/state.ts'

const START_MS = Date.UTC(2026, 10, 12, 9, 0, 0)

export function endpointState(changes: Partial<EndpointState> = {}): EndpointState {
  return {
    id: 'http1://10.0.0.1:80',
    name: '10.0.0.1',
    host: '10.0.0.1',
    port: 80,
    protocol: 'http1',
    isTls: false,
    zone: null,
    weight: 1,
    metadata: {},
    health: null,
    wantedRatio: 0.5,
    observedRatio: null,
    outstandingCount: 0,
    connectionCount: 0,
    latencyUs: null,
    requestCount: 0,
    failureCount: 0,
    lateRequestCount: 0,
    ejections: [],
    ejectionCounts: new Map(),
    ...changes,
  }
}

/** Busy and checked; and one that is out, checked and unhealthy. */
const BUSY = endpointState({
  health: {
    status: 'healthy',
    againstCount: 0,
    sinceMs: START_MS,
    checkedAtMs: START_MS + 2_000,
    reason: null,
  },
  wantedRatio: 1,
  observedRatio: 0.9876,
  outstandingCount: 12,
  connectionCount: 15,
  latencyUs: 2_500,
  requestCount: 12_345,
  failureCount: 6,
})
const OUT = endpointState({
  id: 'http2+tls://10.0.0.2:443#0123abcd',
  name: 'shop.example',
  host: '10.0.0.2',
  port: 443,
  protocol: 'http2',
  isTls: true,
  zone: 'a',
  weight: 3,
  metadata: { rack: '7' },
  health: {
    status: 'unhealthy',
    againstCount: 1,
    sinceMs: START_MS,
    checkedAtMs: START_MS + 1_000,
    reason: 'answered 503',
  },
  wantedRatio: 0,
  observedRatio: 0.0124,
  ejections: [
    { reason: 'silence', sinceMs: START_MS, untilMs: START_MS + 10_000, count: 1 },
    { reason: 'latency', sinceMs: START_MS + 1_000, untilMs: START_MS + 21_000, count: 2 },
  ],
  ejectionCounts: new Map([
    ['silence', 1],
    ['latency', 2],
  ]),
})

export const SHOP: UpstreamState = {
  name: 'shop-v1',
  balance: 'leastRequest',
  endpoints: [BUSY, OUT],
  traffic: [{ route: 'shop', variant: 'stable', weightBp: 9_750, observedRatio: 0.9 }],
  names: [
    {
      name: 'shop.example',
      addresses: ['10.0.0.2'],
      failureCount: 3,
      fault: 'the name server failed',
    },
  ],
  isDraining: false,
  isSafeToRemove: false,
}

export const IDLE: UpstreamState = {
  ...SHOP,
  name: 'shop-v0',
  endpoints: [endpointState({ id: 'http1://10.0.0.9:80', host: '10.0.0.9', name: '10.0.0.9' })],
  traffic: [],
  names: [],
  isSafeToRemove: true,
}
