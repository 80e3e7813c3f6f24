/**
 * When a request has to bring its body along before it is sent on.
 *
 * A body that trickles in keeps a connection to its upstream for as long as it is given, and a thousand of them keep
 * all that there may be: then nobody else is served. So where half of them are kept in this way, further requests wait
 * until their bodies are here, or enough of them to be no trickle; those that cannot wait (the client wants to hear 100
 * first, or its stream is one of many on a connection) are refused. To hold back every body, as nginx does, was
 * rejected: an upstream that answers early, or talks with its client, would hear too late of the request.
 */

import type { ThreadContext } from './context.ts'
import { RequestBody } from './http1/request-body.ts'
import type { RequestHead } from './http1/request-head.ts'

/** What a request brings along at most, chunks and all; less than one read of a socket. */
const BROUGHT_BYTES = 16 * 1024

/** Of the connections to one endpoint, the share that bodies under way may keep before others have to wait. */
const KEPT_SHARE = 0.5

/** Whether too many bodies are under way. */
export function isCrowded(context: ThreadContext): boolean {
  return context.openBodyCount >= context.table.limits.upstreamConnections * KEPT_SHARE
}

/** Whether the request brings too little of its body. `bytes`: what has come after its head. */
export function mustBringBody(head: RequestHead, bytes: Buffer): boolean {
  if (bytes.length >= BROUGHT_BYTES) return false
  const body = new RequestBody()
  body.begin(head)
  return body.read(bytes, NOWHERE) >= 0 && !body.isWhole
}

const NOWHERE = { onChunkData: (): void => undefined }

/** A body that is under way, as the crowd counts it. */
export class OpenBody {
  readonly #context: ThreadContext
  #isOpen = false

  constructor(context: ThreadContext) {
    this.#context = context
  }

  open(): void {
    this.#isOpen = true
    this.#context.openBodyCount++
  }

  /** Does nothing where none is open. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#context.openBodyCount--
  }
}
