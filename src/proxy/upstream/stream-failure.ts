/** What it means that a stream of HTTP/2 has closed before its answer was whole, and whether the request may be sent again. */

import { constants, type ClientHttp2Stream } from 'node:http2'
import type { UpstreamFailure } from '../failure.ts'
import type { UpstreamSession } from './session.ts'
import { ALWAYS, IF_IDEMPOTENT, NEVER } from './upstream.ts'

export interface StreamFailure {
  readonly reason: UpstreamFailure
  /** `NEVER`, `IF_IDEMPOTENT` or `ALWAYS`. */
  readonly retry: number
}

/** Codes with which an answer that breaks the rules is reset, by us or by the peer. */
const PROTOCOL_CODES: ReadonlySet<number> = new Set([
  constants.NGHTTP2_COMPRESSION_ERROR,
  constants.NGHTTP2_FLOW_CONTROL_ERROR,
  constants.NGHTTP2_FRAME_SIZE_ERROR,
  constants.NGHTTP2_HTTP_1_1_REQUIRED,
  constants.NGHTTP2_PROTOCOL_ERROR,
])

/** `hasHead`: the final head has been passed on. */
export function streamFailure(
  stream: ClientHttp2Stream,
  session: UpstreamSession,
  hasHead: boolean,
): StreamFailure {
  const code = stream.rstCode
  if (hasHead) return { reason: session.failure ?? 'incomplete', retry: NEVER }
  // RFC 9113 section 8.7.
  if (code === constants.NGHTTP2_REFUSED_STREAM || session.isLeftOut(stream)) {
    return { reason: 'reset', retry: ALWAYS }
  }
  if (!session.isGone) {
    return { reason: PROTOCOL_CODES.has(code) ? 'protocol' : 'reset', retry: NEVER }
  }
  // As with a kept connection of HTTP/1.1: the peer may have closed it before it read the request.
  const retry = session.answerCount > 0 ? IF_IDEMPOTENT : NEVER
  return { reason: session.failure ?? 'reset', retry }
}
