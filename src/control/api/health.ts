/**
 * Probes, metrics and the document. Liveness asks nothing of anybody: that the event loop answers
 * is the point, and a store that is away must not get the proxy restarted.
 */

import { z } from 'zod'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps } from './deps.ts'
import { Liveness, Readiness } from './schema.ts'

export function healthRoutes(app: Api, deps: Pick<ApiDeps, 'ready' | 'renderMetrics'>): void {
  app.get(
    '/livez',
    {
      config: { role: 'anyone' },
      schema: {
        tags: ['health'],
        summary: 'Whether the process answers',
        operationId: 'getLiveness',
        security: [],
        response: answers([{ status: 200, description: 'It does', schema: Liveness }]),
      },
    },
    (_request, reply) => reply.header('cache-control', 'no-store').send({ live: true }),
  )

  app.get(
    '/readyz',
    {
      config: { role: 'anyone' },
      schema: {
        tags: ['health'],
        summary: 'Whether traffic is served as configured',
        operationId: 'getReadiness',
        security: [],
        response: answers([
          { status: 200, description: 'It is', schema: Readiness },
          { status: 503, description: 'It is not, and why', schema: Readiness },
        ]),
      },
    },
    (_request, reply) => {
      const { ok, reasons } = deps.ready()
      return reply
        .code(ok ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ ready: ok, reasons: [...reasons] })
    },
  )

  app.get(
    '/metrics',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['health'],
        summary: 'Metrics in the Prometheus text format',
        operationId: 'getMetrics',
        response: answers([
          {
            status: 200,
            description: 'The exposition',
            schema: z.string(),
            contentType: 'text/plain',
          },
        ]),
      },
    },
    async (_request, reply) => {
      const { contentType, body } = await deps.renderMetrics()
      return reply.header('content-type', contentType).send(body)
    },
  )

  app.get(
    '/openapi.json',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['health'],
        summary: 'This document',
        operationId: 'getOpenapi',
        response: answers([
          {
            status: 200,
            description: 'OpenAPI 3.1',
            schema: z.looseObject({ openapi: z.literal('3.1.0') }),
          },
        ]),
      },
    },
    (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  )
}
