/**
 * Reads a chunked body (RFC 9112 section 7.1) as it comes, cut anywhere.
 *
 * Hands on the data only: extensions and trailers are checked, counted against a budget and left out, so
 * that no second reader can take them for something else. A state a byte outside of data, none within.
 */

import { BYTE_CLASS } from './fields.ts'

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
const EXTENSION = 2
const SIZE_LF = 3
const DATA = 4
const DATA_CR = 5
const DATA_LF = 6
const TRAILER_START = 7
const TRAILER_NAME = 8
const TRAILER_VALUE = 9
const TRAILER_LF = 10
const END_LF = 11
const DONE = 12
const EXTENSION_QUOTED = 13
const EXTENSION_ESCAPE = 14

const CR = 0x0d
const LF = 0x0a

export class ChunkedDecoder {
  #state = SIZE_START
  #size = 0
  #digitCount = 0
  #overheadBytes = 0

  get isDone(): boolean {
    return this.#state === DONE
  }

  reset(): void {
    this.#state = SIZE_START
    this.#overheadBytes = 0
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
        if (byte === 0x3b) return this.#go(EXTENSION)
        return this.#takeDigit(byte)
      case EXTENSION:
        if (byte === CR) return this.#go(SIZE_LF)
        if (byte === 0x22) this.#state = EXTENSION_QUOTED
        return this.#countOverhead(byte)
      case EXTENSION_QUOTED:
        if (byte === 0x22) this.#state = EXTENSION
        else if (byte === 0x5c) this.#state = EXTENSION_ESCAPE
        return this.#countOverhead(byte)
      case EXTENSION_ESCAPE:
        this.#state = EXTENSION_QUOTED
        return this.#countOverhead(byte)
      case SIZE_LF:
        return byte === LF && this.#go(this.#size === 0 ? TRAILER_START : this.#startData())
      case DATA_CR:
        return byte === CR && this.#go(DATA_LF)
      case DATA_LF:
        return byte === LF && this.#go(SIZE_START)
      default:
        return this.#stepTrailer(byte)
    }
  }

  #stepTrailer(byte: number): boolean {
    switch (this.#state) {
      case TRAILER_START:
        if (byte === CR) return this.#go(END_LF)
        this.#state = TRAILER_NAME
        return BYTE_CLASS[byte] === 1 && this.#countOverhead(byte)
      case TRAILER_NAME:
        if (byte === 0x3a) return this.#go(TRAILER_VALUE)
        return BYTE_CLASS[byte] === 1 && this.#countOverhead(byte)
      case TRAILER_VALUE:
        return byte === CR ? this.#go(TRAILER_LF) : this.#countOverhead(byte)
      case TRAILER_LF:
        return byte === LF && this.#go(TRAILER_START)
      case END_LF:
        return byte === LF && this.#go(DONE)
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
