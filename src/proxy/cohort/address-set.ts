/**
 * A set of addresses and CIDR ranges. Hot.
 *
 * IPv4, which nearly all are, by two numbers a range: `net.BlockList` costs a microsecond for each look, most of it to
 * make an address out of the text. It has the IPv6 ranges. Those of IPv4 addresses in IPv6 (`::ffff:0:0/96`) are IPv4's, as
 * clients' addresses are.
 */

import { BlockList, isIPv6, SocketAddress } from 'node:net'

export class AddressSet {
  /** Two an IPv4 range: its bits, and which of them count. */
  readonly #ipv4: Uint32Array
  readonly #ipv6 = new BlockList()
  readonly #hasIpv6: boolean

  /** `ranges` were checked by the configuration. */
  constructor(ranges: readonly string[]) {
    const ipv4: number[] = []
    let hasIpv6 = false
    for (const range of ranges) {
      const [address = '', prefix] = asIpv4(range).split('/')
      if (isIPv6(address)) {
        hasIpv6 = true
        this.#ipv6.addSubnet(address, Number(prefix ?? 128), 'ipv6')
      } else {
        const bits = Number(prefix ?? 32)
        const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0
        ipv4.push((ipv4Bits(address) & mask) >>> 0, mask)
      }
    }
    this.#ipv4 = Uint32Array.from(ipv4)
    this.#hasIpv6 = hasIpv6
  }

  /** What is no address is in no set. */
  has(address: string): boolean {
    const bits = ipv4Bits(address)
    if (bits < 0) return this.#hasIpv6 && isIPv6(address) && this.#ipv6.check(address, 'ipv6')
    const ranges = this.#ipv4
    for (let i = 0; i < ranges.length; i += 2) {
      if ((bits & ranges[i + 1]!) >>> 0 === ranges[i]) return true
    }
    return false
  }
}

const MAPPED_BITS = 96
const MAPPED = /^::ffff:([\d.]+)$/

/** Returns a range of IPv4 addresses in IPv6 as IPv4's, any other as it is. */
function asIpv4(range: string): string {
  const [address = '', prefix = '128'] = range.split('/')
  const bits = Number(prefix) - MAPPED_BITS
  if (bits < 0 || !isIPv6(address)) return range
  const { address: plain } = new SocketAddress({ address, family: 'ipv6' })
  const mapped = MAPPED.exec(plain)
  return mapped === null ? range : `${mapped[1]}/${bits}`
}

const DOT = 0x2e
const ZERO = 0x30

/** Returns the 32 bits of an address in dotted decimal, or -1. */
function ipv4Bits(address: string): number {
  let bits = 0
  let part = -1
  let partCount = 1
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at)
    if (code === DOT) {
      if (part < 0) return -1
      bits = bits * 256 + part
      part = -1
      partCount++
    } else {
      const digit = code - ZERO
      // A 0 in front would be octal to some.
      if (digit < 0 || digit > 9 || part === 0) return -1
      part = part < 0 ? digit : part * 10 + digit
      if (part > 255) return -1
    }
  }
  return partCount === 4 && part >= 0 ? bits * 256 + part : -1
}
