/**
 * What may stand in `upstreams.NAME.healthCheck`: how Sluice itself asks each endpoint whether it can serve.
 *
 * A key that the protocol has no use for is a fault: it would be read as a check that nobody makes.
 */

import { ENDPOINT_PORT, ENTRIES, HEALTH } from './defaults.ts'
import { choice, count, countSetting, durationSetting, scalar, text } from './leaf.ts'
import { customIssue, list, section } from './section.ts'
import { readStatuses, STATUS_FORMS } from './statuses.ts'
import { quote, refused } from './wording.ts'

/** The keys that only one protocol knows. */
const KEYS_OF = { path: 'http', host: 'http', expectedStatuses: 'http', service: 'grpc' } as const

export const HealthCheck = section({
  protocol: choice(
    ['http', 'tcp', 'grpc'],
    'http asks for a path, tcp only connects, grpc calls grpc.health.v1.Health/Check. Default http.',
  ).prefault('http'),
  path: text(
    readTarget,
    'What is asked for, with a query or without one. Default /.',
    '^/',
  ).optional(),
  interval: durationSetting(
    HEALTH.interval,
    'Between two checks of an endpoint, drawn anew each time: a tenth shorter to a tenth longer.',
  ),
  timeout: durationSetting(
    HEALTH.timeout,
    'For a check from its beginning to its answer; not longer than the interval.',
  ),
  healthyAfter: countSetting(
    HEALTH.healthyAfter,
    'Passed checks in a row after which an unhealthy endpoint gets requests again.',
  ),
  unhealthyAfter: countSetting(
    HEALTH.unhealthyAfter,
    'Failed checks in a row after which an endpoint gets no more requests.',
  ),
  expectedStatuses: list(
    scalar(readStatuses, 'A status, or a class such as 2xx.', STATUS_FORMS),
    1,
    ENTRIES.statuses,
  )
    .describe('The answers that pass. Default: 2xx.')
    .optional(),
  host: text(
    readAuthority,
    'The Host field of the question. Default: host and port of the endpoint.',
  ).optional(),
  port: count(
    { min: ENDPOINT_PORT.min, max: ENDPOINT_PORT.max },
    "The port that is asked. Default: the endpoint's own. Range",
  ).optional(),
  service: text(
    readService,
    'The service that gRPC is asked for. Default: none, which asks for the server as a whole.',
  ).optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    for (const [key, protocol] of Object.entries(KEYS_OF)) {
      if (protocol === value.protocol || !Object.hasOwn(value, key)) continue
      const message = `is for protocol ${protocol} alone, and the protocol is ${value.protocol}`
      issues.push(customIssue(value, [key], message))
    }
    if (value.timeout <= value.interval) return
    issues.push(customIssue(value, ['timeout'], 'is longer than the interval'))
  })
  .transform((entry): HealthCheckConfig => {
    const { interval, timeout, healthyAfter, unhealthyAfter, port = null } = entry
    return {
      question: toQuestion(entry),
      intervalMs: interval,
      timeoutMs: timeout,
      healthyAfter,
      unhealthyAfter,
      port,
    }
  })
  .meta({ description: 'How Sluice asks endpoints whether they can serve. Default: not at all.' })

/** What is asked. */
export type HealthQuestion =
  | {
      readonly protocol: 'http'
      readonly path: string
      /** Null: host and port of the endpoint. */
      readonly host: string | null
      readonly expectedStatuses: ReadonlySet<number>
    }
  | { readonly protocol: 'tcp' }
  | { readonly protocol: 'grpc'; readonly service: string }

export interface HealthCheckConfig {
  readonly question: HealthQuestion
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
  /** Null: the endpoint's. */
  readonly port: number | null
}

function toQuestion(entry: {
  readonly protocol: HealthQuestion['protocol']
  readonly path?: string | undefined
  readonly host?: string | undefined
  readonly service?: string | undefined
  readonly expectedStatuses?: readonly (readonly number[])[] | undefined
}): HealthQuestion {
  const { protocol, path = '/', host = null, service = '' } = entry
  switch (protocol) {
    case 'tcp':
      return { protocol }
    case 'grpc':
      return { protocol, service }
    case 'http': {
      const { expectedStatuses = [readStatuses('2xx')] } = entry
      return { protocol, path, host, expectedStatuses: new Set(expectedStatuses.flat()) }
    }
  }
}

/** As it stands in a request line. */
function readTarget(found: string): string {
  if (!found.startsWith('/')) throw refused(`${quote(found)} does not begin with "/"`)
  if (/[^\x21-\x7e]|#/.test(found)) {
    throw refused(`${quote(found)} has characters that no request has; percent-encode them`)
  }
  return found
}

function readAuthority(found: string): string {
  if (/^[A-Za-z0-9._:[\]-]{1,255}$/.test(found)) return found
  throw refused(`${quote(found)} is not a host, such as shop.example.com`)
}

/** A full name of a gRPC service; what a server registers is up to it, within the characters of its grammar. */
function readService(found: string): string {
  if (/^[A-Za-z0-9_./-]{1,255}$/.test(found)) return found
  throw refused(`${quote(found)} is not the name of a service, such as shop.v1.Orders`)
}
