/** What may stand in `upstreams`: the endpoints of one version of a service, and how they are spoken to. */

import { z } from 'zod'
import { ENDPOINT_PATTERN, readEndpoint, readServerName } from './address.ts'
import { ENTRIES } from './defaults.ts'
import { choice, flag, text } from './leaf.ts'
import { readFileName } from './names.ts'
import { HealthCheck } from './schema-health.ts'
import { customIssue, list, section } from './section.ts'

const Url = text(
  readEndpoint,
  'http://host:port or https://host:port, without path; port 80 or 443 if left out.',
  ENDPOINT_PATTERN,
)

const Protocol = choice(
  ['http1', 'http2'],
  'What endpoints speak; http2 takes many requests at a time over one connection. Default http1.',
)

const EndpointSection = section({ url: Url, protocol: Protocol.optional() }).describe(
  'An endpoint that speaks something else than the others.',
)

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
  healthCheck: HealthCheck.optional(),
}).describe('One version of a service.')
