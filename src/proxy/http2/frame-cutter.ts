/**
 * Cuts the bytes of an HTTP/2 connection into frames (RFC 9113 section 4.1), as they come and without copying. Hot:
 * once a frame.
 *
 * Both directions are looked at beside nghttp2, which tells node:http2 less than a proxy has to know.
 */

export const HEADER_BYTES = 9

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const CONTINUATION = 9

export interface FrameHeader {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payloadBytes: number
}

export interface FrameReceiver {
  /** A frame begins; `header` is valid until this returns. */
  onFrame(header: FrameHeader): void
  /** A piece of its payload, after which `leftBytes` are still to come. Not called without a payload. */
  onPayload(bytes: Buffer, piece: { start: number; end: number; leftBytes: number }): void
}

export class FrameCutter implements FrameHeader {
  type = 0
  flags = 0
  streamId = 0
  payloadBytes = 0
  readonly #receiver: FrameReceiver
  /** To be passed over before the first frame. */
  #prefaceBytes: number
  /** Of the present frame's payload, to come. */
  #leftBytes = 0
  /** The beginning of a frame header that was cut. */
  readonly #cut: Buffer = Buffer.alloc(HEADER_BYTES)
  #cutBytes = 0
  readonly #piece = { start: 0, end: 0, leftBytes: 0 }

  constructor(receiver: FrameReceiver, prefaceBytes: number) {
    this.#receiver = receiver
    this.#prefaceBytes = prefaceBytes
  }

  read(bytes: Buffer): void {
    let at = Math.min(this.#prefaceBytes, bytes.length)
    this.#prefaceBytes -= at
    while (at < bytes.length) {
      at = this.#leftBytes > 0 ? this.#readPayload(bytes, at) : this.#readHeader(bytes, at)
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
    this.payloadBytes = header.readUIntBE(at, 3)
    this.type = header[at + 3]!
    this.flags = header[at + 4]!
    this.streamId = header.readUInt32BE(at + 5) & 0x7fffffff
    this.#leftBytes = this.payloadBytes
    this.#receiver.onFrame(this)
  }

  #readPayload(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + this.#leftBytes)
    const piece = this.#piece
    this.#leftBytes -= end - start
    piece.start = start
    piece.end = end
    piece.leftBytes = this.#leftBytes
    this.#receiver.onPayload(bytes, piece)
    return end
  }
}
