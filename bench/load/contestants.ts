/** Who takes part, and how it stands with each: absent, failed, or started and answering as it should. */

import { join } from 'node:path'
import { findFault } from './check.ts'
import { freePorts, makeFolder, startChild, stopChild } from './children.ts'
import { untilAnswered } from './http.ts'
import { CERTIFICATES } from './https.ts'
import { haproxy, haproxySplice } from './proxies/haproxy.ts'
import { nginx } from './proxies/nginx.ts'
import { nodeProxies } from './proxies/node.ts'
import type { Place, Proxy, SecureProtocol, Tls } from './proxies/proxy.ts'
import { sluice, sluiceBeside } from './proxies/sluice.ts'
import type { Started } from './rounds.ts'
import { type Protocol, type Scenario, isSecure } from './scenario.ts'
import type { Upstream } from './upstream.ts'

/** The tests' own: ECDSA on P-256, for 127.0.0.1 too. */
const IDENTITY: Pick<Tls, 'certFile' | 'keyFile'> = {
  certFile: join(CERTIFICATES, 'a.example.cert.pem'),
  keyFile: join(CERTIFICATES, 'a.example.key.pem'),
}

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
  const beside = sluiceBeside(profileFolder)
  const all = [sluice(profileFolder), haproxy, haproxySplice, nginx, ...nodeProxies, ...beside]
  const names = all.map(({ name }) => name)
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new Error(`--only: unknown proxy "${unknown}"; there are ${names.join(', ')}`)
  }
  return all
    .filter(({ name }) => only?.includes(name) ?? true)
    .filter((proxy) => scenarios.some(({ name }) => proxy.scenarios.includes(name)))
}

/** What a proxy is started between. */
interface Surroundings {
  readonly upstream: Upstream
  readonly scenarios: readonly Scenario[]
  /** Null: any. */
  readonly core: number | null
}

/** Starts one proxy for these scenarios and checks its answers; `started` is null where it is absent or failed. */
export async function startProxy(
  proxy: Proxy,
  { upstream, scenarios, core }: Surroundings,
): Promise<{ readonly standing: Standing; readonly started: Started | null }> {
  const version = proxy.version()
  const standing = { name: proxy.name, work: proxy.work, version, fault: null }
  if (version === null) return { standing: { ...standing, state: 'absent' }, started: null }

  const own = scenarios.filter(({ name }) => proxy.scenarios.includes(name))
  const place = await findPlace(own, upstream)
  const child = await startChild(proxy.name, proxy.command(place), core)
  try {
    await untilAnswered(child, place.port, '/small')
    await proxy.prepare?.(place, child)
    const fault = await findFault(proxy, place)
    if (fault !== null) throw new Error(fault)
    return { standing: { ...standing, state: 'started' }, started: { proxy, child, place } }
  } catch (error) {
    await stopChild(child)
    return { standing: { ...standing, state: 'failed', fault: sentence(error) }, started: null }
  }
}

/** A place with what these scenarios need. */
async function findPlace(scenarios: readonly Scenario[], upstream: Upstream): Promise<Place> {
  const speaks = (one: Protocol): boolean => scenarios.some(({ protocol }) => protocol === one)
  const protocols: SecureProtocol[] = speaks('tls') ? ['HTTP/1.1'] : []
  if (speaks('http2')) protocols.push('HTTP/2')
  const [port = 0, controlPort = 0, tlsPort = 0] = await freePorts(3)
  return {
    port,
    controlPort,
    stablePort: upstream.stablePort,
    canaryPort: upstream.canaryPort,
    tls: scenarios.some(isSecure) ? { ...IDENTITY, port: tlsPort, protocols } : null,
    echoPort: speaks('websocket') ? upstream.echoPort : null,
    grpcPort: speaks('grpc') ? upstream.grpcPort : null,
    folder: makeFolder(),
  }
}

/** After the load: does each still answer as it should? Returns what is wrong, by name. */
export async function findLateFaults(started: readonly Started[]): Promise<Map<string, string>> {
  const faults = await Promise.all(
    started.map(async ({ proxy, place }) => {
      const fault = await findFault(proxy, place).catch(sentence)
      return fault === null ? [] : [[proxy.name, `after the load, ${fault}`] as const]
    }),
  )
  return new Map(faults.flat())
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
