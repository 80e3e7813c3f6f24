/**
 * Addresses of a configuration that get in each other's way: two that listen on one port, an endpoint twice, and
 * an endpoint that is the proxy itself. Without DNS: names are only compared as text.
 */

import {
  type Address,
  collide,
  formatAddress,
  isLoopback,
  readEndpoint,
  readListenHost,
} from './address.ts'
import { CONTROL_HOST, CONTROL_PORT } from './defaults.ts'
import { formatPath, type Path } from './fault.ts'
import { attempt, type Found, get, isMap, items } from './lookup.ts'

type Complain = (path: Path, message: string) => void

export function checkClashes(value: unknown, complain: Complain): void {
  const taken: Found<Address>[] = []
  for (const found of listenAddresses(value)) {
    const rival = taken.find((other) => collide(other.value, found.value))
    if (rival === undefined) taken.push(found)
    else {
      const [ours, theirs] = [found, rival].map((each) => formatAddress(each.value))
      complain([...found.path, 'port'], `${ours} is taken by ${formatPath(rival.path)}, ${theirs}`)
    }
  }
  const upstreams = get(value, 'upstreams')
  for (const name of isMap(upstreams) ? Object.keys(upstreams) : []) {
    checkEndpoints(items(value, ['upstreams', name, 'endpoints']), taken, complain)
  }
}

function listenAddresses(value: unknown): readonly Found<Address>[] {
  const control = get(value, 'control')
  const admin = {
    host: get(control, 'host') ?? CONTROL_HOST,
    port: get(control, 'port') ?? CONTROL_PORT.default,
  }
  return [...items(value, ['proxy', 'listeners']), { path: ['control'], value: admin }].flatMap(
    (found) => {
      const host = attempt(readListenHost, get(found.value, 'host'))
      const port = Number(get(found.value, 'port'))
      return host === undefined || !Number.isInteger(port)
        ? []
        : [{ path: found.path, value: { host, port } }]
    },
  )
}

function checkEndpoints(
  endpoints: readonly Found<unknown>[],
  taken: readonly Found<Address>[],
  complain: Complain,
): void {
  const firsts = new Map<string, Path>()
  for (const found of endpoints) {
    const path = isMap(found.value) ? [...found.path, 'url'] : found.path
    const address = attempt(readEndpoint, isMap(found.value) ? found.value['url'] : found.value)
    if (address === undefined) continue
    const endpoint = formatAddress(address)
    const first = firsts.get(endpoint)
    if (first === undefined) firsts.set(endpoint, path)
    else complain(path, `${endpoint} stands already at ${formatPath(first)}`)
    const own = isLoopback(address.host) && taken.find((other) => collide(other.value, address))
    if (own)
      complain(path, `${endpoint} is ${formatPath(own.path)} itself; requests would go in circles`)
  }
}
