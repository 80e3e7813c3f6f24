/** Upstreams over HTTP: how their endpoints fare, and when they can be taken away. */

import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps } from './deps.ts'
import { UpstreamList, UpstreamView, viewUpstream } from './upstream-view.ts'

export function upstreamRoutes(app: Api, { upstreams }: Pick<ApiDeps, 'upstreams'>): void {
  app.get(
    '/v1/upstreams',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['upstreams'],
        summary: 'List upstreams with their endpoints, in the order of the configuration',
        operationId: 'listUpstreams',
        response: answers([{ status: 200, description: 'All upstreams', schema: UpstreamList }]),
      },
    },
    () => ({
      upstreams: upstreams.states().map(viewUpstream),
      leaving: upstreams.leaving().map(({ id, outstandingCount, connectionCount }) => ({
        id,
        outstanding: outstandingCount,
        connections: connectionCount,
      })),
    }),
  )

  app.get(
    '/v1/upstreams/:name',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['upstreams'],
        summary: 'Show an upstream',
        operationId: 'getUpstream',
        params: z.object({ name: z.string() }),
        response: answers(
          [{ status: 200, description: 'The upstream', schema: UpstreamView }],
          ['notFound'],
        ),
      },
    },
    (request) => {
      const { name } = request.params
      const upstream = upstreams.states().find((candidate) => candidate.name === name)
      if (upstream === undefined) throw new CodedError('notFound', `There is no upstream "${name}"`)
      return viewUpstream(upstream)
    },
  )
}
