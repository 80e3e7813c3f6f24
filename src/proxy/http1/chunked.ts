/**
 * Reads a chunked body (RFC 9112 section 7.1) as it comes, cut anywhere.
 *
 * Hands on the data, and keeps the trailers for the end. Extensions are checked, counted against a budget and
 * left out, so that no second reader can take them for something else. A state a byte outside of data, none within.
 */

import { BYTE_CLASS } from './fields.ts'
import { isFramedBy, passedTrailers } from './trailers.ts'

/** Receives the decoded data as ranges of the bytes given to `decode`. */
export interface ChunkSink {
  onChunkData(bytes: Buffer, start: number, end: number): void
}

/** By how many bytes chunk extensions and trailers may outrun the data of a body; more is malformed. */
export const OVERHEAD_LIMIT = 16 * 1024

/** Digits of a chunk's size: below 2^52, and so always exact. */
const SIZE_DIGITS = 13

const SIZE_START = 0
const SIZE = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const TRAILER_START = 6
const TRAILER_NAME = 7
const TRAILER_VALUE = 8
const TRAILER_LF = 9
const END_LF = 10
const DONE = 11
const EXTENSION_START = 12
const EXTENSION_NAME = 13
const EXTENSION_VALUE_START = 14
const EXTENSION_VALUE = 15
const EXTENSION_QUOTED = 16
const EXTENSION_ESCAPE = 17
const EXTENSION_QUOTED_END = 18

const CR = 0x0d
const LF = 0x0a
const QUOTE = 0x22
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

export class ChunkedDecoder {
  #state = SIZE_START
  #size = 0
  #digitCount = 0
  #overheadBytes = 0
  /** All trailer lines as they came. */
  #trailers = ''

  /** Field lines that may be passed on, each with its line end; whole when the body is done. */
  get trailers(): string {
    return passedTrailers(this.#trailers)
  }

  get isDone(): boolean {
    return this.#state === DONE
  }

  reset(): void {
    this.#state = SIZE_START
    this.#overheadBytes = 0
    this.#trailers = ''
  }

  /** Returns how far it read: `end`, or earlier when the body is done; -1 when it is malformed. */
  decode(bytes: Buffer, start: number, end: number, sink: ChunkSink): number {
    let at = start
    while (at < end) {
      if (this.#state === DATA) {
        const take = Math.min(this.#size, end - at)
        sink.onChunkData(bytes, at, at + take)
        at += take
        this.#size -= take
        if (this.#size === 0) this.#state = DATA_CR
        continue
      }
      if (!this.#step(bytes[at]!)) return -1
      at++
      if (this.#state === DONE) return at
    }
    return at
  }

  /** Takes one byte of framing; false when it must not stand there. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case SIZE_START:
        this.#size = 0
        this.#digitCount = 0
        this.#state = SIZE
        return this.#takeDigit(byte)
      case SIZE:
        if (byte === CR) return this.#go(SIZE_LF)
        if (byte === SEMICOLON) return this.#go(EXTENSION_START)
        return this.#takeDigit(byte)
      case SIZE_LF:
        return byte === LF && this.#go(this.#size === 0 ? TRAILER_START : this.#startData())
      case DATA_CR:
        return byte === CR && this.#go(DATA_LF)
      case DATA_LF:
        return byte === LF && this.#go(SIZE_START)
      default:
        return this.#state > DONE ? this.#stepExtension(byte) : this.#stepTrailer(byte)
    }
  }

  /** `;name`, `;name=token` or `;name="quoted"`. Blanks, which the grammar suffers, are not: not every reader takes them. */
  #stepExtension(byte: number): boolean {
    switch (this.#state) {
      case EXTENSION_START:
        this.#state = EXTENSION_NAME
        return BYTE_CLASS[byte] === 1 && this.#countOverhead(byte)
      case EXTENSION_NAME:
        if (byte === EQUALS) return this.#go(EXTENSION_VALUE_START)
        return this.#goOnWithToken(byte)
      case EXTENSION_VALUE_START:
        this.#state = byte === QUOTE ? EXTENSION_QUOTED : EXTENSION_VALUE
        return (byte === QUOTE || BYTE_CLASS[byte] === 1) && this.#countOverhead(byte)
      case EXTENSION_VALUE:
        return this.#goOnWithToken(byte)
      case EXTENSION_QUOTED:
        if (byte === QUOTE) this.#state = EXTENSION_QUOTED_END
        else if (byte === BACKSLASH) this.#state = EXTENSION_ESCAPE
        return this.#countOverhead(byte)
      case EXTENSION_ESCAPE:
        this.#state = EXTENSION_QUOTED
        return this.#countOverhead(byte)
      default:
        return this.#endExtension(byte)
    }
  }

  #goOnWithToken(byte: number): boolean {
    return BYTE_CLASS[byte] === 1 ? this.#countOverhead(byte) : this.#endExtension(byte)
  }

  #endExtension(byte: number): boolean {
    if (byte === CR) return this.#go(SIZE_LF)
    return byte === SEMICOLON && this.#go(EXTENSION_START)
  }

  #stepTrailer(byte: number): boolean {
    switch (this.#state) {
      case TRAILER_START:
        if (byte === CR) return this.#go(END_LF)
        this.#state = TRAILER_NAME
        return BYTE_CLASS[byte] === 1 && this.#takeTrailer(byte)
      case TRAILER_NAME:
        if (byte === COLON) {
          this.#trailers += ':'
          return this.#go(TRAILER_VALUE)
        }
        return BYTE_CLASS[byte] === 1 && this.#takeTrailer(byte)
      case TRAILER_VALUE:
        return byte === CR ? this.#go(TRAILER_LF) : this.#takeTrailer(byte)
      case TRAILER_LF:
        this.#trailers += '\r\n'
        return byte === LF && this.#go(TRAILER_START)
      case END_LF:
        return byte === LF && !isFramedBy(this.#trailers) && this.#go(DONE)
      default:
        return false
    }
  }

  /** Data pays for as much overhead, so that a long body may have an extension on each chunk. */
  #startData(): number {
    this.#overheadBytes = Math.max(0, this.#overheadBytes - this.#size)
    return DATA
  }

  #go(state: number): true {
    this.#state = state
    return true
  }

  #takeTrailer(byte: number): boolean {
    this.#trailers += String.fromCharCode(byte)
    return this.#countOverhead(byte)
  }

  #countOverhead(byte: number): boolean {
    return BYTE_CLASS[byte] !== 0 && ++this.#overheadBytes <= OVERHEAD_LIMIT
  }

  #takeDigit(byte: number): boolean {
    const digit = hexDigit(byte)
    if (digit < 0 || ++this.#digitCount > SIZE_DIGITS) return false
    this.#size = this.#size * 16 + digit
    return true
  }
}

/** Returns -1 for anything else. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
