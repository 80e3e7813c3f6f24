/**
 * A header section, byte by byte: grammar of RFC 9112 section 5, nothing lenient. Hot.
 *
 * No obs-fold, no bare CR or LF, no space before the colon, no control bytes. What is found are offsets;
 * strings are made only of what somebody asks for. Working on bytes rather than on the latin1 string is
 * what makes checking every byte affordable (bench/micro/head.bench.ts).
 */

import { fieldKind, isBlank } from '../headers.ts'
import { parseDecimal } from './framing.ts'

/** The section goes on beyond the bytes at hand. */
export const INCOMPLETE = -1
export const MALFORMED = -2
/** More fields than there is room for. */
export const TOO_MANY = -3

const TAB = 0x09
const CR = 0x0d
const LF = 0x0a
const COLON = 0x3a

/** 1: may stand in a token (RFC 9110 section 5.6.2); 2: may stand in a field value but not in a token. */
export const BYTE_CLASS: Uint8Array = buildByteClass()

function buildByteClass(): Uint8Array {
  const classes = new Uint8Array(256)
  for (let byte = 0x20; byte < 0x100; byte++) if (byte !== 0x7f) classes[byte] = 2
  classes[0x09] = 2
  for (const char of "!#$%&'*+-.^_`|~0123456789") classes[char.charCodeAt(0)] = 1
  for (let i = 0; i < 26; i++) classes[0x41 + i] = classes[0x61 + i] = 1
  return classes
}

/** The fields of one section as offsets into `bytes`. Reused: valid until the next scan. */
export class Fields {
  count = 0
  readonly limit: number
  readonly kinds: Uint8Array
  /** Four a field: where its name begins and ends, where its value (trimmed) begins and ends. */
  readonly offsets: Int32Array
  /** Where the empty line stands that ends the section. */
  end = 0
  /** The head as latin1, and where it began in the bytes. */
  #text = ''
  #base = 0

  constructor(limit: number) {
    this.limit = limit
    this.kinds = new Uint8Array(limit)
    this.offsets = new Int32Array(4 * limit)
  }

  /** Returns the position after the section's empty line, or `INCOMPLETE`, `MALFORMED` or `TOO_MANY`. */
  scan(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    this.count = 0
    while (at < end) {
      if (bytes[at] === CR) {
        if (at + 1 === end) return INCOMPLETE
        this.end = at
        return bytes[at + 1] === LF ? at + 2 : MALFORMED
      }
      if (this.count === this.limit) return TOO_MANY
      at = this.#scanLine(bytes, at, end)
      if (at < 0) return at
    }
    return INCOMPLETE
  }

  #scanLine(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end && BYTE_CLASS[bytes[at]!] === 1) at++
    if (at === end) return INCOMPLETE
    const nameEnd = at
    if (bytes[at] !== COLON || at === start) return MALFORMED
    at++
    while (at < end && isBlank(bytes[at]!)) at++
    const valueStart = at
    while (at < end && BYTE_CLASS[bytes[at]!] !== 0) at++
    if (at === end) return INCOMPLETE
    if (bytes[at] !== CR) return MALFORMED
    if (at + 1 === end) return INCOMPLETE
    if (bytes[at + 1] !== LF) return MALFORMED
    let valueEnd = at
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--

    const offset = 4 * this.count
    this.offsets[offset] = start
    this.offsets[offset + 1] = nameEnd
    this.offsets[offset + 2] = valueStart
    this.offsets[offset + 3] = valueEnd
    this.kinds[this.count] = fieldKind(bytes, start, nameEnd)
    this.count++
    return at + 2
  }

  /** Takes the head as latin1, which began at `base` of the bytes scanned; what follows reads from it. */
  readFrom(text: string, base: number): void {
    this.#text = text
    this.#base = base
  }

  /** Lower case. */
  name(index: number): string {
    return this.#slice(this.offsets[4 * index]!, this.offsets[4 * index + 1]!).toLowerCase()
  }

  /** Of name and value, with what stands between them. */
  byteCount(index: number): number {
    return this.offsets[4 * index + 3]! - this.offsets[4 * index]!
  }

  /** Without the blanks around it. */
  value(index: number): string {
    return this.#slice(this.offsets[4 * index + 2]!, this.offsets[4 * index + 3]!)
  }

  /** The number that the value is (see `parseDecimal`), or -1. `bytes`: those that were scanned. */
  number(index: number, bytes: Uint8Array): number {
    return parseDecimal(bytes, this.offsets[4 * index + 2]!, this.offsets[4 * index + 3]!)
  }

  /** Whether one of the blanks behind the value is a tab; some readers take it for a part of the value. */
  hasTabBehind(index: number, bytes: Uint8Array): boolean {
    let at = this.offsets[4 * index + 3]!
    while (bytes[at] !== CR && bytes[at] !== TAB) at++
    return bytes[at] === TAB
  }

  /** Returns the value of the first field of that lower-case name, or null. */
  find(name: string): string | null {
    for (let i = 0; i < this.count; i++) {
      const nameBytes = this.offsets[4 * i + 1]! - this.offsets[4 * i]!
      if (nameBytes === name.length && this.name(i) === name) return this.value(i)
    }
    return null
  }

  /** Returns the values of the fields of that kind, empty ones in front left out. */
  joined(kind: number, separator: string): string {
    let joined = ''
    for (let i = 0; i < this.count; i++) {
      if (this.kinds[i] !== kind) continue
      joined += joined === '' ? this.value(i) : separator + this.value(i)
    }
    return joined
  }

  /** The lines from field `from` up to, not including, field `to`, each with its line end. */
  lines(from: number, to: number): string {
    return from === to ? '' : this.#slice(this.#lineStart(from), this.#lineStart(to))
  }

  #lineStart(index: number): number {
    return index === this.count ? this.end : this.offsets[4 * index]!
  }

  #slice(start: number, end: number): string {
    return this.#text.slice(start - this.#base, end - this.#base)
  }
}

/** Whether the bytes at `start` are the expected ones. */
export function startsWith(bytes: Uint8Array, start: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false
  return true
}
