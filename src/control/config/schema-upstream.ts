/** What may stand in `upstreams`: the endpoints of one version of a service, and how they are spoken to. */

import { z } from 'zod'
import { ENDPOINT_PATTERN, readEndpoint, readServerName } from './address.ts'
import { ENTRIES } from './defaults.ts'
import { METADATA_ENTRIES, WEIGHT } from './defaults-upstream.ts'
import { choice, countSetting, flag, text } from './leaf.ts'
import { NAME_PATTERN, readFileName, readName } from './names.ts'
import { BALANCE_KEYS } from './schema-balance.ts'
import { HealthCheck } from './schema-health.ts'
import { customIssue, list, section } from './section.ts'
import { didYouMean, quote } from './wording.ts'

const Url = text(
  readEndpoint,
  'http://host:port or https://host:port, without path; port 80 or 443 if left out.',
  ENDPOINT_PATTERN,
)

const Protocol = choice(
  ['http1', 'http2'],
  'What endpoints speak; http2 takes many requests at a time over one connection. Default http1.',
)

const EndpointSection = section({
  url: Url,
  protocol: Protocol.optional(),
  weight: countSetting(WEIGHT, 'Its part of the requests, relative to the others.'),
  zone: text(readName, 'Where it stands; see preferZone.', NAME_PATTERN).optional(),
  metadata: z
    .record(z.string(), text(String, 'Any text.'))
    .prefault({})
    .meta({
      description: 'What is shown beside it, such as a version or a machine.',
      maxProperties: METADATA_ENTRIES,
    })
    .check(({ value, issues }) => {
      const { length } = Object.keys(value)
      if (length <= METADATA_ENTRIES) return
      const most = `at most ${METADATA_ENTRIES} are possible`
      issues.push(customIssue(value, [], `has ${length} entries; ${most}`))
    }),
}).describe('An endpoint of which there is more to say than where it is.')

const UpstreamTls = section({
  ca: text(
    readFileName,
    'The file of the authorities that endpoints are vouched for by, PEM, relative to the folder of this file. Default: the public ones.',
  ).optional(),
  cert: text(readFileName, 'The file of the certificate that Sluice shows, PEM.').optional(),
  key: text(readFileName, 'The file of its private key, PEM, without a passphrase.').optional(),
  serverName: text(
    readServerName,
    'The name that is asked for and must stand in the certificate. Default: the host of the endpoint.',
  ).optional(),
  verify: flag(
    'Whether certificates of endpoints are verified. Off, anyone in between can read and change all. Default true.',
  ).prefault(true),
})
  .check(({ value, issues }) => {
    if (issues.length > 0 || (value.cert === undefined) === (value.key === undefined)) return
    issues.push(customIssue(value, [], 'needs "cert" and "key", or neither'))
  })
  .meta({
    description: 'How https:// endpoints are reached.',
    dependencies: { cert: ['key'], key: ['cert'] },
  })

export const Upstream = section({
  endpoints: list(z.union([EndpointSection, Url]), 1, ENTRIES.endpoints).describe(
    'The endpoints that serve this version; requests are spread over them.',
  ),
  protocol: Protocol.prefault('http1'),
  tls: UpstreamTls.optional(),
  ...BALANCE_KEYS,
  healthCheck: HealthCheck.optional(),
})
  .check(({ value, issues }) => {
    const { preferZone, endpoints } = value
    if (issues.length > 0 || preferZone === undefined) return
    const zones = endpoints.flatMap((each) => ('zone' in each ? (each.zone ?? []) : []))
    if (zones.includes(preferZone)) return
    const hint = zones.length === 0 ? 'no endpoint has a zone' : didYouMean(preferZone, zones)
    const message = `there is no endpoint in zone ${quote(preferZone)}; ${hint}`
    issues.push(customIssue(preferZone, ['preferZone'], message))
  })
  .describe('One version of a service.')
