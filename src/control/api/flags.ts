/**
 * Flags over HTTP: those that Sluice keeps itself, with their verbs, and how the providers of all others fare.
 *
 * Changes may say which generation they believe to see (`If-Match`, `expectedGeneration`), which is what makes them safe to
 * send again. Switching off is apart, as an abort is: nothing that is believed keeps it from being done.
 */

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { CodedError, type ErrorCode } from '../coded-error.ts'
import type { FlagCaller } from '../flags/own-flags.ts'
import type { OwnFlag } from '../flags/own.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import { ChangeHeaders } from './bodies.ts'
import type { ApiDeps } from './deps.ts'
import { etagOf, readExpected } from './etag.ts'
import {
  AudienceBody,
  CreateFlagBody,
  OffBody,
  PlainFlagBody,
  RampBody,
  rampOf,
  requireAudience,
} from './flag-bodies.ts'
import { FlagList, FlagPage, FlagView, viewFlag, viewHistory, viewProvider } from './flag-view.ts'
import { BODY_OPTIONAL } from './openapi.ts'

/** Changes that a flag shows. */
const HISTORY = 50

const params = z.object({ key: z.string() })

const CHANGING: readonly ErrorCode[] = [
  'notFound',
  'invalidRequest',
  'invalidTransition',
  'stale',
  'bodyTooLarge',
  'unsupportedMediaType',
  'storeUnavailable',
  'routingFailed',
]

type Deps = Pick<ApiDeps, 'flags'>

export function flagRoutes(app: Api, deps: Deps): void {
  addReading(app, deps)
  addCreate(app, deps)
  addRemove(app, deps)
  addChanges(app, deps)
  addOff(app, deps)
}

function addReading(app: Api, { flags }: Deps): void {
  app.get(
    '/v1/flags',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['flags'],
        summary: 'List the flags that Sluice keeps, and the providers of all others',
        operationId: 'listFlags',
        response: answers([{ status: 200, description: 'By key', schema: FlagList }]),
      },
    },
    () => ({
      flags: flags.own.list().map((flag) => viewFlag(flag, flags.targets())),
      providers: flags.providers().map(viewProvider),
    }),
  )
  app.get(
    '/v1/flags/:key',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['flags'],
        summary: 'Show a flag, and who changed it',
        operationId: 'getFlag',
        params,
        response: answers(
          [{ status: 200, description: 'The flag. Has an ETag', schema: FlagPage }],
          ['notFound'],
        ),
      },
    },
    async (request, reply) => {
      const flag = find(flags, request.params.key)
      void reply.header('etag', etagOf(flag.generation))
      const history = viewHistory(await flags.changes(flag.key, HISTORY))
      return { ...viewFlag(flag, flags.targets()), history }
    },
  )
}

function addCreate(app: Api, { flags }: Deps): void {
  app.post(
    '/v1/flags',
    {
      config: { role: 'operator' },
      schema: {
        tags: ['flags'],
        summary: 'Make a flag, which is off',
        description: 'The very same flag once more is no mistake.',
        operationId: 'createFlag',
        body: CreateFlagBody,
        response: answers(
          [
            {
              status: 201,
              description: 'It is there. Has a Location and an ETag',
              schema: FlagView,
            },
          ],
          CHANGING,
        ),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      const { key, description, audience = null } = body
      requireAudience(audience)
      const flag = await flags.own.create({ key, description, audience }, { actor })
      void reply.header('location', `/v1/flags/${key}`)
      return answer(reply.code(201), flag, flags)
    },
  )
}

function addRemove(app: Api, { flags }: Deps): void {
  app.delete(
    '/v1/flags/:key',
    {
      config: { role: 'operator' },
      schema: {
        tags: ['flags'],
        summary: 'Take away a flag that is off',
        operationId: 'deleteFlag',
        params,
        headers: ChangeHeaders,
        response: answers(
          [{ status: 200, description: 'What it was', schema: FlagView }],
          CHANGING,
        ),
      },
    },
    async (request, reply) => {
      const flag = find(flags, request.params.key)
      await flags.own.remove(flag.key, callerOf(request, {}, flag))
      return answer(reply, flag, flags)
    },
  )
}

function addChanges(app: Api, { flags }: Deps): void {
  app.post(
    '/v1/flags/:key/ramp',
    verb('rampFlag', RampBody, {
      summary: 'Give the flag a share, a schedule of shares, or a rollout that decides it',
    }),
    async (request, reply) => {
      const flag = find(flags, request.params.key)
      const caller = callerOf(request, request.body, flag)
      return answer(reply, await flags.own.change(flag.key, rampOf(request.body), caller), flags)
    },
  )
  app.post(
    '/v1/flags/:key/audience',
    verb('setFlagAudience', AudienceBody, { summary: 'Change whom the flag is for' }),
    async (request, reply) => {
      const flag = find(flags, request.params.key)
      const caller = callerOf(request, request.body, flag)
      const { audience = null } = request.body
      requireAudience(audience)
      const change = { type: 'audience', audience } as const
      return answer(reply, await flags.own.change(flag.key, change, caller), flags)
    },
  )
  app.post(
    '/v1/flags/:key/approve',
    verb('approveFlag', PlainFlagBody, {
      summary: 'Put in force what somebody else has proposed',
      isBodyOptional: true,
    }),
    async (request, reply) => {
      const flag = find(flags, request.params.key)
      const caller = callerOf(request, request.body, flag)
      return answer(reply, await flags.own.approve(flag.key, caller), flags)
    },
  )
}

/** What the changes of a flag have in common. */
function verb<Body extends z.ZodType>(
  operationId: string,
  body: Body,
  { summary, isBodyOptional = false }: { summary: string; isBodyOptional?: boolean },
) {
  return {
    config: { role: 'operator' as const },
    preValidation: fillBody,
    schema: {
      tags: ['flags'],
      summary,
      operationId,
      params,
      headers: ChangeHeaders,
      body,
      ...(isBodyOptional && { [BODY_OPTIONAL]: true }),
      response: changed(CHANGING),
    },
  }
}

function addOff(app: Api, { flags }: Deps): void {
  app.post(
    '/v1/flags/:key/off',
    {
      config: { role: 'operator' },
      preValidation: fillBody,
      schema: {
        tags: ['flags'],
        summary: 'Switch the flag off for everybody, now and in any state',
        description: 'Also aborts the rollout that decides it. Never waits for an approval.',
        operationId: 'offFlag',
        params,
        body: OffBody,
        [BODY_OPTIONAL]: true,
        response: changed(CHANGING),
      },
    },
    async (request, reply) => {
      const { actor, body } = request
      return answer(reply, await flags.own.off(request.params.key, body.reason, { actor }), flags)
    },
  )
}

interface Belief {
  readonly expectedGeneration?: number | undefined
}

function callerOf(
  { actor, headers }: Pick<FastifyRequest, 'actor'> & { headers: { 'if-match'?: unknown } },
  body: Belief,
  { generation: current }: OwnFlag,
): FlagCaller {
  const ifMatch = headers['if-match']
  const { generation } = readExpected(
    typeof ifMatch === 'string' ? ifMatch : undefined,
    body,
    current,
  )
  return { actor, generation }
}

function find({ own }: Deps['flags'], key: string): OwnFlag {
  const flag = own.find(key)
  if (flag !== undefined) return flag
  throw new CodedError('notFound', `There is no flag "${key}"`)
}

function answer(reply: FastifyReply, flag: OwnFlag, flags: Deps['flags']): FlagView {
  void reply.header('etag', etagOf(flag.generation))
  return viewFlag(flag, flags.targets())
}

/** A verb without a body means one with nothing in it. */
async function fillBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

function changed(problems: readonly ErrorCode[]): Record<number, unknown> {
  const description = 'The flag as it is now; the change is durable and in force. Has an ETag'
  return answers([{ status: 200, description, schema: FlagView }], problems)
}
