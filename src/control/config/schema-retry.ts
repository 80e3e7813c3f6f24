/** What may stand in a route on requests that fail or take long: tried again, tried on stable, sent twice, copied. */

import { methodIndex } from '../../proxy/method.ts'
import { DURATIONS_OF_TRIES, ENTRIES, MIRROR_PERCENT, RETRY, RETRY_STATUSES } from './defaults.ts'
import { choice, countSetting, duration, ratioSetting, scalar, text } from './leaf.ts'
import { NAME_PATTERN } from './names.ts'
import { list, section } from './section.ts'
import { readStatuses, STATUS_FORMS } from './statuses.ts'
import { quote, refused } from './wording.ts'

const METHOD_PATTERN = '^[A-Za-z]+$'

function readMethod(found: string): string {
  const method = found.toUpperCase()
  if (methodIndex(method) >= 0) return method
  throw refused(`${quote(found)} is not a method that is served`)
}

function readRetryStatuses(found: string): readonly number[] {
  const statuses = readStatuses(found)
  if (statuses[0]! >= 400) return statuses
  throw refused(`${quote(found)} is no failure; write one from 400 to 599, or 4xx or 5xx`)
}

const Methods = list(text(readMethod, 'A method.', METHOD_PATTERN), 1, ENTRIES.methods)

export const Retry = section({
  attempts: countSetting(
    RETRY.attempts,
    'How often a request is tried again on the same upstream, on another endpoint where there is one.',
  ),
  statuses: list(
    scalar(readRetryStatuses, 'A status, or a class such as 5xx.', STATUS_FORMS),
    0,
    ENTRIES.statuses,
  )
    .prefault(RETRY_STATUSES)
    .describe(
      `Answers that are tried again, unless their Retry-After asks to wait. Default: ${RETRY_STATUSES.join(', ')}.`,
    ),
  methods: Methods.optional().describe(
    'Methods of requests that may be done twice. Others are tried again only where nothing of them was sent. Default: the idempotent ones.',
  ),
  perTryTimeout: duration(
    DURATIONS_OF_TRIES.perTry,
    'How long one try may go unanswered where another may follow. Default: as long as the request.',
  ).optional(),
})

export const Fallback = choice(
  ['stable', 'none'],
  'stable: what fails on the canary is tried on stable, and counts against the canary all the same. Default stable.',
).prefault('stable')

export const Hedge = section({
  after: duration(
    DURATIONS_OF_TRIES.hedge,
    'A request without a body that may be done twice, and is not answered by then, is sent to another endpoint too; the first answer is taken.',
  ),
})

export const Mirror = section({
  to: text(String, 'The upstream that gets the copies.', NAME_PATTERN),
  percent: ratioSetting(MIRROR_PERCENT, 'The share of requests that is copied, in percent.'),
  methods: Methods.optional().describe(
    'Methods of requests that are copied. Default: GET, HEAD and OPTIONS.',
  ),
})
