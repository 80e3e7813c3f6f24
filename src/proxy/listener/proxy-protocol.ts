/**
 * Reads the PROXY protocol header, version 1 or 2, that a proxy before us puts in front of a connection to say for whom
 * it speaks (haproxy.org, proxy-protocol.txt; sections 2.1 and 2.2).
 *
 * Pure, and without a state: whoever reads gives all that has come until the header is whole, which its bounds keep
 * cheap. Everything that the text does not allow is malformed, since a header that is guessed at is an address that
 * anybody can claim.
 */

import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import { plainAddress } from '../address.ts'
import { crc32c } from './crc32c.ts'

/** Bytes of a version 1 header, with its line end. */
const V1_LIMIT = 107
const V1_START = Buffer.from('PROXY ', 'latin1')
const V1_UNKNOWN = /^PROXY UNKNOWN(?: [^\r]*)?$/
const V1_TCP =
  /^PROXY TCP(?<family>[46]) (?<source>[\da-fA-F.:]+) (?<target>[\da-fA-F.:]+) (?<sourcePort>0|[1-9]\d{0,4}) (?<targetPort>0|[1-9]\d{0,4})$/
const PORT_LIMIT = 65_535
const CR = 0x0d
const LF = 0x0a

const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** The part of a version 2 header that each has. */
const V2_FIXED_BYTES = 16
/** Bytes of a version 2 header: the addresses need at most 232, the rest is what the sender adds of its own (TLV). */
const V2_LIMIT = 4_096
const LOCAL = 0x20
const PROXY = 0x21
const UNSPECIFIED = 0x00
const TCP_IPV4 = 0x11
const TCP_IPV6 = 0x21
const UNIX_STREAM = 0x31
const TYPE_CRC32C = 0x03
const TLV_FIXED_BYTES = 3

export interface ProxyHeader {
  /** Its length; what follows is the connection's. */
  readonly byteCount: number
  /** The client's address; null where the proxy speaks for itself, or for somebody without an address. */
  readonly source: string | null
}

/** `bytes`: everything that has come so far. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  if (startsLike(bytes, V1_START)) return readVersion1(bytes)
  return startsLike(bytes, V2_START) ? readVersion2(bytes) : 'malformed'
}

/** Whether the shorter one is how the other one begins. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const count = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, count, 0, count) === 0
}

function readVersion1(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  const first = bytes.subarray(0, V1_LIMIT)
  const end = first.indexOf(LF)
  if (end === -1) {
    const cr = first.indexOf(CR)
    const isCut = first.length < V1_LIMIT && (cr === -1 || cr === first.length - 1)
    return isCut ? 'incomplete' : 'malformed'
  }
  if (first[end - 1] !== CR) return 'malformed'
  const line = first.toString('latin1', 0, end - 1)
  const byteCount = end + 1
  if (V1_UNKNOWN.test(line)) return { byteCount, source: null }
  const fields = V1_TCP.exec(line)?.groups
  if (fields === undefined) return 'malformed'
  const isAddress = fields['family'] === '4' ? isIPv4 : isIPv6
  const isSound =
    isAddress(fields['source']!) &&
    isAddress(fields['target']!) &&
    Number(fields['sourcePort']) <= PORT_LIMIT &&
    Number(fields['targetPort']) <= PORT_LIMIT
  return isSound ? { byteCount, source: canonical(fields['source']!) } : 'malformed'
}

function readVersion2(bytes: Buffer): ProxyHeader | 'incomplete' | 'malformed' {
  if (bytes.length < V2_FIXED_BYTES) {
    const command = bytes[V2_START.length]
    const isCommand = command === undefined || command === LOCAL || command === PROXY
    return isCommand ? 'incomplete' : 'malformed'
  }
  const command = bytes[V2_START.length]
  const kind = bytes[V2_START.length + 1]!
  const byteCount = V2_FIXED_BYTES + bytes.readUInt16BE(V2_FIXED_BYTES - 2)
  if (byteCount > V2_LIMIT || (command !== LOCAL && command !== PROXY)) return 'malformed'
  const addressBytes = addressBytesOf(kind)
  // Of LOCAL all that follows is to be ignored, of an unspecified family what is in place of the addresses.
  const isOpaque = command === LOCAL || kind === UNSPECIFIED
  if (!isOpaque && (addressBytes === null || byteCount < V2_FIXED_BYTES + addressBytes)) {
    return 'malformed'
  }
  if (bytes.length < byteCount) return 'incomplete'
  if (isOpaque) return { byteCount, source: null }
  const header = bytes.subarray(0, byteCount)
  if (!isTailSound(header, V2_FIXED_BYTES + addressBytes!)) return 'malformed'
  return { byteCount, source: sourceOf(header, kind) }
}

/** Source, target, and both ports, where there are such; null for what a stream cannot be. */
function addressBytesOf(kind: number): number | null {
  switch (kind) {
    case TCP_IPV4:
      return 12
    case TCP_IPV6:
      return 36
    case UNIX_STREAM:
      return 216
    default:
      return null
  }
}

function sourceOf(header: Buffer, kind: number): string | null {
  if (kind === TCP_IPV4) return header.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + 4).join('.')
  if (kind !== TCP_IPV6) return null
  const groups = Array.from({ length: 8 }, (_, i) => header.readUInt16BE(V2_FIXED_BYTES + 2 * i))
  return canonical(groups.map((group) => group.toString(16)).join(':'))
}

/** One spelling for one address, so that it can be counted and compared. */
function canonical(address: string): string {
  if (isIPv4(address)) return address
  return plainAddress(new SocketAddress({ address, family: 'ipv6' }).address)
}

/** Whether type, length and value follow each other up to the end, and the checksum is right if there is one. */
function isTailSound(header: Buffer, start: number): boolean {
  let at = start
  let hasChecksum = false
  while (at < header.length) {
    if (at + TLV_FIXED_BYTES > header.length) return false
    const length = header.readUInt16BE(at + 1)
    const value = at + TLV_FIXED_BYTES
    const end = value + length
    if (end > header.length) return false
    if (header[at] === TYPE_CRC32C) {
      if (hasChecksum || length !== 4 || !isChecksum(header, value)) return false
      hasChecksum = true
    }
    at = end
  }
  return true
}

/** The checksum is that of the header with zeros in its own place (section 2.2.3). */
function isChecksum(header: Buffer, at: number): boolean {
  const blank = Buffer.from(header)
  blank.writeUInt32BE(0, at)
  return crc32c(blank) === header.readUInt32BE(at)
}
