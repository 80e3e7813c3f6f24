/**
 * Looks at the frames that go out to a peer, for what nghttp2 has found wrong: it resets a stream, or ends the
 * session, and node:http2 tells of that late or, where no stream came to be, not at all.
 */

import {
  FrameCutter,
  type FrameHeader,
  type FrameReceiver,
  GOAWAY,
  RST_STREAM,
} from './frame-cutter.ts'

/** RFC 9113 section 7, by code. */
const ERROR_NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
]
/** In GOAWAY, before the code. */
const LAST_STREAM_BYTES = 4
const CODE_BYTES = 4

/** What the session wants to hear; called from within the write. */
export interface SentListener {
  onResetSent(streamId: number, code: number): void
  onGoawaySent(code: number): void
}

export class SentWatch implements FrameReceiver {
  readonly #listener: SentListener
  readonly #frames: FrameCutter
  #type = 0
  #streamId = 0
  #skipBytes = 0
  /** Of the code, to come; 0 where the frame has none. */
  #codeBytes = 0
  #code = 0

  /** `prefaceBytes`: what goes out before the first frame. */
  constructor(listener: SentListener, prefaceBytes: number) {
    this.#listener = listener
    this.#frames = new FrameCutter(this, prefaceBytes)
  }

  read(bytes: Buffer): void {
    this.#frames.read(bytes)
  }

  onFrame({ type, streamId }: FrameHeader): void {
    this.#codeBytes = 0
    if (type !== RST_STREAM && type !== GOAWAY) return
    this.#type = type
    this.#streamId = streamId
    this.#skipBytes = type === GOAWAY ? LAST_STREAM_BYTES : 0
    this.#codeBytes = CODE_BYTES
    this.#code = 0
  }

  onPayload(bytes: Buffer, { start, end }: { start: number; end: number }): void {
    for (let at = start; at < end && this.#codeBytes > 0; at++) {
      if (this.#skipBytes > 0) this.#skipBytes--
      else this.#takeCode(bytes[at]!)
    }
  }

  #takeCode(byte: number): void {
    this.#code = this.#code * 256 + byte
    if (--this.#codeBytes > 0) return
    if (this.#type === GOAWAY) this.#listener.onGoawaySent(this.#code)
    else this.#listener.onResetSent(this.#streamId, this.#code)
  }
}

export function errorName(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`
}
