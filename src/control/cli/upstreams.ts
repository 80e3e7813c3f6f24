/** `upstreams`: how the endpoints fare, which of them get requests, and what can be taken away. */

import type { UpstreamView } from '../api/upstream-view.ts'
import type { Command } from './command.ts'
import { print } from './context.ts'
import { EXIT } from './exit.ts'
import { clock, count, latency, percent } from './format.ts'
import { table } from './table.ts'

type EndpointView = UpstreamView['endpoints'][number]

export const UPSTREAMS: Command = {
  name: 'upstreams',
  summary: 'Show the upstreams with their endpoints, or one of them',
  details: [
    'WANTED is the share of the traffic of the upstream that an endpoint should get now, OBSERVED what it got in the last 10',
    'seconds. An upstream that is "safe to remove" stands in no route, and no request to it is under way.',
  ],
  examples: ['sluice upstreams', 'sluice upstreams shop-v2 --output json'],
  arguments: [{ name: 'NAME', summary: 'an upstream of the configuration', isOptional: true }],
  options: [],
  run: async (given, context) => {
    const client = context.client()
    const name = given.text('NAME')
    if (name !== undefined) {
      const upstream = await client.upstream(name)
      print(context, upstream, () => upstreamTable([upstream]))
      return EXIT.ok
    }
    const found = await client.upstreams()
    const leaving = found.leaving.map(
      ({ id, outstanding }) => `${id} is leaving: ${count(outstanding)} requests under way`,
    )
    print(context, found, () => [...upstreamTable(found.upstreams), ...leaving])
    return EXIT.ok
  },
}

function upstreamTable(upstreams: readonly UpstreamView[]): readonly string[] {
  return table(
    [
      { title: 'UPSTREAM' },
      { title: 'TRAFFIC' },
      { title: 'ENDPOINT' },
      { title: 'STATE' },
      { title: 'WANTED', isNumber: true },
      { title: 'OBSERVED', isNumber: true },
      { title: 'UNDER WAY', isNumber: true },
      { title: 'CONNECTIONS', isNumber: true },
      { title: 'LATENCY', isNumber: true },
      { title: 'REQUESTS', isNumber: true },
      { title: 'FAILURES', isNumber: true },
    ],
    upstreams.flatMap((upstream) =>
      upstream.endpoints.map((endpoint, i) => [
        i === 0 ? upstream.name : '',
        i === 0 ? trafficOf(upstream) : '',
        endpoint.name === null ? endpoint.url : `${endpoint.url} (${endpoint.name})`,
        stateOf(endpoint),
        percent(endpoint.wantedShare),
        endpoint.observedShare === null ? '-' : percent(endpoint.observedShare),
        count(endpoint.outstanding),
        count(endpoint.connections),
        latency(endpoint.latency),
        count(endpoint.requests),
        count(endpoint.failures),
      ]),
    ),
  )
}

/** `shop stable 95 %, help stable 100 %`; what gets none says what can be done with it. */
function trafficOf({ traffic, draining, safeToRemove }: UpstreamView): string {
  if (safeToRemove) return 'safe to remove'
  const routes = traffic.map(
    ({ route, variant, wantedShare }) => `${route} ${variant} ${percent(wantedShare)}`,
  )
  const words = routes.length === 0 ? 'none' : routes.join(', ')
  return draining ? `draining (${words})` : words
}

function stateOf({ ejected, health }: EndpointView): string {
  if (health.status === 'unhealthy') return `unhealthy: ${health.reason ?? 'no answer'}`
  if (ejected !== null) return `ejected until ${clock(ejected.until)}: ${ejected.reason}`
  return health.status === 'healthy' ? 'healthy' : 'in use'
}
