/**
 * A client's HTTP/2 connection: its settings, its streams, its end, and what guards it against abuse.
 *
 * nghttp2, under node:http2, keeps the protocol: frames, flow control, header compression, and limits on acknowledgements
 * that pile up, on continuations and on invalid frames. Here is what it does not bound, each with an allowance: frames
 * that cost work and bring nothing (SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA), and streams that are reset
 * before they are answered, whether the client resets them or makes us do it.
 */

import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { ClientConnection } from '../downstream.ts'
import type { Peer } from '../forwarding.ts'
import { recordUnread } from '../outcome.ts'
import { Allowance } from './allowance.ts'
import { endOnlyWhenTold } from './breach.ts'
import { type FrameListener, FrameWatch, PREFACE_BYTES } from './frame-watch.ts'
import { RequestText } from './request-text.ts'
import { errorName, type SentListener, SentWatch } from './sent-watch.ts'
import { ClientStream, type StreamOwner } from './stream.ts'
import { WatchedSocket } from './watched-socket.ts'

/** Of a client's request, held for an upstream that does not keep up; and as much again on its way. */
const STREAM_WINDOW_BYTES = 64 * 1024
/** Of all the requests of a session. */
const SESSION_WINDOW_BYTES = 1024 * 1024
/** Unsent bytes that a stream may hold at least, however many there are. */
const STREAM_BUFFER_BYTES = 16 * 1024
/** Pseudo-header fields, and cookies in pieces, beyond the fields that a request may have. */
const EXTRA_FIELDS = 32
/** What a field counts beyond its bytes (RFC 9113 section 6.5.2). */
const FIELD_OVERHEAD_BYTES = 32
/** Streams beyond the limit. */
const REJECTED_LIMIT = 100
/** Frames that break a rule but not the connection: beyond our count of the resets that follow. */
const INVALID_FRAME_LIMIT = 1_000

/** Streams reset by the client or for its fault; each one whose answer has begun gives one back. */
const RESETS = { burst: 200, perSecond: 33 }
/** Of nghttp2's own count, which gives none back: beyond ours. */
const NGHTTP2_RESETS = { burst: 10_000, perSecond: 1_000 }
/** Frames that cost work and bring nothing. */
const CONTROL_FRAMES = { burst: 1_000, perSecond: 100 }
/** Such frames that each stream, and each KiB sent, may bring along: mostly WINDOW_UPDATE. */
const FRAMES_PER_STREAM = 4
const FRAMES_PER_SENT_BYTE = 1 / 1024
/** A server's side begins with its first frame. */
const NO_PREFACE = 0
/** An empty DATA frame counts as so many: there is no use for it. */
const EMPTY_DATA_FRAMES = 10
/** Streams that were found to be malformed and did not come to be. */
const UNSOUND_LIMIT = 1_000

/** Errors of nghttp2: acknowledgements pile up; a limit of node:http2 is reached. */
const FLOODED = -904
const TOO_MANY = -902

/** From the first GOAWAY to the second, where the client does not answer a PING. */
const NOTICE_MS = 1_000
/** How long a session that is closed waits for the client to close too. */
const LINGER_MS = 2_000
/**
 * A GOAWAY without error that names the last stream there can be (RFC 9113 section 6.8). Ready made, since the one that
 * node:http2 sends has nghttp2 take no more streams, whatever it says.
 */
const NOTICE = Buffer.from('0000080700000000007fffffff00000000', 'hex')

/** Codes with which streams are reset that are no fault of the client's. */
const OUR_RESETS: ReadonlySet<number> = new Set([
  constants.NGHTTP2_NO_ERROR,
  constants.NGHTTP2_INTERNAL_ERROR,
  constants.NGHTTP2_CANCEL,
  constants.NGHTTP2_REFUSED_STREAM,
])

export class Http2Session implements ClientConnection, StreamOwner, FrameListener, SentListener {
  readonly peer: Peer
  readonly requestText: RequestText = new RequestText()
  readonly #context: ThreadContext
  readonly #socket: Socket
  readonly #watched: WatchedSocket
  readonly #session: ServerHttp2Session
  readonly #streams = new Map<number, ClientStream>()
  readonly #resets: Allowance
  readonly #controlFrames: Allowance
  readonly #watch: FrameWatch = new FrameWatch(this, PREFACE_BYTES)
  readonly #sentWatch: SentWatch = new SentWatch(this, NO_PREFACE)
  /** While there are no streams, or while it closes. */
  #deadlineMs: number
  #isDraining = false
  #closesAtMs = Infinity
  #isRefused = false
  #creditedBytes = 0
  /** Streams with a malformed field, by number. */
  readonly #unsound = new Set<number>()

  /** `socket` is connected, TLS included; nothing has been read from it that was not put back. */
  constructor(context: ThreadContext, peer: Peer, socket: Socket) {
    const { limits, timeouts } = context.table
    this.peer = peer
    this.#context = context
    this.#socket = socket
    this.#resets = new Allowance({ ...RESETS, nowMs: context.nowMs })
    this.#controlFrames = new Allowance({ ...CONTROL_FRAMES, nowMs: context.nowMs })
    this.#deadlineMs = context.nowMs + timeouts.headMs
    if (context.table.tellsRefusals) this.#watch.keepLiterals()
    this.#watched = new WatchedSocket(socket, {
      onRead: (bytes) => this.#onBytes(bytes),
      onWrite: (bytes) => this.#sentWatch.read(bytes),
    })
    this.#session = performServerHandshake(this.#watched, {
      maxHeaderListPairs: limits.headerCount + EXTRA_FIELDS,
      maxSessionInvalidFrames: INVALID_FRAME_LIMIT,
      maxSessionRejectedStreams: REJECTED_LIMIT,
      streamResetBurst: NGHTTP2_RESETS.burst,
      streamResetRate: NGHTTP2_RESETS.perSecond,
      strictSingleValueFields: false,
      settings: {
        enablePush: false,
        enableConnectProtocol: true,
        maxConcurrentStreams: limits.streams,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize:
          limits.headBytes + FIELD_OVERHEAD_BYTES * (limits.headerCount + EXTRA_FIELDS),
      },
    })
    endOnlyWhenTold(this.#session)
    this.#session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    this.#session
      .on('stream', (stream, _fields, flags, raw) => this.#onStream(stream, flags, raw))
      .on('error', (error) => this.#onError(error))
      .on('close', () => this.#onClose())
    context.tally[THREAD.accepted]!++
    if (context.isDraining) this.drain()
  }

  /** Unsent bytes that each stream may hold: together about as many as one HTTP/1.1 connection. */
  get bufferBytes(): number {
    const { bufferBytes } = this.#context.table.limits
    return Math.max(STREAM_BUFFER_BYTES, bufferBytes / Math.max(1, this.#streams.size))
  }

  onClosed(listener: () => void): void {
    this.#session.once('close', listener)
  }

  #onStream(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    const isWhole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const opened = new ClientStream(this.#context, this, { stream, isWhole })
    this.#streams.set(stream.id!, opened)
    opened.begin(raw)
    this.#controlFrames.give(FRAMES_PER_STREAM)
  }

  /** Looks at what the client sends; returns whether nghttp2 gets it. */
  #onBytes(bytes: Buffer): boolean {
    try {
      this.#watch.read(bytes)
    } catch (error) {
      this.#context.report(error)
      this.destroy()
    }
    return !this.#isRefused
  }

  onControlFrame(): void {
    this.#spendControl(1)
  }

  onEmptyData(): void {
    this.#spendControl(EMPTY_DATA_FRAMES)
  }

  #spendControl(amount: number): void {
    const { nowMs } = this.#context
    if (this.#controlFrames.take(amount, nowMs)) return
    const { bytesWritten } = this.#socket
    this.#controlFrames.give((bytesWritten - this.#creditedBytes) * FRAMES_PER_SENT_BYTE)
    this.#creditedBytes = bytesWritten
    if (!this.#controlFrames.take(amount, nowMs)) this.#refuse('control frames')
  }

  onReset(): void {
    if (!this.#resets.take(1, this.#context.nowMs)) this.#refuse('streams reset')
  }

  onUnsoundFields(streamId: number): void {
    this.#unsound.add(streamId)
    if (this.#unsound.size > UNSOUND_LIMIT) this.#refuse('malformed fields')
  }

  onSkippedStream(): void {
    this.#end('protocol', 'stream numbers go back', constants.NGHTTP2_PROTOCOL_ERROR)
  }

  takeUnsound(streamId: number | undefined): boolean {
    return this.#unsound.size > 0 && streamId !== undefined && this.#unsound.delete(streamId)
  }

  foundIn(streamId: number | undefined): string {
    return this.#watch.saidBy(streamId)
  }

  onStreamClosed(streamId: number, wasOfUse: boolean): void {
    this.#streams.delete(streamId)
    if (this.#streams.size === 0) this.#armDeadline()
    if (wasOfUse) this.#resets.give(1)
  }

  /** nghttp2 has found a request malformed, or the content of one; mostly before there is a stream. Not at once, as it is still writing. */
  onResetSent(streamId: number, code: number): void {
    if (!OUR_RESETS.has(code)) process.nextTick(() => this.#onFault(streamId, code))
  }

  #onFault(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) this.#recordUnread(streamId, code)
    else stream.onBreach()
    this.onReset()
  }

  #recordUnread(streamId: number, code: number): void {
    const isTooMuch = code === constants.NGHTTP2_ENHANCE_YOUR_CALM
    const found = this.#watch.saidBy(streamId) || errorName(code)
    recordUnread(this.#context, this.peer, {
      fault: isTooMuch ? 'headTooLarge' : 'malformed',
      found,
    })
  }

  /** Not at once, as nghttp2 is still writing. */
  onGoawaySent(code: number): void {
    if (code === constants.NGHTTP2_NO_ERROR || this.#session.destroyed) return
    process.nextTick(() => this.#end('protocol', errorName(code), code))
  }

  #armDeadline(): void {
    const isClosing = this.#session.closed || this.#session.destroyed
    const { nowMs, table } = this.#context
    this.#deadlineMs = nowMs + (isClosing ? LINGER_MS : table.timeouts.idleMs)
  }

  sweep(dueMs: number): void {
    for (const stream of this.#streams.values()) stream.sweep(dueMs)
    if (this.#closesAtMs <= dueMs) this.#close()
    if (this.#streams.size > 0 || this.#deadlineMs > dueMs) return
    if (this.#session.closed || this.#session.destroyed) this.#socket.destroy()
    else this.#close()
  }

  /** Ends the session, and all that is under way on it. `found`: of what there was too much. */
  #refuse(found: string): void {
    this.#end('flood', found, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #end(reason: 'flood' | 'protocol', found: string, code: number): void {
    if (this.#isRefused) return
    this.#isRefused = true
    this.#context.refusals.connection(reason, this.peer.address, found)
    this.#deadlineMs = this.#context.nowMs + LINGER_MS
    this.#session.destroy(new Error(found), code)
  }

  /**
   * Says that the session ends without saying yet which stream is the last: requests on their way meanwhile are
   * served. When the client has seen that (it answers a PING), or in a second, the last stream is named.
   */
  drain(): void {
    if (this.#isDraining || this.#session.closed || this.#session.destroyed) return
    this.#isDraining = true
    for (const stream of this.#streams.values()) stream.drain()
    this.#closesAtMs = this.#context.nowMs + NOTICE_MS
    // Between two frames: node:http2 writes whole ones.
    this.#watched.write(NOTICE)
    this.#session.ping(() => this.#close())
  }

  /** Takes no more streams, and ends when there are none. */
  #close(): void {
    this.#closesAtMs = Infinity
    if (this.#session.closed || this.#session.destroyed) return
    this.#session.close()
    if (this.#streams.size === 0) this.#armDeadline()
  }

  destroy(): void {
    this.#session.destroy()
    this.#socket.destroy()
  }

  /** nghttp2 has ended the session, or the client has. */
  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isRefused) return
    const reason = refusalOf(error)
    if (reason === null) return
    this.#isRefused = true
    this.#context.refusals.connection(reason, this.peer.address, error.message)
  }

  #onClose(): void {
    this.#context.tally[THREAD.closed]!++
  }
}

/** Returns why nghttp2 gave the client up; null where it did not. */
function refusalOf(error: NodeJS.ErrnoException): 'flood' | 'protocol' | null {
  if (error.code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES') return 'flood'
  if (error.code !== 'ERR_HTTP2_ERROR') return null
  return error.errno === FLOODED || error.errno === TOO_MANY ? 'flood' : 'protocol'
}
