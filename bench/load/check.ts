/**
 * Does a proxy do the work that it is measured for? Asked before the load and again after it: a proxy that answers
 * wrongly, or has stopped splitting, gets no figure.
 */

import { findCallFault, findSecureFault, findTunnelFault } from './check-protocols.ts'
import { echoedFields, get } from './http.ts'
import type { Place, Proxy } from './proxies/proxy.ts'
import { BODIES, BROWSER_HEADERS } from './scenario.ts'

/** Users asked for, out of the load's; each asks twice. */
const ASKED_USER_COUNT = 200
/** Share of them that may be on the canary; half is expected, and this is six standard deviations to either side. */
const CANARY_SHARE = { low: 0.29, high: 0.71 }

/** Sent by a client, must not arrive. */
const REFUSED_FIELDS = {
  'x-sluice-variant': 'forged',
  'proxy-connection': 'keep-alive',
  te: 'gzip',
}

/** Returns what is wrong with the answers, as a sentence, or null. Throws when there is no answer at all. */
export async function findFault(proxy: Proxy, place: Place): Promise<string | null> {
  const checks = [findBodyFault, proxy.work === 'split' ? findSplitFault : findForwardFault]
  if (proxy.work === 'split') checks.push(findFieldFault)
  for (const check of checks) {
    const fault = await check(place.port)
    if (fault !== null) return fault
  }
  return (await findSecureFault(place)) ?? (await findCallFault(place)) ?? findTunnelFault(place)
}

async function findBodyFault(port: number): Promise<string | null> {
  for (const { path, bodyBytes } of BODIES) {
    const { status, body } = await get(port, path, BROWSER_HEADERS)
    if (status !== 200) return `${path} was answered ${status}, not 200`
    if (body.length !== bodyBytes) return `${path} came with ${body.length} bytes, not ${bodyBytes}`
  }
  return null
}

async function findForwardFault(port: number): Promise<string | null> {
  const upstream = await upstreamOf(port, 0)
  return upstream === 'stable' ? null : `user 0 was sent to ${upstream}, not to stable`
}

async function findSplitFault(port: number): Promise<string | null> {
  let canaryCount = 0
  for (let user = 0; user < ASKED_USER_COUNT; user++) {
    const upstreams = [await upstreamOf(port, user), await upstreamOf(port, user)]
    if (upstreams[0] !== upstreams[1])
      return `user ${user} was sent to ${upstreams.join(', then ')}`
    if (upstreams[0] === 'canary') canaryCount++
  }
  const share = canaryCount / ASKED_USER_COUNT
  return share >= CANARY_SHARE.low && share <= CANARY_SHARE.high
    ? null
    : `${canaryCount} of ${ASKED_USER_COUNT} users were sent to the canary, not about half`
}

/** The echo tells what arrived: forwarding fields and the variant set, forged and hop-by-hop ones gone. */
async function findFieldFault(port: number): Promise<string | null> {
  const { headers, body } = await get(port, '/echo', { ...BROWSER_HEADERS, ...REFUSED_FIELDS })
  const arrived = echoedFields(body)
  const expected: Record<string, RegExp> = {
    'x-forwarded-for': /^127\.0\.0\.1$/,
    'x-forwarded-proto': /^http$/,
    'x-forwarded-host': new RegExp(`^127\\.0\\.0\\.1:${port}$`),
    via: /^1\.1 \S/,
    'x-sluice-variant': new RegExp(`^${String(headers['x-upstream'])}$`),
    'x-sluice-rollout': /./,
    'proxy-connection': /^$/,
    te: /^$/,
  }
  const wrong = Object.entries(expected).find(([name, form]) => !form.test(arrived.get(name) ?? ''))
  return wrong === undefined
    ? null
    : `the upstream saw ${wrong[0]} "${arrived.get(wrong[0]) ?? ''}", which does not match ${wrong[1]}`
}

async function upstreamOf(port: number, user: number): Promise<string> {
  const { headers } = await get(port, '/small', { ...BROWSER_HEADERS, cookie: `session=u${user}` })
  return String(headers['x-upstream'])
}
