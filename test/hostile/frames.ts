/** HTTP/2 frames (RFC 9113 section 4): reads them as they come, without a judgement, and writes any there can be. */

import { errorName } from '../../src/proxy/http2/sent-watch.ts'
import { encodeHeaders, HeaderDecoder } from './hpack.ts'

export const DATA = 0
export const HEADERS = 1
export const PRIORITY = 2
export const RST_STREAM = 3
export const SETTINGS = 4
export const PUSH_PROMISE = 5
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8
export const CONTINUATION = 9

export const END_STREAM = 0x1
export const ACK = 0x1
export const END_HEADERS = 0x4
export const PADDED = 0x8
const PRIORITISED = 0x20

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const FRAME_HEADER_BYTES = 9

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** Cuts bytes into frames; what is not a whole frame yet waits. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  read(more: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#rest = this.#rest.length === 0 ? more : Buffer.concat([this.#rest, more])
    while (this.#rest.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < end) break
      const bytes = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end)
      frames.push({
        type: bytes[3]!,
        flags: bytes[4]!,
        stream: bytes.readUInt32BE(5) & 0x7fff_ffff,
        payload: bytes.subarray(FRAME_HEADER_BYTES),
      })
    }
    return frames
  }
}

/** What a server has said on one stream. */
export interface StreamAnswer {
  /** Final heads and trailers, in order. */
  readonly heads: (readonly (readonly [string, string])[])[]
  body: string
  isEnded: boolean
  /** Name of the error of a RST_STREAM. */
  reset: string | null
}

/** Everything that a server has said on a connection. */
export class Answers {
  readonly #decoder = new HeaderDecoder()
  readonly streams = new Map<number, StreamAnswer>()
  /** Names of the errors of GOAWAY frames, in order. */
  readonly goaways: string[] = []
  /** The last stream that each of them names. */
  readonly lastStreams: number[] = []
  /** Identifier and value of each of the server's settings. */
  readonly settings = new Map<number, number>()
  #block: Buffer[] = []

  add(one: Frame): void {
    const { type, payload, stream, flags } = one
    if (type === GOAWAY) {
      this.goaways.push(errorName(payload.readUInt32BE(4)))
      this.lastStreams.push(payload.readUInt32BE(0))
    }
    if (type === SETTINGS) this.#addSettings(payload)
    if (type === RST_STREAM) this.#stream(stream).reset = errorName(payload.readUInt32BE(0))
    if (type === DATA) this.#stream(stream).body += unpadded(one).toString('latin1')
    if (type === HEADERS || type === CONTINUATION) this.#addHeaders(one)
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) {
      this.#stream(stream).isEnded = true
    }
  }

  #stream(id: number): StreamAnswer {
    const known = this.streams.get(id)
    if (known !== undefined) return known
    const stream: StreamAnswer = { heads: [], body: '', isEnded: false, reset: null }
    this.streams.set(id, stream)
    return stream
  }

  #addSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      this.settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
    }
  }

  #addHeaders(one: Frame): void {
    this.#block.push(unpadded(one))
    if ((one.flags & END_HEADERS) === 0) return
    const fields = this.#decoder.decode(Buffer.concat(this.#block))
    this.#block = []
    const isInterim = fields.some(([name, value]) => name === ':status' && value.startsWith('1'))
    if (!isInterim) this.#stream(one.stream).heads.push(fields)
  }
}

function unpadded({ type, flags, payload }: Frame): Buffer {
  if (type !== DATA && type !== HEADERS) return payload
  const isPadded = (flags & PADDED) !== 0
  const priorityBytes = type === HEADERS && (flags & PRIORITISED) !== 0 ? 5 : 0
  const end = payload.length - (isPadded ? payload[0]! : 0)
  return payload.subarray(Number(isPadded) + priorityBytes, end)
}

/** Returns a frame as latin1 text. */
export function frame(
  type: number,
  place: { readonly stream: number; readonly flags?: number },
  payload = '',
): string {
  const header = Buffer.alloc(FRAME_HEADER_BYTES)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = place.flags ?? 0
  header.writeUInt32BE(place.stream, 5)
  return header.toString('latin1') + payload
}

/** Returns a HEADERS frame with `END_HEADERS`. */
export function headers(
  stream: number,
  fields: readonly (readonly [string, string])[],
  flags = 0,
): string {
  return frame(HEADERS, { stream, flags: flags | END_HEADERS }, encodeHeaders(fields))
}

/** Returns a number of four bytes as latin1 text. */
export function word(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.toString('latin1')
}
