/**
 * Keeps node:http2 from ending a session for what nghttp2 answers by resetting a stream (Node 26.10).
 *
 * nghttp2 tells of each frame that breaks a rule, and either resets the stream or says GOAWAY. node:http2 destroys the
 * session in both cases, and tells the peer of an internal error. So the session is kept; whoever owns it looks out
 * for the GOAWAY, and ends it then.
 */

import type { Http2Session } from 'node:http2'

/** `NGHTTP2_ERR_PROTO`, `_STREAM_CLOSED` and `_FLOW_CONTROL`, which node:http2 does not name. */
const BREACHES: ReadonlySet<unknown> = new Set([-505, -510, -524])

export function endOnlyWhenTold(session: Http2Session): void {
  const destroy = session.destroy.bind(session)
  session.destroy = (error, code) => {
    if (code === undefined && isBreach(error)) return
    destroy(error, code)
  }
}

function isBreach(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && BREACHES.has(error.errno)
}
