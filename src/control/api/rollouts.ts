/**
 * Rollouts over HTTP: start one, list them, look at one and at what its guard says. `actions.ts`
 * has the verbs.
 */

import { z } from 'zod'
import { answers } from './answers.ts'
import { type Api, pathOf } from './api.ts'
import { PostHeaders } from './bodies.ts'
import type { ApiDeps } from './deps.ts'
import { etagOf } from './etag.ts'
import { faulty } from './faults.ts'
import type { Once } from './idempotency.ts'
import { answerCreated, findRollout } from './lookup.ts'
import { readPlan } from '../rollout/plan.ts'
import { isEnded } from '../rollout/actions.ts'
import type { Rollout } from '../rollout/state.ts'
import { undecidable } from '../rollout/undecidable.ts'
import { AnalysisView, PHASES, RolloutList, RolloutView, StartedView } from './schema.ts'
import { StartBody } from './start-body.ts'
import { viewAnalysis, viewRollout } from './view.ts'

const params = z.object({
  id: z.string().meta({
    description: 'Id of a rollout, or name of a route: its running rollout, else its newest',
  }),
})

const ListQuery = z.strictObject({
  route: z.string().optional(),
  phase: z.enum(PHASES).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

export function rolloutRoutes(
  app: Api,
  deps: Pick<ApiDeps, 'engine' | 'clock' | 'log' | 'requestsPerSecond'>,
  once: Once,
): void {
  const { engine, clock } = deps
  /** With what is known of it only now. */
  const viewNow = (rollout: Rollout) =>
    viewRollout(rollout, clock.nowMs(), isEnded(rollout) ? null : engine.analysis(rollout.id))

  app.post(
    '/v1/rollouts',
    {
      config: { role: 'operator' },
      schema: {
        tags: ['rollouts'],
        summary: 'Start a rollout',
        description: 'A rollout that runs on the route already is superseded.',
        operationId: 'startRollout',
        headers: PostHeaders,
        body: StartBody,
        response: answers(
          [
            {
              status: 201,
              description: 'It is started, durable and in force. Has a Location and an ETag',
              schema: StartedView,
            },
          ],
          [
            'invalidRequest',
            'bodyTooLarge',
            'unsupportedMediaType',
            'invalidTransition',
            'keyReused',
            'requestInFlight',
            'storeUnavailable',
            'routingFailed',
          ],
        ),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      const read = readPlan(body)
      if ('faults' in read) throw faulty(read.faults, 'body')
      const requestsPerSecond = deps.requestsPerSecond(body.route)
      const warnings = requestsPerSecond === null ? [] : undecidable(read.plan, requestsPerSecond)
      const {
        status,
        headers,
        body: text,
      } = await once(
        {
          key: request.headers['idempotency-key'],
          method: 'POST',
          path: pathOf(request),
          actor,
          body,
        },
        (rollout) => answerCreated(rollout, clock.nowMs(), warnings),
        async (caller) => {
          const { route, to } = body
          const rollout = await engine.start({ route, to, plan: read.plan }, caller)
          for (const warning of warnings) deps.log.warn(`${rollout.id}: ${warning}`)
          return rollout
        },
      )
      return reply.code(status).headers(headers).send(text)
    },
  )

  app.get(
    '/v1/rollouts',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['rollouts'],
        summary: 'List rollouts, newest first',
        operationId: 'listRollouts',
        querystring: ListQuery,
        response: answers(
          [{ status: 200, description: 'The newest ones that match', schema: RolloutList }],
          ['invalidRequest'],
        ),
      },
    },
    (request) => {
      const { route, phase, limit } = request.query
      const rollouts = engine
        .list()
        .filter((rollout) => route === undefined || rollout.route === route)
        .filter((rollout) => phase === undefined || rollout.phase === phase)
        .slice(0, limit)
      return { rollouts: rollouts.map((rollout) => viewNow(rollout)) }
    },
  )

  app.get(
    '/v1/rollouts/:id',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['rollouts'],
        summary: 'Show a rollout',
        operationId: 'getRollout',
        params,
        response: answers(
          [{ status: 200, description: 'The rollout. Has an ETag', schema: RolloutView }],
          ['notFound'],
        ),
      },
    },
    (request, reply) => {
      const rollout = findRollout(engine, request.params.id)
      void reply.header('etag', etagOf(rollout.generation))
      return viewNow(rollout)
    },
  )

  app.get(
    '/v1/rollouts/:id/analysis',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['rollouts'],
        summary: 'Show what the guard says of a rollout, and why',
        operationId: 'getAnalysis',
        params,
        response: answers(
          [{ status: 200, description: 'The last judgement', schema: AnalysisView }],
          ['notFound'],
        ),
      },
    },
    (request) => {
      const rollout = findRollout(engine, request.params.id)
      return viewAnalysis(rollout, engine.analysis(rollout.id))
    },
  )
}
