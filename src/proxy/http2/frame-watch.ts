/**
 * Looks at the frames of a client before nghttp2 does: counts those that cost work and bring nothing, and has
 * header blocks checked. Hot: once a frame, and nothing is copied but what is cut.
 *
 * node:http2 tells of some of these frames late, of others never. Whether the frames keep the protocol is for
 * nghttp2: where they do not, it ends the session, and what is made of the bytes here does not matter.
 */

import { FieldCheck, SOUND, UNREADABLE } from './field-check.ts'

const PREFACE_BYTES = 24
const HEADER_BYTES = 9
/** More than nghttp2 takes of one header block. */
const BLOCK_BYTES = 512 * 1024

/** Gaps in the numbers of streams that are remembered. */
const SKIPPED_LIMIT = 32

const DATA = 0
const HEADERS = 1
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const CONTINUATION = 9

const ACK = 0x1
const END_STREAM = 0x1
const END_HEADERS = 0x4
const PADDED = 0x8
const PRIORITY = 0x20
const PRIORITY_BYTES = 5

/** What the session wants to hear. */
export interface FrameListener {
  /** A frame that the client may send, but not many of: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, unknown ones. */
  onControlFrame(): void
  /** DATA without content that does not end its stream. */
  onEmptyData(): void
  onReset(): void
  /** The stream's header or trailer section has a malformed field. */
  onUnsoundFields(streamId: number): void
  /** HEADERS for a stream that was passed over, and so is closed (RFC 9113 section 5.1.1). */
  onSkippedStream(): void
}

export class FrameWatch {
  readonly #listener: FrameListener
  readonly #prefaceBytes: number
  readonly #fields = new FieldCheck()
  #lastStreamId = -1
  /** First and last of the streams that were passed over, several times. */
  readonly #skipped: (readonly [first: number, last: number])[] = []
  #skippedBytes = 0
  /** The beginning of a frame header that was cut. */
  readonly #cut: Buffer = Buffer.alloc(HEADER_BYTES)
  #cutBytes = 0
  #isBlind = false

  #type = 0
  #flags = 0
  #streamId = 0
  /** Of the present frame, to come. */
  #payloadBytes = 0
  /** Pieces of a header block that is not whole. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  /** Of the present frame's payload, which has no place in the block. */
  #paddingBytes = -1
  #leadBytes = 0

  /** `prefaceBytes`: what comes before the first frame. */
  constructor(listener: FrameListener, prefaceBytes: number = PREFACE_BYTES) {
    this.#listener = listener
    this.#prefaceBytes = prefaceBytes
  }

  read(bytes: Buffer): void {
    let at = 0
    if (this.#skippedBytes < this.#prefaceBytes) {
      at = Math.min(this.#prefaceBytes - this.#skippedBytes, bytes.length)
      this.#skippedBytes += at
    }
    while (at < bytes.length && !this.#isBlind) {
      at = this.#payloadBytes > 0 ? this.#readPayload(bytes, at) : this.#readHeader(bytes, at)
    }
  }

  #readHeader(bytes: Buffer, start: number): number {
    if (this.#cutBytes === 0 && bytes.length - start >= HEADER_BYTES) {
      this.#begin(bytes, start)
      return start + HEADER_BYTES
    }
    const end = Math.min(bytes.length, start + HEADER_BYTES - this.#cutBytes)
    bytes.copy(this.#cut, this.#cutBytes, start, end)
    this.#cutBytes += end - start
    if (this.#cutBytes === HEADER_BYTES) {
      this.#cutBytes = 0
      this.#begin(this.#cut, 0)
    }
    return end
  }

  #begin(header: Buffer, at: number): void {
    this.#payloadBytes = header.readUIntBE(at, 3)
    this.#type = header[at + 3]!
    this.#flags = header[at + 4]!
    this.#streamId = header.readUInt32BE(at + 5) & 0x7fffffff
    this.#paddingBytes = 0
    this.#leadBytes = 0
    switch (this.#type) {
      case DATA:
        if (this.#payloadBytes === 0 && (this.#flags & END_STREAM) === 0)
          this.#listener.onEmptyData()
        break
      case HEADERS:
        this.#checkOrder(this.#streamId)
        if ((this.#flags & PRIORITY) !== 0) this.#leadBytes = PRIORITY_BYTES
        if ((this.#flags & PADDED) !== 0) this.#paddingBytes = -1
        if (this.#payloadBytes === 0) this.#endBlockFrame()
        break
      case CONTINUATION:
        if (this.#payloadBytes === 0) this.#endBlockFrame()
        break
      case RST_STREAM:
        this.#listener.onReset()
        break
      case SETTINGS:
      case PING:
        if ((this.#flags & ACK) === 0) this.#listener.onControlFrame()
        break
      default:
        this.#listener.onControlFrame()
    }
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

  #readPayload(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#payloadBytes)
    const isBlock = this.#type === HEADERS || this.#type === CONTINUATION
    if (isBlock) this.#takePiece(bytes, start, end)
    this.#payloadBytes -= end - start
    if (isBlock && this.#payloadBytes === 0) this.#endBlockFrame()
    return end
  }

  /** Leaves out the length of the padding, the priority and the padding. */
  #takePiece(bytes: Buffer, start: number, end: number): void {
    let from = start
    if (this.#paddingBytes < 0) this.#paddingBytes = bytes[from++]!
    const lead = Math.min(this.#leadBytes, end - from)
    this.#leadBytes -= lead
    from += lead
    const leftBytes = this.#payloadBytes - (end - start)
    const to = Math.min(end, end + leftBytes - this.#paddingBytes)
    if (to <= from) return
    this.#pieces.push(bytes.subarray(from, to))
    this.#pieceBytes += to - from
    if (this.#pieceBytes > BLOCK_BYTES) this.#isBlind = true
  }

  #endBlockFrame(): void {
    if ((this.#flags & END_HEADERS) === 0) return
    const pieces = this.#pieces
    this.#pieces = []
    this.#pieceBytes = 0
    const found = this.#fields.read(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    if (found === UNREADABLE) this.#isBlind = true
    else if (found !== SOUND) this.#listener.onUnsoundFields(this.#streamId)
  }
}
