/** Upstreams as the API shows them: times as instants, latency in seconds, shares in percent. */

import { z } from 'zod'
import { formatAddress } from '../config/address.ts'
import {
  type EndpointState,
  lastEjection,
  percentOf,
  type UpstreamState,
} from '../upstreams/state.ts'
import { isoOf } from './view.ts'

const HEALTH_STATUSES = ['unchecked', 'unknown', 'healthy', 'unhealthy'] as const

const instant = z.iso.datetime()
const percent = z.number().min(0).max(100)
const count = z.int().min(0)

const EndpointView = z
  .object({
    id: z.string(),
    url: z.string(),
    name: z.string().nullable().meta({
      description: 'The name that it is an address of; null where the file has the address',
    }),
    protocol: z.enum(['http1', 'http2']),
    zone: z.string().nullable(),
    weight: z.number(),
    metadata: z.record(z.string(), z.string()),
    health: z
      .object({
        status: z.enum(HEALTH_STATUSES).meta({
          description: 'unchecked: no health check is configured; unknown: none is answered yet',
        }),
        since: instant.nullable(),
        checkedAt: instant.nullable(),
        reason: z.string().nullable().meta({ description: 'What the newest failed check found' }),
      })
      .meta({ description: 'What the health checks say' }),
    ejected: z
      .object({
        reason: z.string(),
        since: instant,
        until: instant,
        count: count.meta({ description: 'How often of late; the time out grows with it' }),
        threads: count.meta({ description: 'Proxy threads that have it out' }),
      })
      .nullable()
      .meta({ description: 'Of the thread that has it out longest; null: it gets requests' }),
    outstanding: count.meta({ description: 'Requests under way' }),
    connections: count,
    latency: z
      .number()
      .min(0)
      .nullable()
      .meta({ description: 'Mean of late, in seconds; null without answers' }),
    requests: count.meta({ description: 'Tries since the process started' }),
    failures: count,
    wantedShare: percent.meta({
      description: "Of the upstream's traffic, by weight, health and zone",
    }),
    observedShare: percent
      .nullable()
      .meta({ description: 'Of the last 10 seconds; null without requests' }),
  })
  .meta({ id: 'Endpoint' })

export const UpstreamView = z
  .object({
    name: z.string(),
    balance: z.string(),
    traffic: z
      .array(
        z.object({
          route: z.string(),
          variant: z.string(),
          wantedShare: percent.meta({ description: "Of the route's traffic: the weight" }),
          observedShare: percent
            .nullable()
            .meta({ description: 'Of the last 10 seconds; null without requests' }),
        }),
      )
      .meta({ description: 'Which routes have it' }),
    endpoints: z.array(EndpointView),
    names: z
      .array(
        z.object({
          name: z.string(),
          addresses: z
            .array(z.string())
            .nullable()
            .meta({ description: 'Null: never resolved; each connection tries it itself' }),
          failures: count,
          fault: z.string().nullable().meta({ description: 'Why the last time failed' }),
        }),
      )
      .meta({ description: 'Its endpoints by name, as they were resolved last' }),
    draining: z.boolean().meta({ description: 'It gets no new requests, and some are under way' }),
    safeToRemove: z
      .boolean()
      .meta({ description: 'No route has it, and no thread has a request under way to it' }),
  })
  .meta({ id: 'Upstream' })
export type UpstreamView = z.output<typeof UpstreamView>

export const UpstreamList = z
  .object({
    upstreams: z.array(UpstreamView),
    leaving: z.array(z.object({ id: z.string(), outstanding: count, connections: count })).meta({
      description:
        'Endpoints that no upstream has any more and that have work under way, or may have: threads tell later',
    }),
  })
  .meta({ id: 'UpstreamList' })
export type UpstreamList = z.output<typeof UpstreamList>

export function viewUpstream(state: UpstreamState): UpstreamView {
  const { name, balance, traffic, endpoints, names, isDraining, isSafeToRemove } = state
  return {
    name,
    balance,
    traffic: traffic.map(({ route, variant, weightBp, observedRatio }) => ({
      route,
      variant,
      wantedShare: weightBp / 100,
      observedShare: shareOf(observedRatio),
    })),
    endpoints: endpoints.map(viewEndpoint),
    names: names.map(({ name: host, addresses, failureCount, fault }) => ({
      name: host,
      addresses: addresses === null ? null : [...addresses],
      failures: failureCount,
      fault,
    })),
    draining: isDraining,
    safeToRemove: isSafeToRemove,
  }
}

function viewEndpoint(endpoint: EndpointState): UpstreamView['endpoints'][number] {
  const { id, name, host, protocol, isTls, zone, weight, metadata, latencyUs } = endpoint
  return {
    id,
    url: `${isTls ? 'https' : 'http'}://${formatAddress(endpoint)}`,
    name: name === host ? null : name,
    protocol,
    zone,
    weight,
    metadata,
    health: viewHealth(endpoint),
    ejected: viewEjection(endpoint),
    outstanding: endpoint.outstandingCount,
    connections: endpoint.connectionCount,
    latency: latencyUs === null ? null : latencyUs / 1e6,
    requests: endpoint.requestCount,
    failures: endpoint.failureCount,
    wantedShare: percentOf(endpoint.wantedRatio),
    observedShare: shareOf(endpoint.observedRatio),
  }
}

function viewHealth({ health }: EndpointState): UpstreamView['endpoints'][number]['health'] {
  if (health === null) return { status: 'unchecked', since: null, checkedAt: null, reason: null }
  const { status, sinceMs, checkedAtMs, reason } = health
  return {
    status,
    since: isoOf(sinceMs),
    checkedAt: checkedAtMs === null ? null : isoOf(checkedAtMs),
    reason,
  }
}

function viewEjection({ ejections }: EndpointState): UpstreamView['endpoints'][number]['ejected'] {
  const last = lastEjection(ejections)
  if (last === null) return null
  const { reason, sinceMs, untilMs, count: times } = last
  const threads = ejections.length
  return { reason, since: isoOf(sinceMs), until: isoOf(untilMs), count: times, threads }
}

function shareOf(ratio: number | null): number | null {
  return ratio === null ? null : percentOf(ratio)
}
