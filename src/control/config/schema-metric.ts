/** What may stand in `analysis.metrics`: what is asked, how often, and what the answer means. Argo Rollouts' words. */

import { z } from 'zod'
import { METRIC_NAME } from '../../analyzer/criteria/custom.ts'
import type { MeasurePlan } from '../../analyzer/measure/plan.ts'
import {
  CONDITION_LENGTH_LIMIT,
  ConditionSyntaxError,
  parseCondition,
} from '../conditions/parse.ts'
import { formatDuration, parseDuration } from '../duration.ts'
import { JsonPathError, readJsonPath } from '../providers/jsonpath.ts'
import {
  ERROR_LIMIT,
  METRIC_COUNT,
  METRIC_DELAY,
  METRIC_INTERVAL,
  METRIC_LIMIT,
  PUSHED_AGE,
  QUERY_LENGTH,
  RANGE,
  RANGE_POINTS,
  STEP,
} from './defaults-analysis.ts'
import { choice, count, countSetting, durationSetting, flag, scalar, text } from './leaf.ts'
import { NAME_PATTERN, readName, readPath } from './names.ts'
import { customIssue, section } from './section.ts'
import { quote, refused } from './wording.ts'

/** A duration without a default. */
function duration({ min, max }: { readonly min: number; readonly max: number }, about: string) {
  const range = `${formatDuration(min)} to ${formatDuration(max)}`
  const read = (found: string) => {
    const durationMs = parseDuration(found)
    if (durationMs >= min && durationMs <= max) return durationMs
    throw refused(`${formatDuration(durationMs)} is outside ${range}`)
  }
  return scalar(read, `${about} ${range}.`, [{ type: 'string' }])
}

function readQuery(query: string): string {
  if (query.trim() === '') throw refused('must not be empty')
  if (query.length <= QUERY_LENGTH) return query
  throw refused(`has ${query.length} characters; at most ${QUERY_LENGTH} are sent`)
}

/** Path and query of a question; a path that climbs could leave the server's base. */
function readTarget(target: string): string {
  const [path = '', ...query] = target.split('?')
  readPath(path)
  if (/^[\x21-\x7e]*$/.test(query.join('?')) && !target.includes('#')) return target
  throw refused(`${quote(target)} has characters that no request has; write it percent-encoded`)
}

function readCondition(condition: string): string {
  try {
    parseCondition(condition)
  } catch (error) {
    if (error instanceof ConditionSyntaxError) throw refused(`${quote(condition)} ${error.message}`)
    throw error
  }
  return condition
}

function readPathOf(path: string): ReturnType<typeof readJsonPath> {
  try {
    return readJsonPath(path)
  } catch (error) {
    if (error instanceof JsonPathError) throw refused(`${quote(path)} ${error.message}`)
    throw error
  }
}

function readMetricName(name: string): string {
  if (METRIC_NAME.test(name)) return name
  throw refused(`${quote(name)} is not the name of a metric; use letters, digits, "_", "." and "-"`)
}

const ServerName = text(readName, 'The name of a server in analysis.servers.', NAME_PATTERN)

const Prometheus = section({
  server: ServerName,
  query: text(readQuery, `PromQL, at most ${QUERY_LENGTH} characters.`),
  range: duration(RANGE, 'Asks for a range: from so long ago until now.').optional(),
  step: duration(STEP, 'How far the points of a range are apart.').optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { range, step } = value
    if ((range === undefined) !== (step === undefined)) {
      issues.push(customIssue(value, [], 'needs "range" and "step", or neither'))
    } else if (range !== undefined && step !== undefined && range / step >= RANGE_POINTS) {
      const most = `at most ${RANGE_POINTS} points of each series are given`
      issues.push(customIssue(step, ['step'], `is too short for the range: ${most}`))
    }
  })
  .transform(({ server, query, range, step }) => ({
    kind: 'prometheus' as const,
    server,
    query,
    range: range === undefined || step === undefined ? null : { lengthMs: range, stepMs: step },
  }))
  .meta({
    description: 'A query of a Prometheus server. Its result is a list of numbers, or a number.',
    dependencies: { range: ['step'], step: ['range'] },
  })

const Http = section({
  server: ServerName,
  path: text(readTarget, 'Path and query, such as /stats?window=5m.', '^/'),
  method: choice(['GET', 'POST'], 'Default GET.').prefault('GET'),
  body: text(readQuery, 'JSON that is posted.').optional(),
  jsonPath: text(
    readPathOf,
    'RFC 9535, such as $.data.rate. Of several values the result is a list. Default: the whole answer.',
  ).optional(),
})
  .check(({ value, issues }) => {
    if (issues.length > 0 || value.body === undefined || value.method === 'POST') return
    issues.push(customIssue(value.body, ['body'], 'is only possible with "method: POST"'))
  })
  .transform(({ jsonPath = null, ...rest }) => ({ kind: 'http' as const, ...rest, jsonPath }))
  .meta({ description: 'A question to a service that answers JSON.' })

const Pushed = section({
  name: text(readMetricName, 'The name that the metric is pushed under.'),
  variant: choice(['canary', 'stable'], 'Whose values. Default canary.').prefault('canary'),
  maxAge: durationSetting(PUSHED_AGE, 'Values that are older count for nothing.'),
})
  .transform(({ name, variant, maxAge }) => ({
    kind: 'pushed' as const,
    name,
    variant,
    maxAgeMs: maxAge,
  }))
  .meta({ description: 'Values that are pushed. The result is the list of them, oldest first.' })

const Provider = section({
  prometheus: Prometheus.optional(),
  http: Http.optional(),
  pushed: Pushed.optional(),
})
  .transform(({ prometheus, http, pushed }, context) => {
    const [provider, ...others] = [prometheus, http, pushed].filter((each) => each !== undefined)
    if (provider !== undefined && others.length === 0) return provider
    context.issues.push(customIssue({}, [], 'needs one of "prometheus", "http" and "pushed"'))
    return z.NEVER
  })
  .meta({ description: 'Where the value comes from.', minProperties: 1, maxProperties: 1 })

const ACTIONS = ['abort', 'pause', 'warn'] as const

const Condition = (about: string) =>
  text(
    readCondition,
    `${about} At most ${CONDITION_LENGTH_LIMIT} characters, such as result[0] >= 0.95.`,
  )

export const Metric = section({
  name: text(readName, 'The name of the metric in the API, logs and metrics.', NAME_PATTERN),
  provider: Provider,
  successCondition: Condition('What a good result meets.').optional(),
  failureCondition: Condition('What a bad result meets; wins where both are met.').optional(),
  interval: duration(
    METRIC_INTERVAL,
    'From the end of one measurement to the next; left out, there is one measurement.',
  ).optional(),
  count: count(
    METRIC_COUNT,
    'Measurements until the metric passes; left out with an interval: as long as it is wanted. Range',
  ).optional(),
  initialDelay: durationSetting(METRIC_DELAY, 'Before the first measurement.'),
  failureLimit: countSetting(
    METRIC_LIMIT,
    'Failed measurements that are borne, not in a row; one more fails. -1: any number.',
  ),
  inconclusiveLimit: countSetting(
    METRIC_LIMIT,
    'Measurements that meet neither condition that are borne. -1: any number.',
  ),
  consecutiveErrorLimit: countSetting(
    ERROR_LIMIT,
    'Errors of the provider in a row that are borne.',
  ),
  dryRun: flag('Measured and told, but decides nothing. Default false.').prefault(false),
  onFailure: choice(ACTIONS, 'What a failed metric does. Default abort.').prefault('abort'),
  onInconclusive: choice(ACTIONS, 'What an undecided metric does. Default pause.').prefault(
    'pause',
  ),
  onProviderError: choice(
    ACTIONS,
    'What a provider does that fails for too long; it says nothing of the canary. Default pause.',
  ).prefault('pause'),
})
  .check(({ value, issues }) => {
    if (issues.length > 0) return
    const { successCondition, failureCondition, interval, count: wanted = 1 } = value
    if (successCondition === undefined && failureCondition === undefined) {
      const why =
        'needs "successCondition" or "failureCondition": without them any answer would pass'
      issues.push(customIssue(value, [], why))
    }
    if (interval === undefined && wanted > 1) {
      issues.push(customIssue(wanted, ['count'], 'needs an "interval" for more than 1 measurement'))
    }
  })
  .transform((metric) => ({
    plan: planOf(metric),
    provider: metric.provider,
    conditions: {
      successCondition: metric.successCondition,
      failureCondition: metric.failureCondition,
    },
    actions: {
      failure: metric.onFailure,
      inconclusive: metric.onInconclusive,
      providerError: metric.onProviderError,
    },
  }))
  .meta({ description: 'Something that is measured while the canary has traffic.' })

export type MetricEntry = z.output<typeof Metric>

function planOf(metric: {
  readonly name: string
  readonly interval?: number | undefined
  readonly count?: number | undefined
  readonly initialDelay: number
  readonly failureLimit: number
  readonly inconclusiveLimit: number
  readonly consecutiveErrorLimit: number
  readonly dryRun: boolean
}): MeasurePlan {
  const { interval = null, failureLimit, inconclusiveLimit } = metric
  return {
    name: metric.name,
    intervalMs: interval,
    count: metric.count ?? (interval === null ? 1 : null),
    initialDelayMs: metric.initialDelay,
    failureLimit: failureLimit === -1 ? null : failureLimit,
    inconclusiveLimit: inconclusiveLimit === -1 ? null : inconclusiveLimit,
    consecutiveErrorLimit: metric.consecutiveErrorLimit,
    isDryRun: metric.dryRun,
  }
}
