/**
 * OFREP, the OpenFeature Remote Evaluation Protocol 0.3: a service behind Sluice learns its user's variant with any SDK
 * of OpenFeature (https://github.com/open-feature/protocol, service/openapi.yaml).
 *
 * Its failures have bodies of its own instead of problem documents, as the protocol says; who may not ask is refused
 * before, as everywhere in this API.
 */

import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { FlagContext } from '../../proxy/flags/bytes.ts'
import { isDeeper } from '../../proxy/flags/references.ts'
import { CodedError } from '../coded-error.ts'
import { type Evaluation, evaluate, type Flagship, keysOf } from '../flags/evaluate.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps } from './deps.ts'
import { codedErrorOf } from './problem.ts'

/** Levels of a context. */
const CONTEXT_DEPTH = 32

/** Of a request: each flag looks at the whole context. */
const CONTEXT_BYTES = 65_536

/** Loose, as the protocol may grow. */
const EvaluationBody = z.looseObject({
  context: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description: '`targetingKey` is the unit; all else is what definitions read' })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of JSON, as a context is
    .transform((context) => context as FlagContext),
})

const Success = z
  .object({
    key: z.string(),
    value: z.unknown().optional().meta({ description: 'Left out: the default of the caller' }),
    variant: z.string().optional(),
    reason: z.string(),
    metadata: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .meta({ id: 'OfrepSuccess' })

const Failure = z
  .object({ key: z.string(), errorCode: z.string(), errorDetails: z.string() })
  .meta({ id: 'OfrepFailure' })

const BulkFailure = z.object({ errorCode: z.string(), errorDetails: z.string() })

const Bulk = z.object({ flags: z.array(z.union([Success, Failure])) }).meta({ id: 'OfrepFlags' })

type View = z.output<typeof Success> | z.output<typeof Failure>

const BulkHeaders = z.looseObject({ 'if-none-match': z.string().optional() })

export function ofrepRoutes(app: Api, { flags }: Pick<ApiDeps, 'flags'>): void {
  app.post(
    '/ofrep/v1/evaluate/flags/:key',
    {
      config: { role: 'viewer' },
      bodyLimit: CONTEXT_BYTES,
      errorHandler: fail,
      preValidation: fillBody,
      schema: {
        tags: ['ofrep'],
        summary: 'Evaluate a flag, or the coin of a route',
        operationId: 'evaluateFlag',
        params: z.object({ key: z.string() }),
        body: EvaluationBody,
        response: answers(
          [
            { status: 200, description: 'What it says', schema: Success },
            { status: 400, description: 'The context, or the flag, does not do', schema: Failure },
            { status: 404, description: 'There is no such flag', schema: Failure },
          ],
          ['notFound', 'bodyTooLarge', 'unsupportedMediaType'],
        ),
      },
    },
    (request, reply) => {
      const { key } = request.params
      if (isDeeper(request.body.context, CONTEXT_DEPTH)) return refuse(reply, { key })
      const found = evaluate(flags.flagship(), key, request.body.context)
      const view = found === null ? missing(key) : viewOf(found)
      if ('errorCode' in view) void reply.code(found === null ? 404 : 400)
      return reply.header('content-type', 'application/json').send(JSON.stringify(view))
    },
  )

  app.post(
    '/ofrep/v1/evaluate/flags',
    {
      config: { role: 'viewer' },
      bodyLimit: CONTEXT_BYTES,
      errorHandler: fail,
      preValidation: fillBody,
      schema: {
        tags: ['ofrep'],
        summary: 'Evaluate every flag, and the coin of every route',
        operationId: 'evaluateFlags',
        headers: BulkHeaders,
        body: EvaluationBody,
        response: answers(
          [
            { status: 200, description: 'What each says. Has an ETag', schema: Bulk },
            { status: 304, description: 'As it was under one of these ETags', schema: z.null() },
            { status: 400, description: 'The context does not do', schema: BulkFailure },
          ],
          ['bodyTooLarge', 'unsupportedMediaType'],
        ),
      },
    },
    (request, reply) => {
      if (isDeeper(request.body.context, CONTEXT_DEPTH)) return refuse(reply, {})
      const body = JSON.stringify({ flags: all(flags.flagship(), request.body.context) })
      const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"`
      void reply.header('etag', etag)
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
      return reply.header('content-type', 'application/json').send(body)
    },
  )
}

function refuse(reply: FastifyReply, about: { readonly key?: string }): FastifyReply {
  const errorDetails = `The context is nested deeper than ${CONTEXT_DEPTH}`
  const body = JSON.stringify({ ...about, errorCode: 'INVALID_CONTEXT', errorDetails })
  return reply.code(400).header('content-type', 'application/json').send(body)
}

/** What is wrong with a body is said as the protocol does; all else goes on to the problem documents. */
function fail(error: unknown, { id, params }: FastifyRequest, reply: FastifyReply): void {
  const { code, message } = codedErrorOf(error, id)
  if (code === 'bodyTooLarge') {
    const limit = `The context is longer than the ${CONTEXT_BYTES} bytes that are read`
    throw new CodedError(code, limit)
  }
  if (code !== 'malformedRequest' && code !== 'invalidRequest') throw error
  const errorCode = code === 'malformedRequest' ? 'PARSE_ERROR' : 'INVALID_CONTEXT'
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a path that has a key or none
  const { key } = params as { readonly key?: string }
  const body = { ...(key !== undefined && { key }), errorCode, errorDetails: message }
  void reply.code(400).header('content-type', 'application/json').send(JSON.stringify(body))
}

function all(flagship: Flagship, context: FlagContext): readonly View[] {
  return keysOf(flagship).map((key) => {
    const found = evaluate(flagship, key, context)
    return found === null ? missing(key) : viewOf(found)
  })
}

function viewOf({ key, value, variant, reason, errorCode, metadata }: Evaluation): View {
  if (errorCode !== null) return { key, errorCode, errorDetails: DETAILS[errorCode] ?? errorCode }
  return {
    key,
    ...(value !== undefined && { value }),
    ...(variant !== null && { variant }),
    reason,
    metadata,
  }
}

function missing(key: string): View {
  return { key, errorCode: 'FLAG_NOT_FOUND', errorDetails: `There is no flag "${key}"` }
}

const DETAILS: Readonly<Record<string, string>> = {
  TARGETING_KEY_MISSING: 'The coin needs a targetingKey in the context',
  PARSE_ERROR: 'The targeting of the flag is not JSON logic',
  GENERAL: 'The targeting of the flag names a variant that it does not have',
}

/** Without a body the context is empty. */
async function fillBody(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

/** By weak comparison (RFC 9110 section 13.1.2). */
function isKnown(field: string | undefined, etag: string): boolean {
  if (field === undefined) return false
  if (field.trim() === '*') return true
  return field.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
