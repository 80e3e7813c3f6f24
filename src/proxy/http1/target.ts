/**
 * Request targets and hosts: what is refused because two readers could take it differently.
 *
 * Paths are matched and forwarded byte for byte; nothing is normalised. So a path with a dot segment, plain
 * or percent-encoded, is refused: an upstream that resolves it would serve a path that no route was asked for.
 */

const HOST_GRAMMAR =
  /^(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})+(?::\d{0,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{0,5})?$/

/** Java servers leave out a segment's parameters before they resolve dots, so that `..;x` is `..` to them. */
const DOT_SEGMENT = /^\.\.?(?:;|$)/

let lastValidHost = ''

/** Whether the text is a host with an optional port (RFC 9110 section 7.2), not empty and without a comma or user. */
export function isValidHost(host: string): boolean {
  if (host === lastValidHost) return true
  if (!HOST_GRAMMAR.test(host)) return false
  const port = host.lastIndexOf(':')
  if (port > host.lastIndexOf(']') && Number(host.slice(port + 1)) > 65_535) return false
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

/** Returns the host without port, lower case, as routes are matched by it. */
export function hostName(host: string): string {
  const port = host.lastIndexOf(':')
  const name = port > host.lastIndexOf(']') ? host.slice(0, port) : host
  return name.toLowerCase()
}
