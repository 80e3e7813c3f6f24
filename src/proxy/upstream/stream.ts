/**
 * One request on a session that it shares: an `Upstream` over one stream of node:http2.
 *
 * The answer's head is written anew as HTTP/1.1 and read by the parser that reads all heads. An answer is whole only
 * where its stream was ended by the peer, not reset or lost (see `stream-ends.ts`).
 */

import { constants, type ClientHttp2Stream } from 'node:http2'
import type { UpstreamFailure } from '../failure.ts'
import { CHUNKED } from '../http1/framing.ts'
import { INLINE_BYTES } from '../http1/outbox.ts'
import { passedTrailers } from '../http1/trailers.ts'
import type { Endpoint } from './endpoint.ts'
import { acceptLine, requestFields } from './request-fields.ts'
import { responseText, statusOf, trailerLines } from './response-text.ts'
import { Stay } from './stay.ts'
import type { UpstreamSession } from './session.ts'
import { StreamEnds } from './stream-ends.ts'
import { streamFailure } from './stream-failure.ts'
import { NEVER, type OutgoingRequest, type Upstream, type UpstreamUser } from './upstream.ts'

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM } = constants

/** Interim answers to one request; more are a protocol error. */
const INFORMATIONAL_LIMIT = 16

/** How long what is left of a tunnel may take to be written after both sides have ended. */
const LINGER_MS = 2_000

export class UpstreamStream implements Upstream {
  readonly endpoint: Endpoint
  isConnected: boolean
  readonly #session: UpstreamSession
  readonly #stay: Stay
  #user: UpstreamUser | null
  /** Null until the head is sent. */
  #stream: ClientHttp2Stream | null = null
  #ends: StreamEnds | null = null
  #sentMs = 0
  /** In a tunnel, or asking for one. */
  #isUpgrade: boolean
  #hasHead = false
  #isTunnel = false
  #informationalCount = 0
  #trailers = ''
  /** Who has been given something since it heard that that was all. */
  #unflushed: UpstreamUser | null = null

  constructor(session: UpstreamSession, user: UpstreamUser) {
    this.#session = session
    this.endpoint = session.endpoint
    this.#user = user
    this.#isUpgrade = user.isUpgrade
    this.isConnected = session.isConnected && (!this.#isUpgrade || session.allowsConnect === true)
    this.#stay = new Stay(session.endpoint)
    this.#stay.begin(session.context.nowMs)
  }

  /** Until the request is over. */
  countAsRetry(): void {
    this.#stay.countAsRetry()
  }

  /** Whether anybody waits for its answer still. */
  get isWanted(): boolean {
    return this.#user !== null
  }

  get #isReadWhole(): boolean {
    return this.#ends?.isReadWhole === true
  }

  /** Both sides have ended; what was sent last may still be on its way. */
  get #isTunnelDone(): boolean {
    return this.#isTunnel && this.#isReadWhole && this.#ends!.isEnded
  }

  get unsentBytes(): number {
    return this.#stream?.writableLength ?? 0
  }

  /** The user will hear `onUpstreamDrain`, which needs a full stream. */
  get isFull(): boolean {
    const stream = this.#stream
    if (stream === null || !stream.writableNeedDrain) return false
    return stream.writableLength > this.#session.context.table.limits.bufferBytes
  }

  /** The session is connected, or has learnt more of what the peer can. */
  onSessionReady(): void {
    if (this.isConnected || this.#user === null) return
    if (this.#isUpgrade) {
      if (this.#session.allowsConnect === null) return
      if (!this.#session.allowsConnect) return this.#fail('upgrade', NEVER)
    }
    this.isConnected = true
    this.#run((user) => user.onConnected())
  }

  sendHead(request: OutgoingRequest): void {
    const session = this.#session
    const endStream = request.isRequestDone && !request.isUpgrade
    const waitForTrailers = !endStream && request.bodyKind === CHUNKED
    this.#sentMs = session.context.nowMs
    try {
      const fields = requestFields(request, this.endpoint.secure === null ? 'http' : 'https')
      const stream = session.request(fields, { endStream, waitForTrailers })
      this.#stream = stream
      this.#ends = new StreamEnds(stream, { endStream, waitForTrailers })
      this.#listen(stream)
    } catch (error) {
      session.context.report(error)
      // Not at once: whoever sends has yet to note that it did.
      process.nextTick(() => this.#fail('internal', NEVER))
    }
  }

  sendData(bytes: Buffer, start: number, end: number): void {
    const piece = bytes.subarray(start, end)
    this.#ends?.write(piece.length <= INLINE_BYTES ? Buffer.from(piece) : piece)
  }

  sendEnd(trailers: string): void {
    this.#ends?.end(trailers)
  }

  /** node:http2 gathers what is sent in one turn of the event loop. */
  flush(): void {}

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  close(): void {
    const hadUser = this.#user !== null
    this.#user = null
    this.#stay.endWait(false, this.#session.context.nowMs)
    this.#stay.endRetry()
    const stream = this.#stream
    if (stream === null) return this.#session.leave(this)
    if (this.#isTunnelDone) {
      stream.setTimeout(LINGER_MS, () => stream.close(NGHTTP2_CANCEL))
      return
    }
    this.#ends!.reset()
    // Where it had ended on both sides already it closes when what has come is read.
    stream.resume()
    if (hadUser && !this.#hasHead) this.#session.doubt(this.#sentMs)
  }

  #listen(stream: ClientHttp2Stream): void {
    stream
      .on('headers', (_, flags, raw) => this.#onHead(raw, flags))
      .on('response', (_, flags, raw) => this.#onHead(raw, flags))
      .on('trailers', (_, _flags, raw) => this.#onTrailers(raw))
      .on('end', () => this.#onEnd())
      .on('drain', () => this.#run((user) => user.onUpstreamDrain()))
      .on('error', ignore)
      .on('close', () => this.#onClose(stream))
  }

  /** Runs a step of the user's. A bug ends the request it struck, and nothing else. */
  #run(step: (user: UpstreamUser) => void): void {
    const user = this.#user
    if (user === null) return
    try {
      step(user)
    } catch (error) {
      this.#session.context.report(error)
      this.#fail('internal', NEVER)
    }
  }

  #onHead(raw: readonly string[], flags: number): void {
    const isWhole = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    if (statusOf(raw) >= 200) this.#session.answerCount++
    this.#run((user) => this.#readHead(user, raw, isWhole))
  }

  #readHead(user: UpstreamUser, raw: readonly string[], isWhole: boolean): void {
    const { method } = user
    const stream = this.#stream!
    const switchLines = this.#isUpgrade ? switchLinesOf(user) : null
    const text = responseText(raw, { method, isWhole, switchLines })
    if (text === null || this.#session.isUnsound(stream)) return this.#fail('protocol', NEVER)
    const bytes = Buffer.from(text, 'latin1')
    const head = this.#session.context.responseHead
    if (head.parse(bytes, 0, bytes.length, method) !== bytes.length) {
      return this.#fail(head.isTooLarge ? 'headTooLarge' : 'protocol', NEVER)
    }
    head.isHttp2 = true
    this.#flushLater(user)
    // Not before: content that has come already must not go before its head.
    if (head.status === 101 || head.status >= 200) stream.on('data', this.#onData)
    if (head.status === 101 && switchLines !== null) {
      this.#hasHead = true
      this.#stay.endWait(true, this.#session.context.nowMs)
      this.#isTunnel = true
      return user.onSwitch(head)
    }
    if (head.status >= 200) {
      this.#hasHead = true
      this.#stay.endWait(true, this.#session.context.nowMs)
      return user.onResponseHead(head)
    }
    if (head.status === 101 || ++this.#informationalCount > INFORMATIONAL_LIMIT) {
      return this.#fail('protocol', NEVER)
    }
    user.onInformational(head)
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#run((user) => {
      this.#flushLater(user)
      user.onResponseData(bytes, 0, bytes.length)
    })
  }

  #flushLater(user: UpstreamUser): void {
    if (this.#unflushed === null) this.#session.flushLater(this)
    this.#unflushed = user
  }

  /** All that was read is handed over, here and on the session's other streams. */
  onReadEnd(): void {
    const user = this.#unflushed
    if (user === null) return
    this.#unflushed = null
    try {
      user.onReadEnd()
    } catch (error) {
      this.#session.context.report(error)
      this.#fail('internal', NEVER)
    }
  }

  #onTrailers(raw: readonly string[]): void {
    const lines = this.#session.isUnsound(this.#stream!) ? null : trailerLines(raw)
    if (lines === null) this.#fail('protocol', NEVER)
    else this.#trailers = passedTrailers(lines)
  }

  #onEnd(): void {
    if (!this.#isReadWhole) return
    this.#run((user) => {
      this.#unflushed = user
      this.#finish(user)
    })
    this.onReadEnd()
  }

  #finish(user: UpstreamUser): void {
    if (!this.#hasHead) return this.#fail('protocol', NEVER)
    if (this.#isTunnel) return user.onResponseEnd('')
    this.#user = null
    this.#stay.endRetry()
    const stream = this.#stream!
    // What is left of the request is of no use to a peer that has answered.
    if (!this.#ends!.isEnded || stream.writableLength > 0) this.#ends!.reset()
    user.onResponseEnd(this.#trailers)
  }

  /** The connection is about to be lost: takes what has come of an answer that is whole. */
  rescue(): void {
    const stream = this.#stream
    if (!this.#isReadWhole || this.#isTunnel || stream === null) return
    // Each piece is emitted as `data` too.
    while (this.#user !== null && stream.read() !== null);
    this.#onEnd()
  }

  /** The connection is gone, and with it all that had not come. */
  onSessionGone(): void {
    if (this.#stream !== null) return
    this.#session.leave(this)
    this.#fail(this.#session.failure ?? 'reset', NEVER)
  }

  #onClose(stream: ClientHttp2Stream): void {
    this.#session.leave(this)
    if (this.#user === null || this.#isTunnelDone) return
    const { reason, retry } = streamFailure(stream, this.#session, this.#hasHead)
    this.#fail(reason, retry)
  }

  /** As of a connection. */
  abandon(): void {
    if (this.#stay.isWaiting && this.#user?.isMovable === true) this.#fail('responseTimeout', NEVER)
  }

  #fail(reason: UpstreamFailure, retry: number): void {
    const user = this.#user
    if (user === null) return
    this.close()
    try {
      user.onUpstreamFailure(reason, retry)
    } catch (error) {
      this.#session.context.report(error)
      user.onUpstreamFailure('internal', NEVER)
    }
  }
}

function switchLinesOf(user: UpstreamUser): string {
  return `connection: upgrade\r\nupgrade: websocket\r\n${acceptLine(user.lines)}`
}

/** `close` follows, and tells. */
function ignore(): void {}
