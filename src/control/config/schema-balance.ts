/**
 * What may stand in an upstream beside its endpoints: how requests are spread over them, which of them get none for a
 * while, and how many requests there may be at a time.
 */

import { z } from 'zod'
import type { OutlierRules, UpstreamSettings } from '../../proxy/upstream/settings.ts'
import { OUTLIER, SLOW_START, UPSTREAM_LIMITS } from './defaults-upstream.ts'
import { choice, count, countSetting, durationSetting, flag, ratioSetting, text } from './leaf.ts'
import { NAME_PATTERN, readName } from './names.ts'
import { customIssue, section } from './section.ts'

const Outlier = section({
  enabled: flag('Whether endpoints are ejected at all. Default true.').prefault(true),
  consecutiveErrors: countSetting(
    OUTLIER.consecutiveErrors,
    'Errors in a row: answers 5xx, broken ones, none. Not of an only endpoint. 0: off.',
  ),
  consecutiveConnectFailures: countSetting(
    OUTLIER.consecutiveConnectFailures,
    'Attempts without an answer in a row: refused, reset, timed out. 0: off.',
  ),
  successRateGap: ratioSetting(
    OUTLIER.successRateGap,
    'By how much its share of failures is above that of the others, of which there must be two. 0: off.',
  ),
  latencyFactor: ratioSetting(
    OUTLIER.latencyFactor,
    'How many times as slow it is as the others, of which there must be two. 0: off.',
  ),
  silence: durationSetting(
    OUTLIER.silence,
    'How long requests wait while it answers none and the others do; at least four times their longest answer. 0s: off.',
  ),
  minRequests: countSetting(
    OUTLIER.minRequests,
    'Of the endpoint, and of the others together, before they are compared.',
  ),
  interval: durationSetting(
    OUTLIER.interval,
    'How far back endpoints are compared. One ejection is forgotten for each that passes quietly.',
  ),
  baseEjection: durationSetting(
    OUTLIER.baseEjection,
    'How long an endpoint is out the first time; the second time twice as long, and so on.',
  ),
  maxEjection: durationSetting(OUTLIER.maxEjection, 'How long it is out at most.'),
  maxEjected: ratioSetting(
    OUTLIER.maxEjected,
    'The largest share of the endpoints that may be out; one may always be.',
  ),
})
  .check(({ value, issues }) => {
    if (issues.length > 0 || value.maxEjection >= value.baseEjection) return
    issues.push(customIssue(value.maxEjection, ['maxEjection'], 'is shorter than "baseEjection"'))
  })
  .describe(
    'When an endpoint gets no requests for a while. Each thread judges by its own requests.',
  )

const PER_PROCESS =
  'At a time, of the whole process; each thread has its part. Default: no limit. Range'

const Limits = section({
  connections: count(UPSTREAM_LIMITS.connections, `Connections. ${PER_PROCESS}`).optional(),
  pendingRequests: countSetting(
    UPSTREAM_LIMITS.pendingRequests,
    'Requests that wait for a connection where all are taken, no longer than timeouts.connect.',
  ),
  requests: count(UPSTREAM_LIMITS.requests, `Requests. ${PER_PROCESS}`).optional(),
  retries: count(UPSTREAM_LIMITS.retries, `Second and later tries. ${PER_PROCESS}`).optional(),
}).describe('How much the upstream may have to do; what is more is answered 503.')

/** The keys of an upstream that are read here. */
export const BALANCE_KEYS = {
  balance: choice(
    ['leastRequest', 'roundRobin', 'random', 'consistentHash'],
    'leastRequest takes the less busy of two, consistentHash keeps a unit on one endpoint. Default leastRequest.',
  ).prefault('leastRequest'),
  preferZone: text(
    readName,
    'Endpoints of this zone alone are used, as long as half of them can be. Default: none.',
    NAME_PATTERN,
  ).optional(),
  outlier: Outlier.prefault({}),
  panic: choice(
    ['serveAll', 'refuse'],
    'Where no endpoint is healthy: serve by all of them, or answer 503. Default serveAll.',
  ).prefault('serveAll'),
  slowStart: durationSetting(
    SLOW_START,
    'How long the share of an endpoint rises that is new or healthy again.',
  ),
  limits: Limits.prefault({}),
}

const Balance = z.object(BALANCE_KEYS)

/** From the file to what the threads are told, for the whole process. */
export function toSettings(entry: z.output<typeof Balance>): UpstreamSettings {
  const { balance, preferZone, outlier, panic, slowStart, limits } = entry
  return {
    balance,
    preferZone: preferZone ?? null,
    outlier: outlier.enabled ? toRules(outlier) : null,
    panic,
    slowStartMs: slowStart,
    limits: {
      connections: limits.connections ?? Infinity,
      pendingRequests: limits.pendingRequests,
      requests: limits.requests ?? Infinity,
      retries: limits.retries ?? Infinity,
    },
  }
}

function toRules(outlier: z.output<typeof Outlier>): OutlierRules {
  const { enabled: _, silence, interval, baseEjection, maxEjection, maxEjected, ...same } = outlier
  return {
    ...same,
    silenceMs: silence,
    intervalMs: interval,
    baseEjectionMs: baseEjection,
    maxEjectionMs: maxEjection,
    maxEjectedRatio: maxEjected,
  }
}
