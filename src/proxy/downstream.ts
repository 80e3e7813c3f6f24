/** The side of the client, as an exchange needs it: an HTTP/1.1 connection, and HTTP/2 streams to come. */

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
  /** `extraLines` go after the upstream's. */
  sendHead(head: ResponseHead, extraLines: string): void
  /** Returns whether the bytes are still in use afterwards. */
  sendData(bytes: Buffer, start: number, end: number): boolean
  sendEnd(): void
  /** An answer of our own. */
  sendFailure(failure: Failure, extraLines: string): void
  flush(): void
  /** Reads no more of the request until `resumeRequest`. */
  pauseRequest(): void
  resumeRequest(): void
  /** The request's body is at fault: hands that back as `onRequestFault`, and goes on with no other request. */
  refuseBody(fault: RequestFault): void
  /** The answer is written; what is left of the request is the downstream's to read or refuse. */
  onExchangeEnd(): void
  /** Cuts the connection, so that the client sees that the answer is not whole. */
  breakOff(): void
}
