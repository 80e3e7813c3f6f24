/**
 * Every upstream as it stands now: its endpoints, what is known of their health, what they have to do, and whether anything
 * would miss them. Pure: made from the snapshot in force and from readings.
 */

import type { Endpoint, Snapshot, Upstream } from '../../proxy/snapshot.ts'
import type { EndpointEjection } from '../../proxy/upstream/report.ts'
import type { Health } from './health.ts'
import type { NameReading } from './names.ts'
import type { EndpointTotals } from './reports.ts'

const ALL_BP = 10_000
/** Of the endpoints in a preferred zone so many must be fit, or all are used; as `proxy/upstream/compiled.ts` has it. */
const LEAST_ZONE_RATIO = 0.5
/** Threads report once a second; until then what they had under way may not be told yet. */
export const SETTLED_AFTER_MS = 3_000

export interface EndpointState extends EndpointTotals {
  readonly id: string
  /** Host as it was written, of which the endpoint is one address. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly protocol: 'http1' | 'http2'
  readonly isTls: boolean
  readonly zone: string | null
  readonly weight: number
  readonly metadata: Readonly<Record<string, string>>
  /** Null: nobody asks. */
  readonly health: Health | null
  /** Of its upstream's traffic, 0 to 1. */
  readonly wantedRatio: number
  /** Of the last 10 seconds; null where there was none. */
  readonly observedRatio: number | null
}

/** What a route sends to an upstream. */
export interface TrafficState {
  readonly route: string
  readonly variant: string
  /** 0 to 10 000. */
  readonly weightBp: number
  /** Of the route's requests of the last 10 seconds; null where there were none. */
  readonly observedRatio: number | null
}

export interface UpstreamState {
  readonly name: string
  readonly balance: Upstream['balance']
  readonly endpoints: readonly EndpointState[]
  readonly traffic: readonly TrafficState[]
  readonly names: readonly (NameReading & { readonly name: string })[]
  /** Gets no new requests and has some under way. */
  readonly isDraining: boolean
  /** No route has it, and no thread has anything under way to it. */
  readonly isSafeToRemove: boolean
}

/** An endpoint that no upstream has any more and that has requests under way. */
export interface LeavingEndpoint {
  readonly id: string
  readonly outstandingCount: number
  readonly connectionCount: number
}

export interface Readings {
  readonly snapshot: Snapshot
  /** Since when each upstream stands in no route, milliseconds since 1970. */
  readonly unusedSinceMs: ReadonlyMap<string, number>
  readonly nowMs: number
  /** The host and the metadata of an endpoint, by upstream and place in the snapshot. */
  origin(
    upstream: string,
    index: number,
  ): {
    readonly name: string
    readonly metadata: Readonly<Record<string, string>>
  }
  totals(id: string): EndpointTotals
  health(upstream: string, id: string): Health | null
  name(host: string): NameReading | null
  /** Requests of the last 10 seconds. */
  requestCount(route: string, variant: string): number
}

export function upstreamStates(readings: Readings): readonly UpstreamState[] {
  return readings.snapshot.upstreams.map((upstream, index) => {
    const endpoints = endpointStates(upstream, readings)
    const traffic = trafficOf(index, readings)
    const outstandingCount = endpoints.reduce((sum, each) => sum + each.outstandingCount, 0)
    const unusedSinceMs = readings.unusedSinceMs.get(upstream.name) ?? Infinity
    const hosts = new Set(endpoints.map(({ name }) => name))
    return {
      name: upstream.name,
      balance: upstream.balance,
      endpoints,
      traffic,
      names: [...hosts].flatMap((name) => {
        const reading = readings.name(name)
        return reading === null ? [] : [{ name, ...reading }]
      }),
      isDraining: outstandingCount > 0 && traffic.every(({ weightBp }) => weightBp === 0),
      isSafeToRemove: outstandingCount === 0 && readings.nowMs - unusedSinceMs >= SETTLED_AFTER_MS,
    }
  })
}

/** The upstreams that a route may send requests to, copies too. */
export function usedUpstreams(snapshot: Snapshot): ReadonlySet<string> {
  const places = snapshot.routes.flatMap(({ variants, mirror }) => [
    ...variants.map(({ upstream }) => upstream),
    ...(mirror === null ? [] : [mirror.upstream]),
  ])
  return new Set(places.map((place) => snapshot.upstreams[place]!.name))
}

function trafficOf(place: number, readings: Readings): readonly TrafficState[] {
  return readings.snapshot.routes.flatMap(({ name: route, variants }) => {
    const counts = variants.map(({ name }) => readings.requestCount(route, name))
    const all = counts.reduce((sum, count) => sum + count, 0)
    return variants.flatMap(({ name: variant, upstream, weightBp }, i) =>
      upstream === place
        ? [{ route, variant, weightBp, observedRatio: all === 0 ? null : counts[i]! / all }]
        : [],
    )
  })
}

function endpointStates(upstream: Upstream, readings: Readings): readonly EndpointState[] {
  const all = upstream.endpoints.map((endpoint, index) => {
    const { id, host, port, protocol, tls, zone, weight } = endpoint
    return {
      id,
      host,
      port,
      protocol,
      isTls: tls !== null,
      zone,
      weight,
      ...readings.origin(upstream.name, index),
      health: readings.health(upstream.name, id),
      ...readings.totals(id),
    }
  })
  const isFit = all.map(
    ({ health, ejections }) => health?.status !== 'unhealthy' && ejections.length === 0,
  )
  const wanted = wantedRatios(upstream, isFit)
  const late = all.reduce((sum, each) => sum + each.lateRequestCount, 0)
  return all.map((each, i) =>
    Object.assign(each, {
      wantedRatio: wanted[i]!,
      observedRatio: late === 0 ? null : each.lateRequestCount / late,
    }),
  )
}

/** By weight, of those that may be used. */
function wantedRatios(
  { endpoints, preferZone, panic }: Pick<Upstream, 'endpoints' | 'preferZone' | 'panic'>,
  isFit: readonly boolean[],
): readonly number[] {
  const isDown = !isFit.includes(true)
  const isUsed = isDown
    ? endpoints.map(() => panic === 'serveAll')
    : near(endpoints, preferZone, isFit)
  const weights = endpoints.map(({ weight }, i) => (isUsed[i]! ? weight : 0))
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => (all === 0 ? 0 : weight / all))
}

function near(
  endpoints: readonly Endpoint[],
  preferZone: string | null,
  isFit: readonly boolean[],
): readonly boolean[] {
  if (preferZone === null) return isFit
  const inZone = endpoints.map(({ zone }, i) => zone === preferZone && isFit[i]!)
  const fitCount = inZone.filter(Boolean).length
  const zoneCount = endpoints.filter(({ zone }) => zone === preferZone).length
  return fitCount > 0 && fitCount >= zoneCount * LEAST_ZONE_RATIO ? inZone : isFit
}

/** The one that is told where several threads have ejected an endpoint: the last to end. */
export function lastEjection(ejections: readonly EndpointEjection[]): EndpointEjection | null {
  return ejections.toSorted((a, b) => b.untilMs - a.untilMs)[0] ?? null
}

/** A share in percent of which there are hundredths, as everywhere outside. */
export function percentOf(ratio: number): number {
  return Math.round(ratio * ALL_BP) / 100
}
