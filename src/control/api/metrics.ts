/**
 * Pushed metrics: values that neither the proxy nor a query can see, such as a conversion rate.
 *
 * All values of a push are kept or none. A repetition is one more value, which is why there is no Idempotency-Key:
 * the newest of two equal values is the same value. The time is ours, so that a clock that goes wrong elsewhere
 * does not make old values new.
 */

import { z } from 'zod'
import { METRIC_NAME } from '../../analyzer/criteria/custom.ts'
import { CodedError } from '../coded-error.ts'
import { isEnded } from '../rollout/actions.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps } from './deps.ts'
import { faulty } from './faults.ts'
import { findRollout } from './lookup.ts'

/** Values in one request. */
export const PUSH_LIMIT = 256

const params = z.object({
  id: z.string().meta({
    description: 'Id of a rollout, or name of a route: its running rollout, else its newest',
  }),
})

export const PushBody = z.strictObject({
  metrics: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(
            METRIC_NAME,
            'must begin with a letter or "_", with up to 62 of letters, digits, "_", "." and "-" after it',
          )
          .meta({ description: 'As in the criterion `custom.NAME`, without `custom.`' }),
        value: z.number().meta({ description: 'A finite number' }),
        variant: z
          .enum(['stable', 'canary'])
          .default('canary')
          .meta({ description: 'Whom the value speaks of' }),
      }),
    )
    .min(1, 'must have at least one value')
    .max(PUSH_LIMIT, `must have at most ${PUSH_LIMIT} values`)
    .meta({ description: `In the order of time, at most ${PUSH_LIMIT}` }),
})
export type PushBody = z.output<typeof PushBody>

export const PushAnswer = z
  .object({ rollout: z.string(), accepted: z.int().min(1) })
  .meta({ id: 'PushedMetrics', description: 'What was kept' })
export type PushAnswer = z.output<typeof PushAnswer>

type Deps = Pick<ApiDeps, 'engine' | 'clock' | 'pushed'>

export function metricRoutes(app: Api, deps: Deps): void {
  app.post(
    '/v1/rollouts/:id/metrics',
    {
      config: { role: 'operator' },
      schema: {
        tags: ['rollouts'],
        summary: 'Push values of metrics that criteria and metrics of the rollout read',
        description:
          'Kept until the rollout ends, the newest 64 of up to 64 metrics for each variant.',
        operationId: 'pushMetrics',
        params,
        body: PushBody,
        response: answers(
          [{ status: 200, description: 'All values are kept', schema: PushAnswer }],
          [
            'notFound',
            'invalidRequest',
            'invalidTransition',
            'bodyTooLarge',
            'unsupportedMediaType',
          ],
        ),
      },
    },
    (request) => pushMetrics(deps, request.params.id, request.body),
  )
}

/**
 * Keeps what was pushed. Throws `CodedError`: `notFound`, `invalidTransition` for a rollout that has ended,
 * `invalidRequest` where a limit is reached.
 */
export function pushMetrics(
  { engine, clock, pushed }: Deps,
  idOrRoute: string,
  { metrics }: PushBody,
): PushAnswer {
  const rollout = findRollout(engine, idOrRoute)
  const { id, route, phase } = rollout
  if (isEnded(rollout)) {
    throw new CodedError(
      'invalidTransition',
      `Cannot take metrics for rollout "${id}" of route "${route}": it is ${phase}; push to one that runs`,
    )
  }
  const fault = pushed.push(id, metrics, clock.nowMs())
  if (fault !== null) throw faulty([{ pointer: '/metrics', detail: fault }], 'body')
  return { rollout: id, accepted: metrics.length }
}
