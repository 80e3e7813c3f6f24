/**
 * The verbs: promote, pause, resume, retry, setting a weight, and abort.
 *
 * All but abort may say which rollout they believe to see, and be repeated under a key. Abort is
 * apart on purpose: no header, no kept answer and no belief keeps it from the engine, since safety
 * goes before strictness and it is idempotent as it is.
 */

import type { FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ErrorCode } from '../coded-error.ts'
import type { Action } from '../rollout/engine.ts'
import { answers } from './answers.ts'
import { type Api, pathOf } from './api.ts'
import {
  AbortBody,
  ActionHeaders,
  type Belief,
  ChangeHeaders,
  PauseBody,
  PlainBody,
  PromoteBody,
  WeightBody,
} from './bodies.ts'
import type { ApiDeps } from './deps.ts'
import { readExpected } from './etag.ts'
import type { Once } from './idempotency.ts'
import { answerWith, findRollout } from './lookup.ts'
import { BODY_OPTIONAL } from './openapi.ts'
import { RolloutView } from './schema.ts'

const params = z.object({
  id: z.string().meta({
    description: 'Id of a rollout, or name of a route: its running rollout, else its newest',
  }),
})

const ALWAYS: readonly ErrorCode[] = [
  'notFound',
  'invalidRequest',
  'bodyTooLarge',
  'unsupportedMediaType',
  'storeUnavailable',
  'routingFailed',
]
const WITH_BELIEF: readonly ErrorCode[] = [...ALWAYS, 'invalidTransition', 'stale']
const WITH_KEY: readonly ErrorCode[] = [...WITH_BELIEF, 'keyReused', 'requestInFlight']

type Deps = Pick<ApiDeps, 'engine' | 'clock'>

interface VerbBody extends Belief {
  readonly full?: boolean
  readonly reason?: string
}

interface Verb {
  readonly name: 'promote' | 'pause' | 'resume' | 'retry'
  readonly summary: string
  readonly body: z.ZodType<VerbBody>
  readonly actionOf: (body: VerbBody) => Action
}

export function actionRoutes(app: Api, deps: Deps, once: Once): void {
  addVerb(app, deps, once, {
    name: 'promote',
    summary: 'Leave the step for the next one, or go to the end',
    body: PromoteBody,
    actionOf: ({ full = false }) => ({ type: 'promote', full }),
  })
  addVerb(app, deps, once, {
    name: 'pause',
    summary: 'Stay on the step until somebody resumes',
    body: PauseBody,
    actionOf: ({ reason = '' }) => ({ type: 'pause', reason }),
  })
  addVerb(app, deps, once, {
    name: 'resume',
    summary: 'Go on after a pause',
    body: PlainBody,
    actionOf: () => ({ type: 'resume' }),
  })
  addVerb(app, deps, once, {
    name: 'retry',
    summary: 'Start again at the first step, as a new attempt',
    body: PlainBody,
    actionOf: () => ({ type: 'retry' }),
  })
  addAbort(app, deps)
  addWeight(app, deps)
}

function addVerb(
  app: Api,
  { engine, clock }: Deps,
  once: Once,
  { name, summary, body: schema, actionOf }: Verb,
): void {
  app.post(
    `/v1/rollouts/:id/${name}`,
    {
      config: { role: 'operator' },
      preValidation: fillBody,
      schema: {
        tags: ['rollouts'],
        summary,
        operationId: `${name}Rollout`,
        params,
        headers: ActionHeaders,
        body: schema,
        [BODY_OPTIONAL]: true,
        response: changed(WITH_KEY),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      const { 'idempotency-key': key, 'if-match': ifMatch } = request.headers
      const path = pathOf(request)
      const {
        status,
        headers,
        body: text,
      } = await once(
        { key, method: 'POST', path, actor, body },
        (rollout) => answerWith(rollout, clock.nowMs()),
        async (caller) => {
          const { id, generation } = findRollout(engine, request.params.id)
          return engine.act(id, actionOf(body), caller, readExpected(ifMatch, body, generation))
        },
      )
      return reply.code(status).headers(headers).send(text)
    },
  )
}

function addAbort(app: Api, { engine, clock }: Deps): void {
  app.post(
    '/v1/rollouts/:id/abort',
    {
      config: { role: 'operator' },
      preValidation: fillBody,
      schema: {
        tags: ['rollouts'],
        summary: 'Take the canary back, now',
        description:
          'Always accepted; a rollout that has ended stays as it is. If-Match, Idempotency-Key and what is expected are ignored.',
        operationId: 'abortRollout',
        params,
        body: AbortBody,
        [BODY_OPTIONAL]: true,
        response: changed(ALWAYS),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      const { id } = findRollout(engine, request.params.id)
      const rollout = await engine.act(id, { type: 'abort', reason: body.reason }, { actor })
      const { status, headers, body: text } = answerWith(rollout, clock.nowMs())
      return reply.code(status).headers(headers).send(text)
    },
  )
}

function addWeight(app: Api, { engine, clock }: Deps): void {
  app.put(
    '/v1/rollouts/:id/weight',
    {
      config: { role: 'operator' },
      schema: {
        tags: ['rollouts'],
        summary: "Set the canary's weight by hand; it holds until somebody resumes or promotes",
        operationId: 'setRolloutWeight',
        params,
        headers: ChangeHeaders,
        body: WeightBody,
        response: changed(WITH_BELIEF),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      const { id, generation } = findRollout(engine, request.params.id)
      const expected = readExpected(request.headers['if-match'], body, generation)
      const weightBp = Math.round(body.weight * 100)
      const rollout = await engine.act(id, { type: 'setWeight', weightBp }, { actor }, expected)
      const { status, headers, body: text } = answerWith(rollout, clock.nowMs())
      return reply.code(status).headers(headers).send(text)
    },
  )
}

/** A verb without a body means one with nothing in it. */
async function fillBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

function changed(problems: readonly ErrorCode[]): Record<number, unknown> {
  const description = 'The rollout as it is now; the decision is durable and in force. Has an ETag'
  return answers([{ status: 200, description, schema: RolloutView }], problems)
}
