/**
 * Request targets and hosts: what is refused because two readers could take it differently.
 *
 * Paths are matched and forwarded byte for byte; nothing is normalised. So a path with a dot segment, plain
 * or percent-encoded, is refused: an upstream that resolves it would serve a path that no route was asked for.
 */

import { isIPv6 } from 'node:net'

const NAME_AND_PORT = /^(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+(?::\d{0,5})?$/
const IPV6_AND_PORT = /^\[([0-9A-Fa-f:.]+)\](?::\d{0,5})?$/
const PORT_LIMIT = 65_535

/** Java servers leave out a segment's parameters before they resolve dots, so that `..;x` is `..` to them. */
const DOT_SEGMENT = /^\.\.?(?:;|$)/

let lastValidHost = ''

/** Whether the text is a host with an optional port (RFC 9110 section 7.2), not empty and without a comma or user. */
export function isValidHost(host: string): boolean {
  if (host === lastValidHost) return true
  if (!NAME_AND_PORT.test(host) && !isIPv6(IPV6_AND_PORT.exec(host)?.[1] ?? '')) return false
  const port = portStart(host)
  if (port >= 0 && Number(host.slice(port)) > PORT_LIMIT) return false
  lastValidHost = host
  return true
}

/**
 * Splits `http://host/path?query` into the Host to send and the target in origin form, which is empty where
 * there is neither path nor query. Returns null if it is malformed.
 */
export function splitAbsoluteForm(target: string): { host: string; target: string } | null {
  const match = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(target)
  if (match === null) return null
  const [, host = '', rest = ''] = match
  if (!isValidHost(host)) return null
  return { host, target: rest.startsWith('?') ? `/${rest}` : rest }
}

/** Whether a target in origin form has no fragment, and a path without dot segments. Hot: the common case is four searches. */
export function isTargetSafe(target: string): boolean {
  if (target.includes('#')) return false
  if (!target.includes('/.') && !target.includes('%') && !target.includes('\\')) return true
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  const segments = path
    .replaceAll(/%2e/gi, '.')
    .replaceAll(/%2f|%5c|\\/gi, '/')
    .split('/')
  return !segments.some((segment) => DOT_SEGMENT.test(segment))
}

/** Returns the host as routes are matched by it: lower case, without port and without the dot of the DNS root. */
export function hostName(host: string): string {
  const port = portStart(host)
  const name = port < 0 ? host : host.slice(0, port - 1)
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase()
}

/** Returns where the digits of the port begin, or -1 without a port. */
function portStart(host: string): number {
  const colon = host.lastIndexOf(':')
  return colon > host.lastIndexOf(']') ? colon + 1 : -1
}
