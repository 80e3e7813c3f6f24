/** What may stand in `routes`: which requests, where they go, what keeps users together, what is an error. */

import { z } from 'zod'
import type { PathMatch } from '../../proxy/snapshot.ts'
import { readHostPattern } from './address.ts'
import { ENTRIES, ERROR_GRPC_STATUSES, ERROR_STATUSES, SETTLE_AFTER } from './defaults.ts'
import { duration, scalar, text } from './leaf.ts'
import {
  FIELD_PATTERN,
  NAME_PATTERN,
  PATH_PATTERN,
  readHeaderName,
  readName,
  readPath,
} from './names.ts'
import { Fallback, Hedge, Mirror, Retry } from './schema-retry.ts'
import { Jwt } from './schema-jwt.ts'
import { Rules } from './schema-rule.ts'
import { Sticky } from './schema-sticky.ts'
import { customIssue, list, section } from './section.ts'
import { GRPC_STATUS_FORMS, readGrpcStatus, readStatuses, STATUS_FORMS } from './statuses.ts'

const PathSection = section({
  prefix: text(
    readPath,
    'This path and all below it: /shop takes /shop and /shop/x, but not /shopping.',
    PATH_PATTERN,
  ).optional(),
  exact: text(readPath, 'This path alone.', PATH_PATTERN).optional(),
})
  .check(({ value, issues }) => {
    const isOne = (value.prefix === undefined) !== (value.exact === undefined)
    if (isOne || issues.length > 0) return
    issues.push(customIssue(value, [], 'needs "prefix" or "exact", and not both'))
  })
  .transform(({ prefix, exact }): PathMatch =>
    exact === undefined
      ? { kind: 'prefix', value: prefix ?? '/' }
      : { kind: 'exact', value: exact },
  )
  .meta({
    description:
      'The paths that the route takes: {prefix: /shop} or {exact: /health}. Default {prefix: /}.',
    minProperties: 1,
    maxProperties: 1,
  })

const Host = text(
  readHostPattern,
  'A host name without port, in any case; *.example.com is every host below example.com.',
)

const Match = section({
  host: z
    .union([Host, list(Host, 1, ENTRIES.hosts)])
    .optional()
    .describe('The hosts that the route takes, one or a list. Default: any.'),
  path: PathSection.prefault({ prefix: '/' }),
})

const Errors = section({
  statuses: list(
    scalar(readStatuses, 'A status, or a class such as 5xx.', STATUS_FORMS),
    0,
    ENTRIES.statuses,
  )
    .prefault(ERROR_STATUSES)
    .describe('HTTP statuses. Default: 5xx.'),
  grpcStatuses: list(
    scalar(readGrpcStatus, 'The number or name of a status of gRPC.', GRPC_STATUS_FORMS),
    0,
    ENTRIES.grpcStatuses,
  )
    .prefault(ERROR_GRPC_STATUSES)
    .describe(`Where a request is gRPC. Default: ${ERROR_GRPC_STATUSES.join(', ')}.`),
})

export const Route = section({
  name: text(readName, 'The name of the route in the API, logs and metrics.', NAME_PATTERN),
  match: Match.prefault({}).describe(
    'The requests that the route takes. Default: all. The most specific route wins.',
  ),
  stable: text(String, 'The upstream that serves the route while no rollout runs.', NAME_PATTERN),
  sticky: Sticky.optional(),
  forceHeader: text(
    readHeaderName,
    'A header by which a client may choose: its value is "stable" or "canary". Default: none.',
    FIELD_PATTERN,
  ).optional(),
  rules: Rules.prefault([]).describe(
    'Who goes where, whatever the coin says; the first that matches. Default: nobody.',
  ),
  jwt: Jwt.optional(),
  errors: Errors.prefault({}).describe(
    'Answers that count as errors of a variant, beside those that never came.',
  ),
  settleAfter: duration(
    SETTLE_AFTER,
    "The age at which the guard counts a request as unanswered. Default: four times stable's p99 when a rollout begins. With unit: ms, s. Range 250ms to 5s.",
  ).optional(),
  retry: Retry.prefault({}).describe(
    'When a request is tried again. A fifth of the requests may be, and three a second.',
  ),
  fallback: Fallback,
  hedge: Hedge.optional().describe('Slow requests are sent twice. Default: they are not.'),
  mirror: Mirror.optional().describe(
    'Requests are copied to another upstream. Default: they are not.',
  ),
})
