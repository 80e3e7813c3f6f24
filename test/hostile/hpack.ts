/**
 * Reads the header blocks that a peer under test sends (RFC 7541), and writes those of the cases.
 *
 * Own code, because Node offers no decoder by itself, and a case's bytes belong to no session of Node's. Huffman codes
 * of more than 15 bits (a backslash, bytes beyond ASCII) are left out: no answer here has them.
 */

type Field = readonly [name: string, value: string]

/** RFC 7541 appendix A, from index 1. */
const STATIC_TABLE: readonly Field[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((code): Field => [':status', code]),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...(
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control ' +
    'content-disposition content-encoding content-language content-length content-location content-range ' +
    'content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range ' +
    'if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range ' +
    'referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary ' +
    'via www-authenticate'
  )
    .split(' ')
    .map((name): Field => [name, '']),
]

/** RFC 7541 appendix B, which is canonical: the symbols of each length, in order. */
const HUFFMAN_SYMBOLS: Readonly<Record<number, string>> = {
  5: '012aceiost',
  6: ' %-./3456789=A_bdfghlmnpru',
  7: ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
  8: '&*,;XZ',
  10: '!"()?',
  11: "'+|",
  12: '#>',
  13: '\0$@[]~',
  14: '^}',
  15: '<`{',
}

const HUFFMAN = huffmanCodes()

function huffmanCodes(): ReadonlyMap<string, string> {
  const codes = new Map<string, string>()
  let code = 0
  for (let length = 5; length <= 15; length++) {
    for (const symbol of HUFFMAN_SYMBOLS[length] ?? '') {
      codes.set(code.toString(2).padStart(length, '0'), symbol)
      code++
    }
    code *= 2
  }
  return codes
}

/** One direction of a connection: what its blocks have put into the dynamic table stays for the next ones. */
export class HeaderDecoder {
  #table: Field[] = []

  /** Throws where the block is not to be read. */
  decode(block: Buffer): Field[] {
    const fields: Field[] = []
    const reader = new BlockReader(block)
    while (!reader.isAtEnd) {
      const first = reader.peek()
      if (first >= 0x80) {
        fields.push(this.#entry(reader.integer(7)))
      } else if (first >= 0x40) {
        const field = this.#literal(reader, 6)
        this.#table.unshift(field)
        fields.push(field)
      } else if (first >= 0x20) {
        if (reader.integer(5) === 0) this.#table = []
      } else {
        fields.push(this.#literal(reader, 4))
      }
    }
    return fields
  }

  #literal(reader: BlockReader, prefixBits: number): Field {
    const index = reader.integer(prefixBits)
    const name = index === 0 ? reader.string() : this.#entry(index)[0]
    return [name, reader.string()]
  }

  #entry(index: number): Field {
    const field = STATIC_TABLE[index - 1] ?? this.#table[index - 1 - STATIC_TABLE.length]
    if (field === undefined) throw new Error(`No header field has the index ${index}`)
    return field
  }
}

class BlockReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  peek(): number {
    return this.#bytes[this.#at]!
  }

  /** RFC 7541 section 5.1. */
  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1
    let value = this.#bytes[this.#at++]! & most
    if (value < most) return value
    for (let unit = 1; ; unit *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new Error('An integer has no end')
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
    }
  }

  /** RFC 7541 section 5.2. */
  string(): string {
    const isHuffman = this.peek() >= 0x80
    const length = this.integer(7)
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    if (bytes.length < length) throw new Error('A string has no end')
    this.#at += length
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1')
  }
}

/** Bits that are left at the end are padding. */
function decodeHuffman(bytes: Buffer): string {
  let text = ''
  let code = ''
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit
      const symbol = HUFFMAN.get(code)
      if (symbol === undefined) continue
      text += symbol
      code = ''
    }
  }
  if (code.length > 7) throw new Error(`No symbol has the code ${code}`)
  return text
}

/** Literal fields without indexing, each byte as it is: what a well-meaning encoder would refuse can be said. */
export function encodeHeaders(fields: readonly Field[]): string {
  return fields.map(([name, value]) => `\0${encodeString(name)}${encodeString(value)}`).join('')
}

function encodeString(text: string): string {
  let length = text.length
  if (length < 0x7f) return String.fromCharCode(length) + text
  let prefix = '\x7f'
  for (length -= 0x7f; length >= 0x80; length = Math.floor(length / 0x80)) {
    prefix += String.fromCharCode((length % 0x80) + 0x80)
  }
  return prefix + String.fromCharCode(length) + text
}
