/**
 * How a session of node:http2 ends when its peer breaks a rule or gives up (Node 26.10).
 *
 * nghttp2 tells of each frame that breaks a rule, and either resets the stream or says GOAWAY. node:http2 destroys the
 * session in both cases, and tells the peer of an internal error. So the session is kept; whoever owns it looks out
 * for the GOAWAY, and ends it then.
 *
 * And node:http2 destroys it in the middle of what nghttp2 reads, stream by stream. A stream that has ended, and whose
 * trailers have yet to go, is then gone without a reset; the next one has all sent that waits, nghttp2 asks for those
 * trailers, and the process aborts (a CHECK in `Http2Stream::OnTrailers`). A GOAWAY of the peer's is enough. So the session
 * is destroyed in the next tick; that comes after nghttp2 has read, as long as JavaScript hands it what it reads
 * (`watched-socket.ts`).
 */

import type { Http2Session } from 'node:http2'

/** `NGHTTP2_ERR_PROTO`, `_STREAM_CLOSED` and `_FLOW_CONTROL`, which node:http2 does not name. */
const BREACHES: ReadonlySet<unknown> = new Set([-505, -510, -524])

/** Without an error it is ended at once, as only its owner does. */
export function endOnlyWhenTold(session: Http2Session): void {
  const destroy = session.destroy.bind(session)
  session.destroy = (error, code) => {
    if (!(error instanceof Error)) return destroy(error, code)
    if (code === undefined && isBreach(error)) return
    process.nextTick(() => destroy(error, code))
  }
}

function isBreach(error: Error): boolean {
  return 'errno' in error && BREACHES.has(error.errno)
}
