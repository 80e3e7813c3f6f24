/**
 * Looks at the frames of a peer before nghttp2 does: counts those that cost work and bring nothing, and has
 * header blocks checked. Hot: once a frame, and nothing is copied but what is cut.
 *
 * node:http2 tells of some of these frames late, of others never. Whether the frames keep the protocol is for
 * nghttp2: where they do not, it ends the session, and what is made of the bytes here does not matter.
 */

import { FieldCheck, SOUND, UNREADABLE } from './field-check.ts'
import {
  CONTINUATION,
  DATA,
  FrameCutter,
  type FrameHeader,
  type FrameReceiver,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
} from './frame-cutter.ts'

/** Of a client. */
export const PREFACE_BYTES = 24
/** More than nghttp2 takes of one header block. */
const BLOCK_BYTES = 512 * 1024

/** Gaps in the numbers of streams that are remembered. */
const SKIPPED_LIMIT = 32

const ACK = 0x1
const END_STREAM = 0x1
const END_HEADERS = 0x4
const PADDED = 0x8
const PRIORITY = 0x20
const PRIORITY_BYTES = 5

/** The length of the padding is the next byte. */
const UNREAD = -1

/** What the session wants to hear. */
export interface FrameListener {
  /** A frame that the peer may send, but not many of: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, unknown ones. */
  onControlFrame(): void
  /** DATA without content that does not end its stream; padding is no content. */
  onEmptyData(): void
  onReset(): void
  /** The stream's header or trailer section has a malformed field. */
  onUnsoundFields(streamId: number): void
  /** HEADERS for a stream that was passed over, and so is closed (RFC 9113 section 5.1.1). */
  onSkippedStream(): void
}

export class FrameWatch implements FrameReceiver {
  readonly #listener: FrameListener
  readonly #frames: FrameCutter
  readonly #fields = new FieldCheck()
  #lastStreamId = -1
  /** First and last of the streams that were passed over, several times. */
  readonly #skipped: (readonly [first: number, last: number])[] = []
  #isBlind = false

  #type = 0
  #flags = 0
  #streamId = 0
  #payloadBytes = 0
  /** Pieces of a header block that is not whole. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  /** Of the present frame's payload, which has no place in the block. */
  #paddingBytes = 0
  #leadBytes = 0
  /** The stream of the header block that was read last. */
  #blockStreamId = 0

  /** `prefaceBytes`: what comes before the first frame. */
  constructor(listener: FrameListener, prefaceBytes: number) {
    this.#listener = listener
    this.#frames = new FrameCutter(this, prefaceBytes)
  }

  read(bytes: Buffer): void {
    if (!this.#isBlind) this.#frames.read(bytes)
  }

  /** From now on what header blocks say in so many words is kept for `saidBy`. */
  keepLiterals(): void {
    this.#fields.keepsLiterals = true
  }

  /** The literal fields of the stream's header block, where it came last and they are kept; else an empty string. */
  saidBy(streamId: number | undefined): string {
    return streamId === this.#blockStreamId ? this.#fields.literals : ''
  }

  onFrame({ type, flags, streamId, payloadBytes }: FrameHeader): void {
    this.#type = type
    this.#flags = flags
    this.#streamId = streamId
    this.#payloadBytes = payloadBytes
    switch (type) {
      case DATA:
        this.#beginData()
        break
      case HEADERS:
        this.#checkOrder(streamId)
        this.#leadBytes = (flags & PRIORITY) === 0 ? 0 : PRIORITY_BYTES
        this.#paddingBytes = (flags & PADDED) === 0 ? 0 : UNREAD
        if (payloadBytes === 0) this.#endBlockFrame()
        break
      case CONTINUATION:
        this.#leadBytes = 0
        this.#paddingBytes = 0
        if (payloadBytes === 0) this.#endBlockFrame()
        break
      case RST_STREAM:
        this.#listener.onReset()
        break
      case SETTINGS:
      case PING:
        if ((flags & ACK) === 0) this.#listener.onControlFrame()
        break
      default:
        this.#listener.onControlFrame()
    }
  }

  /** What ends its stream brings something, and is not looked at further. */
  #beginData(): void {
    this.#paddingBytes = 0
    if ((this.#flags & END_STREAM) !== 0) return
    if (this.#payloadBytes === 0) this.#listener.onEmptyData()
    else if ((this.#flags & PADDED) !== 0) this.#paddingBytes = UNREAD
  }

  /** nghttp2 takes no notice of HEADERS on a stream that it takes for closed. */
  #checkOrder(streamId: number): void {
    const last = this.#lastStreamId
    if (streamId > last) {
      this.#lastStreamId = streamId
      if (streamId > last + 2) this.#skipped.push([last + 2, streamId - 2])
      if (this.#skipped.length > SKIPPED_LIMIT) this.#skipped.shift()
    } else if (this.#skipped.some(([first, end]) => streamId >= first && streamId <= end)) {
      this.#listener.onSkippedStream()
    }
  }

  onPayload(bytes: Buffer, piece: { start: number; end: number; leftBytes: number }): void {
    if (this.#type === DATA) {
      if (this.#paddingBytes === UNREAD) this.#readPadding(bytes[piece.start]!)
    } else if (this.#type === HEADERS || this.#type === CONTINUATION) {
      if (!this.#isBlind) this.#takePiece(bytes, piece)
      if (piece.leftBytes === 0) this.#endBlockFrame()
    }
  }

  #readPadding(byteCount: number): void {
    this.#paddingBytes = byteCount
    if (byteCount + 1 === this.#payloadBytes) this.#listener.onEmptyData()
  }

  /** Leaves out the length of the padding, the priority and the padding. */
  #takePiece(
    bytes: Buffer,
    { start, end, leftBytes }: { start: number; end: number; leftBytes: number },
  ): void {
    let from = start
    if (this.#paddingBytes === UNREAD) this.#paddingBytes = bytes[from++]!
    const lead = Math.min(this.#leadBytes, end - from)
    this.#leadBytes -= lead
    from += lead
    const to = Math.min(end, end + leftBytes - this.#paddingBytes)
    if (to <= from) return
    this.#pieces.push(bytes.subarray(from, to))
    this.#pieceBytes += to - from
    if (this.#pieceBytes > BLOCK_BYTES) this.#goBlind()
  }

  #endBlockFrame(): void {
    if ((this.#flags & END_HEADERS) === 0 || this.#isBlind) return
    const pieces = this.#pieces
    this.#pieces = []
    this.#pieceBytes = 0
    this.#blockStreamId = this.#streamId
    const found = this.#fields.read(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    if (found === UNREADABLE) this.#goBlind()
    else if (found !== SOUND) this.#listener.onUnsoundFields(this.#streamId)
  }

  /** Nothing that comes can be read any more; nghttp2 finds that too. */
  #goBlind(): void {
    this.#isBlind = true
    this.#pieces = []
  }
}
