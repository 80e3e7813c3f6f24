/** Routes over HTTP: where their traffic goes, and how each variant fares. */

import type { WindowStats } from '../../analyzer/window.ts'
import { z } from 'zod'
import { CodedError } from '../coded-error.ts'
import { answers } from './answers.ts'
import type { Api } from './api.ts'
import type { ApiDeps, RouteState, VariantState } from './deps.ts'
import { type RouteView, RouteList, RouteView as RouteSchema, type VariantView } from './schema.ts'
import type { WindowView } from './schema.ts'

export function routeRoutes(app: Api, deps: Pick<ApiDeps, 'routes'>): void {
  app.get(
    '/v1/routes',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['routes'],
        summary: 'List routes, in the order of the configuration',
        operationId: 'listRoutes',
        response: answers([{ status: 200, description: 'All routes', schema: RouteList }]),
      },
    },
    () => ({ routes: deps.routes().map(viewRoute) }),
  )

  app.get(
    '/v1/routes/:name',
    {
      config: { role: 'viewer' },
      schema: {
        tags: ['routes'],
        summary: 'Show a route',
        operationId: 'getRoute',
        params: z.object({ name: z.string() }),
        response: answers(
          [{ status: 200, description: 'The route', schema: RouteSchema }],
          ['notFound'],
        ),
      },
    },
    (request) => {
      const { name } = request.params
      const route = deps.routes().find((candidate) => candidate.name === name)
      if (route === undefined) throw new CodedError('notFound', `There is no route "${name}"`)
      return viewRoute(route)
    },
  )
}

export function viewRoute({ name, hosts, path, stable, canary }: RouteState): RouteView {
  return {
    name,
    match: {
      hosts: [...hosts],
      path: path.kind === 'exact' ? { exact: path.value } : { prefix: path.value },
    },
    stable: stable.upstream,
    canary: canary?.upstream ?? null,
    rollout: canary?.rollout ?? null,
    weight: (canary?.weightBp ?? 0) / 100,
    variants: {
      stable: viewVariant(stable),
      ...(canary !== null && { canary: viewVariant(canary) }),
    },
  }
}

function viewVariant({ upstream, windows }: VariantState): VariantView {
  return {
    upstream,
    windows: {
      '10s': viewWindow(windows['10s']),
      '1m': viewWindow(windows['1m']),
      '5m': viewWindow(windows['5m']),
    },
  }
}

function viewWindow(stats: WindowStats): WindowView {
  const { requestCount, errorCount, errorRatio, p50Us, p95Us, p99Us } = stats
  return {
    requests: requestCount,
    errors: errorCount,
    errorRate: errorRatio,
    p50: secondsOf(p50Us),
    p95: secondsOf(p95Us),
    p99: secondsOf(p99Us),
  }
}

function secondsOf(us: number | null): number | null {
  return us === null ? null : us / 1_000_000
}
