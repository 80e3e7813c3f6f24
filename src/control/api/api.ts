/** The fastify server with zod as its type provider, as every group of routes gets it. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { NeededRole } from './auth.ts'

export type Api = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Left out: admin. */
    role?: NeededRole
  }
  interface FastifyRequest {
    /** Name of the token, or `anonymous`. */
    actor: string
  }
}

/** The path of a request as it was sent, without its query. */
export function pathOf({ url }: Pick<FastifyRequest, 'url'>): string {
  return url.split('?', 1)[0] ?? url
}
