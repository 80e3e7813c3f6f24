/**
 * The side of the upstream, as an exchange needs it, and what it hears from there: an HTTP/1.1 connection of
 * its own, or one stream of an HTTP/2 session that it shares.
 */

import type { UpstreamFailure } from '../failure.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { Endpoint } from './endpoint.ts'

/** Whether a failed request may be sent again. */
export const NEVER = 0
/** It may or may not have been read: only where doing it twice does what doing it once does. */
export const IF_IDEMPOTENT = 1
/** The upstream says that it has not begun to work on it (RFC 9113 section 8.7). */
export const ALWAYS = 2

/** One request's place to go. */
export interface Upstream {
  readonly endpoint: Endpoint
  /** Whether a head can be sent now; otherwise the user hears `onConnected`. */
  readonly isConnected: boolean
  /** Bytes written that the upstream's side of the kernel has not taken. */
  readonly unsentBytes: number
  /** Whether they are more than may be held; the user hears `onUpstreamDrain` when they are gone. */
  readonly isFull: boolean
  /** Sends the head that the user has made ready; with it the end, where there is no body (`isRequestDone`). */
  sendHead(request: OutgoingRequest): void
  /** Up to `INLINE_BYTES` the bytes may be overwritten afterwards. */
  sendData(bytes: Buffer, start: number, end: number): void
  /** `trailers`: field lines, each with its line end; mostly none. In a tunnel: the client sends no more. */
  sendEnd(trailers: string): void
  /** Writes what has gathered. */
  flush(): void
  /** Reads no more of the answer until `resume`. */
  pause(): void
  resume(): void
  /** Cancels the request at once and tells nobody. */
  close(): void
}

/** The head of a request as it goes to the upstream. */
export interface OutgoingRequest {
  readonly method: string
  /** Origin form, or `*`. */
  readonly target: string
  /** All field lines, each with its line end and `host` among them, without framing and hop-by-hop fields. */
  readonly lines: string
  /** See `http1/framing.ts`. */
  readonly bodyKind: number
  /** Bytes, where `bodyKind` is `BY_LENGTH`. */
  readonly contentLength: number
  /** Whether it asks for a tunnel (WebSocket). */
  readonly isUpgrade: boolean
  /** Whether the client has said `te: trailers`. */
  readonly takesTrailers: boolean
  /** Whether the whole request has been handed over; known before the head where there is no body. */
  readonly isRequestDone: boolean
}

/** The exchange, as an upstream knows it. */
export interface UpstreamUser extends OutgoingRequest {
  /** Whether it would rather ask another endpoint where this one answers nothing to anybody; left out: no. */
  readonly isMovable?: boolean
  onConnected(): void
  /** `head` is reused: valid until this returns. */
  onInformational(head: ResponseHead): void
  /** Status 101: data goes both ways from here on, until each side has ended. */
  onSwitch(head: ResponseHead): void
  onResponseHead(head: ResponseHead): void
  /** Returns whether the bytes are still in use afterwards. */
  onResponseData(bytes: Buffer, start: number, end: number): boolean
  /** `trailers`: field lines that may be passed on, each with its line end. In a tunnel: the upstream sends no more. */
  onResponseEnd(trailers: string): void
  /** Everything that had arrived has been handed over. */
  onReadEnd(): void
  onUpstreamDrain(): void
  /** The connection or stream is gone. `retry`: `NEVER`, `IF_IDEMPOTENT` or `ALWAYS`. */
  onUpstreamFailure(reason: UpstreamFailure, retry: number): void
}
