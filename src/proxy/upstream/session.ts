/**
 * One HTTP/2 connection to an endpoint and the requests that share it.
 *
 * Requests are sent as soon as there is a connection, before the peer has said how many it takes at a time, as
 * waiting for that would cost a round trip. A session that is to go (GOAWAY, or too old) takes no more requests and
 * lives until the last one is done. Whether a silent one is dead is asked by a PING when a request is given up on it.
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { THREAD } from '../../analyzer/tally.ts'
import type { ThreadContext } from '../context.ts'
import type { UpstreamFailure } from '../failure.ts'
import { endOnlyWhenTold } from '../http2/breach.ts'
import { FrameWatch, PREFACE_BYTES } from '../http2/frame-watch.ts'
import { SentWatch } from '../http2/sent-watch.ts'
import { WatchedSocket } from '../http2/watched-socket.ts'
import type { Limits } from '../snapshot.ts'
import { connectedEvent, dial, dialFailure } from './dial.ts'
import type { Endpoint } from './endpoint.ts'
import { UpstreamStream } from './stream.ts'
import type { UpstreamUser } from './upstream.ts'

/** Requests at a time before the peer has said how many it takes (RFC 9113 section 6.5.2 asks for no fewer). */
const FIRST_STREAM_LIMIT = 100
/** Requests at a time whatever it says: a lost packet holds all of them up. */
const STREAM_LIMIT = 256

/** There are no more than 2^31 - 1; the other half is for the requests that were placed already. */
const LAST_STREAM_ID = 2 ** 30

/** An answer's fields that are read at all; how many are taken `ResponseHead` decides. */
const FIELD_LIMIT = 1000
/** MB that one session may hold: for each stream its window and what it has yet to send. */
const SESSION_MEMORY = 64
/** Bytes on their way to all streams together; they are acknowledged as they come, whoever they are for. */
const SESSION_WINDOW_BYTES = 1024 * 1024
const LEAST_WINDOW_BYTES = 64 * 1024 - 1
const MOST_WINDOW_BYTES = 2 ** 31 - 1

/** A PING that is not answered for this long makes a session doubtful: it gets no new requests. */
const DOUBT_MS = 1_000
/** After this long it is dead. */
const DEAD_MS = 5_000

/** How long the peer may have no room for the ends of requests that were given up, where there are no others. */
const FORSAKEN_MS = 5_000
/** How long what is left to write may take when the session is closed. */
const LINGER_MS = 2_000

/** A server begins with its first frame. */
const NO_PREFACE = 0
/** Streams with malformed fields that nobody has asked about. */
const UNSOUND_LIMIT = 1_000

/** What is bounded for clients is not for upstreams, of which there are few, and they are ours. */
const NO_INTEREST = {
  onControlFrame: ignore,
  onEmptyData: ignore,
  onReset: ignore,
  onSkippedStream: ignore,
}

function ignore(): void {
  // nothing to do
}

export class UpstreamSession {
  readonly context: ThreadContext
  readonly endpoint: Endpoint
  /** Whether requests can be sent. */
  isConnected = false
  /** The connection is gone. */
  isGone = false
  /** Answers that have begun; where there was one, the connection has worked. */
  answerCount = 0
  /** Monotonic milliseconds when something last came. */
  heardMs = 0

  readonly #socket: Socket
  readonly #streams = new Set<UpstreamStream>()
  readonly #openedMs: number
  #session: ClientHttp2Session | null = null
  #isRetired = false
  #failure: UpstreamFailure | null = null
  #streamLimit = FIRST_STREAM_LIMIT
  #allowsConnect: boolean | null = null
  /** The last of our streams that a peer which is going has worked on. */
  #lastStreamId = Infinity
  #idleSinceMs: number
  #pingSentMs = Infinity
  /** Since when nobody waits for any of the requests. */
  #forsakenSinceMs = Infinity
  #closedMs = Infinity
  /** Streams whose users have yet to hear that everything was handed over. */
  #unflushed: UpstreamStream[] = []
  /** Streams with a malformed field, by number. */
  readonly #unsound = new Set<number>()
  readonly #watch = new FrameWatch(
    { ...NO_INTEREST, onUnsoundFields: (id) => this.#onUnsoundFields(id) },
    NO_PREFACE,
  )
  readonly #sentWatch = new SentWatch(
    { onResetSent: ignore, onGoawaySent: (code) => this.#onGoawaySent(code) },
    PREFACE_BYTES,
  )

  constructor(context: ThreadContext, endpoint: Endpoint) {
    this.context = context
    this.endpoint = endpoint
    this.#openedMs = context.nowMs
    this.#idleSinceMs = context.nowMs
    // Before node:http2 hears of it: what is complete is handed over before it destroys the streams.
    this.#socket = dial(endpoint, null)
      .on(connectedEvent(endpoint), () => this.#onConnect())
      .on('end', () => this.#lose(null))
      .on('error', (error: NodeJS.ErrnoException) => this.#onSocketError(error))
      .on('close', () => this.#onClose())
    endpoint.connectionCount++
    context.tally[THREAD.upstreamOpened]!++
  }

  get hasRoom(): boolean {
    if (this.#isRetired || this.#streams.size >= this.#streamLimit) return false
    return this.isConnected ? this.#silentMs <= DOUBT_MS : !this.#isStuck
  }

  /** How long a PING has had no answer. */
  get #silentMs(): number {
    return this.context.nowMs - this.#pingSentMs
  }

  /** The kernel tries again more and more rarely: a new connection may find a peer that has come back meanwhile. */
  get #isStuck(): boolean {
    const { connectMs } = this.context.table.timeouts
    return !this.isConnected && this.context.nowMs - this.#openedMs >= connectMs
  }

  /** Opened a moment ago: what made another session fail need not hold for it. */
  get isFresh(): boolean {
    return !this.isConnected || this.#openedMs === this.context.nowMs
  }

  get isIdle(): boolean {
    return this.#streams.size === 0
  }

  /** Takes no more requests. */
  get isRetired(): boolean {
    return this.#isRetired
  }

  /** What ended the connection; null while it lives, or where nobody said. */
  get failure(): UpstreamFailure | null {
    return this.#failure
  }

  /** Whether a peer that is going has said that it has not worked on that stream, and never will. */
  isLeftOut(stream: ClientHttp2Stream): boolean {
    return stream.id === undefined || stream.id > this.#lastStreamId
  }

  /** Null: not known yet. */
  get allowsConnect(): boolean | null {
    return this.#allowsConnect
  }

  open(user: UpstreamUser): UpstreamStream {
    const stream = new UpstreamStream(this, user)
    this.#streams.add(stream)
    this.endpoint.sessions.streamCount++
    // Not at once: whoever opens it has yet to take it.
    if (this.isConnected && !stream.isConnected) process.nextTick(() => stream.onSessionReady())
    return stream
  }

  request(
    fields: readonly string[],
    options: { readonly endStream: boolean; readonly waitForTrailers: boolean },
  ): ClientHttp2Stream {
    const stream = this.#session!.request(fields, options)
    if (stream.id !== undefined && stream.id > LAST_STREAM_ID) this.#retire()
    return stream
  }

  /** Whether a field of the stream was malformed, which nghttp2 leaves out and tells nobody; asked once. */
  isUnsound(stream: ClientHttp2Stream): boolean {
    return this.#unsound.size > 0 && this.#unsound.delete(stream.id!)
  }

  leave(stream: UpstreamStream): void {
    if (!this.#streams.delete(stream)) return
    this.endpoint.sessions.streamCount--
    this.endpoint.onRoom()
    if (!this.isIdle) return
    this.#idleSinceMs = this.context.nowMs
    if (this.#isRetired || this.endpoint.isRetired) this.close()
  }

  /** A request was given up that was sent at `sentMs`. Where nothing has come since, the whole session may be dead. */
  doubt(sentMs: number): void {
    const session = this.#session
    if (session === null || this.isGone || session.destroyed) return
    if (this.heardMs >= sentMs || this.#pingSentMs !== Infinity) return
    const isSent = session.ping(() => {
      this.#pingSentMs = Infinity
      this.heardMs = this.context.nowMs
    })
    if (isSent) this.#pingSentMs = this.context.nowMs
  }

  /** Calls `onReadEnd` of the stream once all that has been read by now is handed over. */
  flushLater(stream: UpstreamStream): void {
    if (this.#unflushed.push(stream) > 1) return
    setImmediate(() => {
      const due = this.#unflushed
      this.#unflushed = []
      for (const one of due) one.onReadEnd()
    })
  }

  abandon(): void {
    for (const stream of this.#streams) stream.abandon()
  }

  sweep(idleBeforeMs: number): void {
    if (this.isIdle && this.#idleSinceMs <= idleBeforeMs) this.close()
    else if (this.#isStuck) this.#fail('connectTimeout')
    else if (this.#silentMs > DEAD_MS || this.#isForsaken()) this.#fail(null)
    if (this.context.nowMs - this.#closedMs >= LINGER_MS) this.#socket.destroy()
  }

  /** Whether all that is left are requests that were given up, and whose reset waits in vain (see `stream-ends.ts`). */
  #isForsaken(): boolean {
    const { nowMs } = this.context
    const isWanted = this.isIdle || this.#streams.values().some((stream) => stream.isWanted)
    this.#forsakenSinceMs = isWanted ? Infinity : Math.min(this.#forsakenSinceMs, nowMs)
    return nowMs - this.#forsakenSinceMs >= FORSAKEN_MS
  }

  /** To be called when no request is under way. */
  close(): void {
    this.#retire()
    this.#closedMs = Math.min(this.#closedMs, this.context.nowMs)
    this.#session?.destroy()
    this.#socket.destroySoon()
  }

  #retire(): void {
    this.#isRetired = true
  }

  #onConnect(): void {
    const socket = this.#socket
    if (socket instanceof TLSSocket && socket.alpnProtocol !== 'h2') return this.#fail('protocol')
    const watched = new WatchedSocket(socket, {
      onRead: (bytes) => this.#onBytes(bytes),
      onWrite: (bytes) => this.#sentWatch.read(bytes),
    })
    const session = connect(
      `http://${authorityOf(this.endpoint)}`,
      sessionOptions(watched, this.context.table.limits),
    )
    session
      .on('error', () => this.#lose(null))
      .on('close', () => socket.destroySoon())
      .on('goaway', (_, lastStreamId) => this.#onGoaway(lastStreamId))
      .on('remoteSettings', () => this.#onSettings(session))
    endOnlyWhenTold(session)
    session.setLocalWindowSize(SESSION_WINDOW_BYTES)
    this.#session = session
    this.isConnected = true
    for (const stream of this.#streams) stream.onSessionReady()
  }

  /** Looks at what comes; nghttp2 gets it afterwards. */
  #onBytes(bytes: Buffer): boolean {
    this.heardMs = this.context.nowMs
    this.#watch.read(bytes)
    return true
  }

  #onUnsoundFields(streamId: number): void {
    this.#unsound.add(streamId)
    if (this.#unsound.size > UNSOUND_LIMIT) this.#failLater()
  }

  /** nghttp2 has found what the peer sends to be no HTTP/2. */
  #onGoawaySent(code: number): void {
    if (code !== constants.NGHTTP2_NO_ERROR && !this.#session!.destroyed) this.#failLater()
  }

  /** Not at once, as nghttp2 is at work. */
  #failLater(): void {
    process.nextTick(() => this.#fail('protocol'))
  }

  #onSettings({ remoteSettings }: ClientHttp2Session): void {
    this.#streamLimit = Math.min(remoteSettings.maxConcurrentStreams ?? STREAM_LIMIT, STREAM_LIMIT)
    this.#allowsConnect = remoteSettings.enableConnectProtocol === true
    this.endpoint.onRoom()
    for (const stream of this.#streams) stream.onSessionReady()
  }

  #onGoaway(lastStreamId: number): void {
    this.#lastStreamId = lastStreamId
    this.#retire()
    if (this.isIdle) this.close()
  }

  #onSocketError(error: NodeJS.ErrnoException): void {
    const isHandshake = error.code?.startsWith('ERR_SSL_') === true
    if (!this.isConnected) return this.#fail(dialFailure(error, this.#socket))
    this.#lose(isHandshake ? 'tls' : null)
  }

  /** The connection is of no use. */
  #fail(failure: UpstreamFailure | null): void {
    this.#lose(failure)
    // node:http2 hears of it and ends the streams: it must not try to send on those that it has let go.
    this.#socket.destroy()
    for (const stream of this.#streams) stream.onSessionGone()
  }

  /** The connection ends: answers that are whole and not read yet are handed over, as node:http2 would drop them. */
  #lose(failure: UpstreamFailure | null): void {
    this.isGone = true
    this.#failure ??= failure
    this.#retire()
    for (const stream of this.#streams) stream.rescue()
  }

  #onClose(): void {
    this.#lose(null)
    this.endpoint.sessions.forget(this)
    this.endpoint.connectionCount--
    this.endpoint.onRoom()
    this.context.tally[THREAD.upstreamClosed]!++
    for (const stream of this.#streams) stream.onSessionGone()
  }
}

/** `strictSingleValueFields`: a field said twice is the recipient's to judge, as over HTTP/1.1. Node's types do not know it. */
function sessionOptions(
  socket: Duplex,
  limits: Limits,
): ClientSessionOptions & { readonly strictSingleValueFields: boolean } {
  const { bufferBytes, responseHeadBytes } = limits
  return {
    createConnection: () => socket,
    maxHeaderListPairs: FIELD_LIMIT,
    maxSessionMemory: SESSION_MEMORY,
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      initialWindowSize: Math.min(Math.max(bufferBytes, LEAST_WINDOW_BYTES), MOST_WINDOW_BYTES),
      maxHeaderListSize: responseHeadBytes,
    },
  }
}

function authorityOf({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
