/** PROXY protocol headers, made by hand. */

import { crc32c } from '../../../src/proxy/listener/crc32c.ts'

export const SIGNATURE: Buffer = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
export const PROXY_COMMAND = 0x21
export const LOCAL_COMMAND = 0x20
export const TCP4_KIND = 0x11
export const TCP6_KIND = 0x21

export interface Version2 {
  readonly command?: number
  readonly kind?: number
  readonly addresses?: Buffer
  readonly tail?: Buffer
  /** Default: what there is. */
  readonly length?: number
}

/** 192.0.2.7:4711 to 198.51.100.1:80. */
export const IPV4_ADDRESSES: Buffer = Buffer.from([
  192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 0, 80,
])

export function version2(header: Version2 = {}): Buffer {
  const { command = PROXY_COMMAND, kind = TCP4_KIND, addresses = IPV4_ADDRESSES } = header
  const rest = Buffer.concat([addresses, header.tail ?? Buffer.alloc(0)])
  const fixed = Buffer.from([command, kind, 0, 0])
  fixed.writeUInt16BE(header.length ?? rest.length, 2)
  return Buffer.concat([SIGNATURE, fixed, rest])
}

export function tlv(type: number, value: Buffer | string): Buffer {
  const bytes = Buffer.from(value)
  const fixed = Buffer.from([type, 0, 0])
  fixed.writeUInt16BE(bytes.length, 1)
  return Buffer.concat([fixed, bytes])
}

/** Puts the checksum into the header's last four bytes. */
export function withChecksum(header: Version2 = {}): Buffer {
  const tail = Buffer.concat([header.tail ?? Buffer.alloc(0), tlv(0x03, Buffer.alloc(4))])
  const bytes = version2({ ...header, tail })
  bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4)
  return bytes
}
