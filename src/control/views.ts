/**
 * What the running parts look like from outside: the routes as the API shows them, the rollouts as the
 * metrics tell them, whether the process is ready.
 */

import type { RouteState } from './api/deps.ts'
import type { Config } from './config/config.ts'
import type { Engine, RouteTarget } from './rollout/engine.ts'
import type { Phase, Rollout } from './rollout/state.ts'
import type { Tallies } from './tallies.ts'
import type { ThreadPool } from './threads/pool.ts'
import type { SeriesRegistry } from './threads/routing.ts'

const ALL_BP = 10_000

/** Returns every route as it is served now, in the order of the configuration. */
export function routeStates(
  config: Config,
  targets: readonly RouteTarget[],
  counted: { readonly series: SeriesRegistry; readonly tallies: Tallies },
): RouteState[] {
  const byRoute = new Map(targets.map((target) => [target.route, target]))
  const windows = (route: string, variant: string) =>
    counted.tallies.windows(counted.series.obtain(route, variant))
  return config.routes.map(({ name, hosts, path, stable }) => {
    const target = byRoute.get(name)
    const canary = target?.canary ?? null
    return {
      name,
      hosts,
      path,
      stable: { upstream: target?.stable ?? stable, windows: windows(name, 'stable') },
      canary:
        canary === null
          ? null
          : {
              upstream: canary.upstream,
              rollout: canary.rollout,
              weightBp: canary.weightBp,
              windows: windows(name, 'canary'),
            },
    }
  })
}

export interface RolloutGauge {
  readonly route: string
  readonly rollout: string
  readonly phase: Phase
  /** The canary's share of the traffic now; all of it once promoted. */
  readonly weightBp: number
}

/** Returns the newest rollout of each route. */
export function newestRollouts(engine: Pick<Engine, 'list'>): RolloutGauge[] {
  const newest = new Map<string, RolloutGauge>()
  for (const rollout of engine.list()) {
    if (newest.has(rollout.route)) continue
    const { route, id, phase } = rollout
    newest.set(route, { route, rollout: id, phase, weightBp: shareOf(rollout) })
  }
  return [...newest.values()]
}

function shareOf(rollout: Rollout): number {
  switch (rollout.phase) {
    case 'progressing':
    case 'paused':
    case 'baking':
      return rollout.weightBp
    case 'promoted':
      return ALL_BP
    case 'blocked':
    case 'aborted':
    case 'rolledBack':
    case 'superseded':
      return 0
  }
}

/** Whether traffic is served as configured, and if not, why. */
export function readiness(pool: Pick<ThreadPool, 'threadCount' | 'liveCount'>): {
  ok: boolean
  reasons: string[]
} {
  const missingCount = pool.threadCount - pool.liveCount
  const reasons =
    missingCount === 0
      ? []
      : [`${missingCount} of ${pool.threadCount} proxy threads are being replaced`]
  return { ok: missingCount === 0, reasons }
}
