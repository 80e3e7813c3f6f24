/**
 * Keeps web pages away from an admin API that has no tokens.
 *
 * Without tokens the API trusts whoever reaches loopback, and any page in the operator's browser
 * does: by DNS rebinding (its own name resolves to 127.0.0.1: the Host gives it away) and by plain
 * cross-site POST (the Origin does). With tokens neither works, since a page cannot attach one
 * without a preflight, which is never granted.
 */

import { CodedError } from '../coded-error.ts'

const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/**
 * Throws `CodedError` (`forbidden`) when Host or Origin show that a foreign page may stand behind
 * the request.
 */
export function refuseForeignPages(host: string | undefined, origin: string | undefined): void {
  if (host === undefined || !LOOPBACK_HOST.test(host)) {
    throw new CodedError(
      'forbidden',
      `Without tokens the API answers only to loopback names such as localhost, but Host is "${host ?? ''}"; configure control.tokens to use another name`,
    )
  }
  if (origin === undefined || isSameOrigin(host, origin)) return
  throw new CodedError(
    'forbidden',
    `Without tokens the API takes no requests from other web pages, but Origin is "${origin}"`,
  )
}

/**
 * Whether a listener on `host` (a name or an address, without port) can be reached from this
 * machine alone.
 */
export function isLoopback(host: string): boolean {
  return host === '::1' || LOOPBACK_HOST.test(host)
}

function isSameOrigin(host: string, origin: string): boolean {
  const page = URL.parse(origin)
  const own = URL.parse(`http://${host}`)
  return page !== null && own !== null && page.origin === own.origin
}
