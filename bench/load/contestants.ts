/** Who takes part, and how it stands with each: absent, failed, or started and answering as it should. */

import { findFault } from './check.ts'
import { freePorts, makeFolder, startChild, stopChild } from './children.ts'
import { untilAnswered } from './http.ts'
import { haproxy, haproxySplice } from './proxies/haproxy.ts'
import { nginx } from './proxies/nginx.ts'
import { nodeProxies } from './proxies/node.ts'
import type { Proxy } from './proxies/proxy.ts'
import { sluice } from './proxies/sluice.ts'
import type { Started } from './rounds.ts'
import type { Scenario } from './scenario.ts'
import type { Upstream } from './upstream.ts'

export interface Standing {
  readonly name: string
  readonly work: Proxy['work']
  /** Null where it is not installed. */
  readonly version: string | null
  readonly state: 'started' | 'absent' | 'failed'
  /** Why it failed, a sentence. */
  readonly fault: string | null
}

/**
 * Returns the proxies that take part in one of the scenarios, those of `only` (null: all). Throws on a name that
 * there is not. `profileFolder`: see `sluice`.
 */
export function chooseProxies(
  only: readonly string[] | null,
  scenarios: readonly Scenario[],
  profileFolder: string | null,
): Proxy[] {
  const all = [sluice(profileFolder), haproxy, haproxySplice, nginx, ...nodeProxies]
  const names = all.map(({ name }) => name)
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new Error(`--only: unknown proxy "${unknown}"; there are ${names.join(', ')}`)
  }
  return all
    .filter(({ name }) => only?.includes(name) ?? true)
    .filter((proxy) => scenarios.some(({ name }) => proxy.scenarios.includes(name)))
}

/** Starts one proxy and checks its answers; `started` is null where it is absent or failed. */
export async function startProxy(
  proxy: Proxy,
  { stablePort, canaryPort }: Upstream,
  core: number | null,
): Promise<{ readonly standing: Standing; readonly started: Started | null }> {
  const version = proxy.version()
  const standing = { name: proxy.name, work: proxy.work, version, fault: null }
  if (version === null) return { standing: { ...standing, state: 'absent' }, started: null }

  const [port = 0, controlPort = 0] = await freePorts(2)
  const place = { port, controlPort, stablePort, canaryPort, folder: makeFolder() }
  const child = await startChild(proxy.name, proxy.command(place), core)
  try {
    await untilAnswered(child, port, '/small')
    await proxy.prepare?.(place, child)
    const fault = await findFault(proxy, port)
    if (fault !== null) throw new Error(fault)
    return { standing: { ...standing, state: 'started' }, started: { proxy, child, port } }
  } catch (error) {
    await stopChild(child)
    return { standing: { ...standing, state: 'failed', fault: sentence(error) }, started: null }
  }
}

/** After the load: does each still answer as it should? Returns what is wrong, by name. */
export async function findLateFaults(started: readonly Started[]): Promise<Map<string, string>> {
  const faults = await Promise.all(
    started.map(async ({ proxy, port }) => {
      const fault = await findFault(proxy, port).catch(sentence)
      return fault === null ? [] : [[proxy.name, `after the load, ${fault}`] as const]
    }),
  )
  return new Map(faults.flat())
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
