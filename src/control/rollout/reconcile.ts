/**
 * What a configuration means for what is remembered: which upstream is stable, and which rollouts cannot go on.
 *
 * A promoted upstream is remembered, so that a restart does not bring back the old one; the file wins when its
 * own `stable` line has changed since, because then somebody has decided anew. Always believing the file was
 * rejected (each promotion would need an edit before the next restart), never believing it too (nobody could
 * go back by hand).
 */

import type { Config, RouteConfig } from '../config/config.ts'
import type { NewEntry } from '../store/contract.ts'
import type { Stable } from '../store/fold.ts'
import { stableEntry } from './change.ts'
import type { RolloutBase } from './state.ts'

/** The entries that bring remembered stables in line with the configuration. */
export function settleStables(
  config: Config,
  stables: ReadonlyMap<string, Stable>,
  atMs: number,
): readonly NewEntry[] {
  return config.routes.flatMap((route) => {
    const known = stables.get(route.name)
    const reason = known === undefined ? null : whyFileWins(config, route, known)
    if (reason === null) return []
    return stableEntry({
      atMs,
      route: route.name,
      rollout: null,
      upstream: route.stable,
      fileStable: route.stable,
      actor: 'sluice',
      reason,
    })
  })
}

function whyFileWins(config: Config, route: RouteConfig, known: Stable): string | null {
  if (known.fileStable !== route.stable) {
    return `the configuration changed stable from "${known.fileStable}" to "${route.stable}"`
  }
  if (!config.upstreams.has(known.upstream)) {
    return `upstream "${known.upstream}" is no longer in the configuration`
  }
  return null
}

/** Why a rollout cannot have traffic under this configuration; null when it can. */
export function whyBlocked(
  config: Config,
  { route, to }: Pick<RolloutBase, 'route' | 'to'>,
): string | null {
  if (!config.routes.some(({ name }) => name === route)) {
    return `route "${route}" is not in the configuration`
  }
  if (!config.upstreams.has(to)) return `upstream "${to}" is not in the configuration`
  return null
}
