/**
 * The admin API: one fastify server on its own listener.
 *
 * What every request passes stands here, in its order: may a foreign page stand behind it, is the
 * server stopping, who asks, may they. Then comes the route. fastify's own log is off, since the
 * journal is the audit trail and only bugs are news. CORS is off: no page but our own has business
 * here.
 */

import { inspect } from 'node:util'
import swagger from '@fastify/swagger'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { actionRoutes } from './actions.ts'
import { type Api, pathOf } from './api.ts'
import { authorize, identify } from './auth.ts'
import type { ApiDeps } from './deps.ts'
import { eventRoutes } from './events.ts'
import { check, type Part } from './faults.ts'
import { flagRoutes } from './flags.ts'
import { healthRoutes } from './health.ts'
import { metricRoutes } from './metrics.ts'
import { ofrepRoutes } from './ofrep.ts'
import { createOnce } from './idempotency.ts'
import { SWAGGER } from './openapi.ts'
import { isLoopback, refuseForeignPages } from './origin.ts'
import { codedErrorOf, problemHeaders, problemOf, rawProblem } from './problem.ts'
import { rolloutRoutes } from './rollouts.ts'
import { routeRoutes } from './routes.ts'
import { EventStreams, STREAM_LIMITS } from './stream.ts'
import { upstreamRoutes } from './upstreams.ts'

/** More is answered 413. */
const BODY_LIMIT_BYTES = 1_048_576
/** For a request to arrive whole; then it is answered 408. */
const REQUEST_TIMEOUT_MS = 30_000
/** For requests under way when the server closes; then their connections are cut. */
const CLOSE_TIMEOUT_MS = 5_000
/** Longer names in a path are answered 404. */
const PARAM_LENGTH_LIMIT = 200

export interface ApiServer {
  /**
   * Port 0 takes a free one. Throws `CodedError` (`invalidConfig`) when it would be open to others
   * without tokens.
   */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>
  /** Ends the event streams, finishes the requests under way, takes no more. */
  close(): Promise<void>
}

export function createApi(deps: ApiDeps): ApiServer {
  const app = createServer(deps)
  const streams = new EventStreams(deps, deps.streamLimits ?? STREAM_LIMITS)
  const once = createOnce((key) => deps.store.findReply(key), deps.clock)
  let isStopping = false

  app.addHook('onRequest', async (request) => {
    const { host, origin, authorization } = request.headers
    const tokens = deps.tokens()
    if (tokens.length === 0) refuseForeignPages(host, origin)
    const needed = request.is404 ? 'viewer' : (request.routeOptions.config.role ?? 'admin')
    if (needed === 'anyone') return
    if (isStopping)
      throw new CodedError('stopping', 'Sluice is stopping; ask again when it is back')
    const identity = identify(tokens, authorization)
    authorize(identity, needed)
    request.actor = identity.name
  })

  // A connection that falls idle after the server has closed would keep it open.
  app.addHook('onSend', async (_request, reply) => {
    if (isStopping) reply.header('connection', 'close')
  })

  app.register(swagger, SWAGGER)
  app.register(async (scope) => {
    const api = scope.withTypeProvider<ZodTypeProvider>()
    rolloutRoutes(api, deps, once)
    actionRoutes(api, deps, once)
    metricRoutes(api, deps)
    routeRoutes(api, deps)
    upstreamRoutes(api, deps)
    eventRoutes(api, deps, streams)
    flagRoutes(api, deps)
    ofrepRoutes(api, deps)
    healthRoutes(api, deps)
  })

  return {
    async listen({ host, port }) {
      if (deps.tokens().length === 0 && !isLoopback(host)) {
        throw new CodedError(
          'invalidConfig',
          `Cannot serve the admin API on ${host} without tokens: everybody could act; add control.tokens or use 127.0.0.1`,
        )
      }
      await app.listen({ host, port })
      const bound = app.server.address()
      if (bound === null || typeof bound === 'string') return { host, port }
      return { host: bound.address, port: bound.port }
    },
    async close() {
      isStopping = true
      streams.close()
      const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT_MS)
      try {
        await app.close()
      } finally {
        clearTimeout(cut)
      }
    },
  }
}

/** fastify's words for the parts of a request, and ours. */
const PARTS: Readonly<Record<string, Part>> = {
  body: 'body',
  querystring: 'query',
  params: 'path',
  headers: 'header',
}

/** The bare server: parsing, checking, and what becomes of everything that fails. */
function createServer({ log }: Pick<ApiDeps, 'log'>): Api {
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const coded = codedErrorOf(error, request.id)
    if (coded.code === 'internal') {
      const fields = { requestId: request.id, path: pathOf(request), error: inspect(error) }
      log.error('an admin request struck a bug', fields)
    }
    const problem = problemOf(coded, pathOf(request))
    reply.code(problem.status).headers(problemHeaders(problem)).send(JSON.stringify(problem))
  }

  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: PARAM_LENGTH_LIMIT },
    // The hook above answers while stopping, as a problem document.
    return503OnClosing: false,
    frameworkErrors: fail,
    clientErrorHandler: (error, socket) => {
      if (socket.writable) socket.write(rawProblem(error.code))
      socket.destroy()
    },
  }).withTypeProvider<ZodTypeProvider>()

  app.setErrorHandler(fail)
  app.setNotFoundHandler((request) => {
    throw new CodedError('notFound', `There is no ${request.method} ${pathOf(request)}`)
  })
  app.decorateRequest('actor', '')
  app.setSerializerCompiler(serializerCompiler)
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => {
    const part = PARTS[httpPart ?? 'body'] ?? 'body'
    return (value) => check(schema, value, part)
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_request: FastifyRequest, text: string) => parseJson(text),
  )
  return app
}

/** An empty body is one that was left out. */
function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CodedError('malformedRequest', `The body is not JSON: ${why}`)
  }
}
