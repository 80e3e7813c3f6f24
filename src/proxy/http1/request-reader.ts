/**
 * Reads the requests of one connection, one after the other, out of bytes as they come. Hot.
 *
 * Pipelined requests wait in `#rest` (bounded by one read, since the socket is paused meanwhile), so there is
 * never more than one request under way. What becomes of it, and of the connection, is the taker's to say.
 */

import type { Socket } from 'node:net'
import type { ThreadContext } from '../context.ts'
import { isCrowded, mustBringBody } from '../crowd.ts'
import type { RequestFault } from '../failure.ts'
import type { ChunkSink } from './chunked.ts'
import { NO_BODY } from './framing.ts'
import { INLINE_BYTES } from './outbox.ts'
import type { Patience } from './patience.ts'
import { RequestBody } from './request-body.ts'
import type { RequestHead } from './request-head.ts'

const LF = 0x0a

const HEAD = 0
const BODY = 1
/** The request is whole; the exchange works on it. */
const BUSY = 2
/** The answer was given before the body was read: the rest of it is thrown away. */
const DISCARDING = 3
/** What is read belongs to a tunnel. */
const TUNNEL = 4
/** What is read is thrown away; the last answer drains. */
const CLOSING = 5

/** Who works on the requests. */
export interface RequestTaker {
  /** Whether body bytes can be taken now. */
  readonly takesBody: boolean
  /** Whether too much of earlier answers waits to be written for another request to begin. */
  readonly isFull: boolean
  onHead(head: RequestHead): void
  onBodyData(bytes: Buffer, start: number, end: number): void
  /** `trailers`: field lines. */
  onBodyEnd(trailers: string): void
  /** What waits is no head that is taken. */
  onHeadFault(fault: RequestFault): void
  refuseBody(fault: RequestFault): void
  /** All that was thrown away has come. */
  onDiscarded(): void
  /** All that had arrived has been taken, as far as it could be. */
  onReadEnd(): void
  onBug(error: unknown): void
}

export class RequestReader implements ChunkSink {
  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #taker: RequestTaker
  readonly #patience: Patience
  readonly #body = new RequestBody()

  #state = HEAD
  /** Bytes that have arrived and wait: the beginning of a head, or what is pipelined. */
  #rest: Buffer | null = null
  #isReading = false
  /** The socket is not read: something waits that cannot be taken, or the upstream does not keep up. */
  #isPaused = false
  #isHeld = false
  /** Of the present body, so far. */
  #bodyBytes = 0

  constructor(
    context: ThreadContext,
    socket: Socket,
    { taker, patience }: { taker: RequestTaker; patience: Patience },
  ) {
    this.#context = context
    this.#socket = socket
    this.#taker = taker
    this.#patience = patience
  }

  /** Whether nothing has come since the last request. */
  get isIdle(): boolean {
    return this.#state === HEAD && this.#rest === null
  }

  get isAtHead(): boolean {
    return this.#state === HEAD
  }

  get isTunnel(): boolean {
    return this.#state === TUNNEL
  }

  get isClosing(): boolean {
    return this.#state === CLOSING
  }

  /** Whether so much of a body is to come that it is not worth the wait. */
  get isRestLong(): boolean {
    return this.#state === BODY && !this.#body.isRestShort
  }

  /** What waits, for the log; as latin1, and `byteCount` bytes of it at most. */
  shown(byteCount: number): string {
    return this.#rest?.toString('latin1', 0, byteCount) ?? ''
  }

  /** The bytes may be shared: small ones are used up or copied before this returns, large ones are copied first. */
  receive(bytes: Buffer, byteCount: number): void {
    if (this.#state === CLOSING) return
    const read = bytes.subarray(0, byteCount)
    this.#add(byteCount > INLINE_BYTES ? Buffer.from(read) : read)
    if (this.#rest !== null && this.#rest.buffer === bytes.buffer)
      this.#rest = Buffer.from(this.#rest)
  }

  #add(bytes: Buffer): void {
    if (this.#rest === null) {
      this.#rest = bytes
    } else {
      this.#rest = Buffer.concat([this.#rest, bytes])
      if (this.#isHeadStillCut(bytes)) return
    }
    this.#read()
  }

  /** A head that comes byte by byte is looked at once a line, not once a byte. */
  #isHeadStillCut(bytes: Buffer): boolean {
    return (
      this.#state === HEAD &&
      this.#patience.hasHeadBegun &&
      !this.#patience.isHeldBack &&
      !bytes.includes(LF) &&
      this.#rest!.length < this.#context.table.limits.headBytes
    )
  }

  /** A bug ends the connection it struck, and nothing else. */
  #read(): void {
    try {
      this.#readRest()
    } catch (error) {
      this.#taker.onBug(error)
    }
  }

  /** Takes as much as can be taken of what has arrived. Not reentrant: answers given at once come back here. */
  #readRest(): void {
    if (this.#isReading) return
    this.#isReading = true
    while (this.#rest !== null && this.#step()) {
      // each step takes a head or a piece of a body
    }
    this.#isReading = false
    this.#taker.onReadEnd()
    this.#updateReading()
  }

  /** Returns whether there may be more to do. */
  #step(): boolean {
    switch (this.#state) {
      case HEAD:
        return !this.#taker.isFull && this.#readHead()
      case BODY:
        return this.#taker.takesBody && this.#readBody()
      case DISCARDING:
        return this.#readBody()
      case TUNNEL:
        return this.#taker.takesBody && this.#readTunnel()
      case CLOSING:
        this.#rest = null
        return false
      default:
        return false
    }
  }

  #readHead(): boolean {
    const bytes = this.#rest!
    const head = this.#context.requestHead
    const headEnd = head.parse(bytes, 0, bytes.length)
    if (headEnd === 0) {
      this.#patience.awaitHead()
      return false
    }
    if (headEnd < 0) {
      this.#taker.onHeadFault(head.fault)
      return false
    }
    if (head.bodyKind !== NO_BODY && isCrowded(this.#context)) {
      if (mustBringBody(head, bytes.subarray(headEnd))) return this.#delay(head, bytes.length)
    }
    this.#patience.end()
    this.#rest = headEnd === bytes.length ? null : bytes.subarray(headEnd)
    this.#bodyBytes = 0
    this.#body.begin(head)
    this.#state = head.bodyKind === NO_BODY ? BUSY : BODY
    this.#taker.onHead(head)
    if (this.#state === BODY && this.#body.isWhole) this.#finishBody()
    return true
  }

  /** Who waits to be asked for a body brings none. */
  #delay(head: RequestHead, byteCount: number): false {
    if (head.expectsContinue) this.#taker.onHeadFault('crowded')
    else this.#patience.awaitBody(byteCount)
    return false
  }

  #readBody(): boolean {
    const bytes = this.#rest!
    const end = this.#body.read(bytes, this)
    if (end < 0) {
      this.#taker.refuseBody('badChunk')
      return false
    }
    this.#rest = end === bytes.length ? null : bytes.subarray(end)
    if (this.#body.isWhole) this.#finishBody()
    return true
  }

  onChunkData(bytes: Buffer, start: number, end: number): void {
    if (this.#state !== BODY) return
    this.#bodyBytes += end - start
    const limit = this.#context.table.limits.bodyBytes
    if (limit > 0 && this.#bodyBytes > limit) this.#taker.refuseBody('bodyTooLarge')
    else this.#taker.onBodyData(bytes, start, end)
  }

  #finishBody(): void {
    if (this.#state === DISCARDING) {
      this.#taker.onDiscarded()
    } else if (this.#state === BODY) {
      this.#state = BUSY
      this.#taker.onBodyEnd(this.#body.trailers)
    }
  }

  #readTunnel(): boolean {
    const bytes = this.#rest!
    this.#rest = null
    this.#taker.onBodyData(bytes, 0, bytes.length)
    return false
  }

  #updateReading(): void {
    const mustPause = this.#isHeld || (this.#rest !== null && !this.#takesRest())
    if (mustPause === this.#isPaused) return
    this.#isPaused = mustPause
    if (mustPause) this.#socket.pause()
    else this.#socket.resume()
  }

  /** Whether what waits in `#rest` needs no more than further bytes. */
  #takesRest(): boolean {
    if (this.#state === HEAD) return !this.#taker.isFull
    return this.#state === DISCARDING || this.#state === CLOSING
  }

  /** The upstream does not keep up. */
  hold(): void {
    this.#isHeld = true
    this.#updateReading()
  }

  release(): void {
    if (this.#state === CLOSING) return
    this.#isHeld = false
    this.goOn()
  }

  /** What could not be taken before may be taken now. */
  goOn(): void {
    if (this.#rest === null) this.#updateReading()
    else this.#read()
  }

  /** As `goOn`, for a request that waits for its body where bodies are many. */
  retryHeldBack(): void {
    if (this.#patience.isHeldBack && !isCrowded(this.#context)) this.#read()
  }

  /** The request has been answered: what is left of it is thrown away. Returns whether nothing is. */
  finish(): boolean {
    if (this.#state === BUSY || this.#body.isWhole) return true
    this.#state = DISCARDING
    this.#isHeld = false
    this.#patience.awaitRest()
    return false
  }

  awaitNext(): void {
    this.#state = HEAD
    this.#isHeld = false
    this.#patience.awaitNext()
  }

  startTunnel(): void {
    this.#state = TUNNEL
  }

  /** Whatever comes from now on is thrown away. */
  close(): void {
    this.#state = CLOSING
    this.#rest = null
    this.#isHeld = false
  }
}
