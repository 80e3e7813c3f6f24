/** Which peers are believed when they say on whose behalf they speak. */

import { BlockList, isIP } from 'node:net'

export class TrustedPeers {
  readonly #list = new BlockList()
  readonly #isEmpty: boolean

  /** `ranges`: addresses or CIDR ranges, checked by the configuration. */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/')
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
      if (prefix === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(prefix), family)
    }
  }

  has(address: string): boolean {
    if (this.#isEmpty) return false
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Returns an IPv4-mapped IPv6 address as IPv4, anything else as it is. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address
}
