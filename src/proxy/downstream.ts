/** The side of the client, as an exchange needs it: an HTTP/1.1 connection, or one stream of an HTTP/2 session. */

import type { Failure, RequestFault } from './failure.ts'
import type { Peer } from './forwarding.ts'
import type { ResponseHead } from './http1/response-head.ts'

export interface Downstream {
  readonly peer: Peer
  /** Bytes written that the client's side of the kernel has not taken. */
  readonly unsentBytes: number
  /** Whether they are more than may be held; the exchange hears `onDownstreamDrain` when they are gone. */
  readonly isFull: boolean
  sendInformational(head: ResponseHead): void
  /** The upstream switches to the protocol asked for: from here on data goes both ways until each side has ended. */
  sendSwitch(head: ResponseHead, extraLines: string): void
  /** `extraLines` go after the upstream's. */
  sendHead(head: ResponseHead, extraLines: string): void
  /** Returns whether the bytes are still in use afterwards. */
  sendData(bytes: Buffer, start: number, end: number): boolean
  /** `trailers`: field lines, each with its line end; mostly none. In a tunnel: the upstream sends no more. */
  sendEnd(trailers: string): void
  /** An answer of our own. */
  sendFailure(failure: Failure, answer: LocalAnswer): void
  flush(): void
  /** Reads no more of the request until `resumeRequest`. */
  pauseRequest(): void
  resumeRequest(): void
  /** The request's body is at fault: hands that back as `onRequestFault`, and goes on with no other request. */
  refuseBody(fault: RequestFault): void
  /** The answer is written; what is left of the request is the downstream's to read or refuse. */
  onExchangeEnd(): void
  /** Cuts the connection or stream, so that the client sees that the answer is not whole. */
  breakOff(): void
}

export interface LocalAnswer {
  readonly extraLines: string
  /** The client reads `grpc-status` and nothing else. */
  readonly isGrpc: boolean
}

/** A client's connection as the server keeps it: HTTP/1.1, or an HTTP/2 session with its streams. */
export interface ClientConnection {
  /** Called four times a second with the time by which deadlines are due. */
  sweep(dueMs: number): void
  /** Takes no new request, lets those under way finish, and closes then. */
  drain(): void
  destroy(): void
  /** Calls back when the connection is closed. */
  onClosed(listener: () => void): void
}
