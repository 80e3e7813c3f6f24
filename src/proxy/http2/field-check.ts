/**
 * Looks for fields with malformed names or values in the header blocks of a peer (HPACK, RFC 7541).
 *
 * nghttp2 leaves such fields out and tells nobody, but a request that has one is malformed as a whole (RFC 9113
 * section 8.2.1), and node:http2 offers no way to learn of it. So the blocks are read a second time, without making a
 * string: what is kept of the dynamic table is how long its entries are and whether they are sound. What is no HPACK
 * at all is for nghttp2 to refuse.
 */

import { BYTE_CLASS } from '../http1/fields.ts'
import { isBlank } from '../headers.ts'
import { decodeHuffman, SHORTEST_BITS } from './huffman.ts'

/** The names in the static table, from index 1 (RFC 7541 appendix A). */
const STATIC_NAMES = (
  ':authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status :status ' +
  'accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow ' +
  'authorization cache-control content-disposition content-encoding content-language content-length ' +
  'content-location content-range content-type cookie date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards ' +
  'proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie ' +
  'strict-transport-security transfer-encoding user-agent vary via www-authenticate'
).split(' ')
/** What an entry counts beyond its bytes. */
const ENTRY_BYTES = 32
/** The size that we allow, as all do who do not say otherwise. */
const TABLE_BYTES = 4096
const COLON = 0x3a
/** Characters of `literals`, beyond which none is added. */
const LITERALS_LIMIT = 4_000

export const SOUND = 0
/** A field is malformed. */
export const UNSOUND = 1
/** Not a header block: nothing is known of this or of later ones. */
export const UNREADABLE = 2

interface Entry {
  readonly nameBytes: number
  readonly byteCount: number
  readonly hasSoundName: boolean
  readonly isSound: boolean
}

export class FieldCheck {
  /** Whether `literals` are kept, at the cost of a string each. */
  keepsLiterals = false
  /** The fields of the last block that were not taken from the table, as lines, so far as they are kept. */
  literals = ''

  /** Oldest first. */
  readonly #entries: Entry[] = []
  #tableBytes = 0
  #limitBytes = TABLE_BYTES
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  /** Of the string read last. */
  #stringBytes = 0
  #isSound = true
  #isReadable = true
  #text = ''
  #decoded = new Uint8Array(1024)

  /** Reads a whole header block; all of a peer's have to come by, in order. */
  read(block: Uint8Array): number {
    this.#bytes = block
    this.#at = 0
    this.#end = block.length
    this.literals = ''
    let isSound = true
    while (this.#at < this.#end && this.#isReadable) {
      if (!this.#readField(block[this.#at]!)) isSound = false
    }
    if (!this.#isReadable) return UNREADABLE
    return isSound ? SOUND : UNSOUND
  }

  /** Returns whether it is sound. */
  #readField(first: number): boolean {
    if (first >= 0x80) {
      const index = this.#readInteger(7)
      if (index > 0 && index <= STATIC_NAMES.length) return true
      return this.#entry(index)?.isSound ?? true
    }
    if (first >= 0x40) return this.#readLiteral(6, true)
    if (first >= 0x20) {
      this.#resize(this.#readInteger(5))
      return true
    }
    return this.#readLiteral(4, false)
  }

  #readLiteral(prefixBits: number, isAdded: boolean): boolean {
    const index = this.#readInteger(prefixBits)
    let nameBytes = 0
    let hasSoundName = true
    this.#text = STATIC_NAMES[index - 1] ?? '?'
    if (index === 0) {
      this.#readString(true)
      nameBytes = this.#stringBytes
      hasSoundName = this.#isSound
    } else if (index <= STATIC_NAMES.length) {
      nameBytes = STATIC_NAMES[index - 1]!.length
    } else {
      const entry = this.#entry(index)
      nameBytes = entry?.nameBytes ?? 0
      hasSoundName = entry?.hasSoundName ?? true
    }
    const name = this.#text
    this.#readString(false)
    if (this.keepsLiterals && this.#isReadable) this.#keep(name)
    const isSound = hasSoundName && this.#isSound
    const byteCount = nameBytes + this.#stringBytes + ENTRY_BYTES
    if (isAdded) this.#add({ nameBytes, byteCount, hasSoundName, isSound })
    return isSound
  }

  #keep(name: string): void {
    if (this.literals.length < LITERALS_LIMIT) this.literals += `${name}: ${this.#text}\r\n`
  }

  #entry(index: number): Entry | undefined {
    const entry = this.#entries[this.#entries.length - (index - STATIC_NAMES.length)]
    if (entry === undefined) this.#isReadable = false
    return entry
  }

  #add(entry: Entry): void {
    this.#entries.push(entry)
    this.#tableBytes += entry.byteCount
    this.#evict()
  }

  #resize(limitBytes: number): void {
    if (limitBytes > TABLE_BYTES) this.#isReadable = false
    this.#limitBytes = limitBytes
    this.#evict()
  }

  #evict(): void {
    while (this.#tableBytes > this.#limitBytes) this.#tableBytes -= this.#entries.shift()!.byteCount
  }

  /** RFC 7541 section 5.1. */
  #readInteger(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let number = this.#bytes[this.#at++]! & mask
    if (number < mask) return number
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      if (this.#at >= this.#end) break
      const byte = this.#bytes[this.#at++]!
      number += (byte & 0x7f) * factor
      if (byte < 0x80) return number
    }
    this.#isReadable = false
    return 0
  }

  /** RFC 7541 section 5.2. */
  #readString(isName: boolean): void {
    this.#stringBytes = 0
    this.#isSound = true
    if (this.#at >= this.#end) this.#isReadable = false
    if (!this.#isReadable) return
    const isCoded = this.#bytes[this.#at]! >= 0x80
    const start = this.#at
    const byteCount = this.#readInteger(7)
    const from = this.#at
    this.#at += byteCount
    if (this.#at > this.#end || start === this.#end) this.#isReadable = false
    if (!this.#isReadable) return
    if (isCoded) this.#checkCoded(from, isName)
    else this.#check(this.#bytes, { start: from, end: this.#at, isName })
  }

  #checkCoded(start: number, isName: boolean): void {
    const end = this.#at
    const limit = Math.ceil(((end - start) * 8) / SHORTEST_BITS)
    if (limit > this.#decoded.length) this.#decoded = new Uint8Array(2 * limit)
    const count = decodeHuffman(this.#bytes, { start, end, to: this.#decoded })
    if (count < 0) this.#isReadable = false
    else this.#check(this.#decoded, { start: 0, end: count, isName })
  }

  #check(
    bytes: Uint8Array,
    { start, end, isName }: { start: number; end: number; isName: boolean },
  ): void {
    this.#stringBytes = end - start
    if (this.keepsLiterals) this.#text = Buffer.from(bytes.subarray(start, end)).toString('latin1')
    this.#isSound = isName ? isSoundName(bytes, start, end) : isSoundValue(bytes, start, end)
  }
}

/** A token in lower case; a pseudo-header field's name is nghttp2's to judge. */
function isSoundName(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return false
  for (let at = bytes[start] === COLON ? start + 1 : start; at < end; at++) {
    const byte = bytes[at]!
    if (BYTE_CLASS[byte] !== 1 || (byte >= 0x41 && byte <= 0x5a)) return false
  }
  return true
}

function isSoundValue(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true
  if (isBlank(bytes[start]!) || isBlank(bytes[end - 1]!)) return false
  for (let at = start; at < end; at++) if (BYTE_CLASS[bytes[at]!] === 0) return false
  return true
}
