import { BlockList, isIPv6 } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TrustedPeers } from '../../../src/proxy/address.ts'
import { AddressSet } from '../../../src/proxy/cohort/address-set.ts'
import { clientAddress } from '../../../src/proxy/cohort/client-address.ts'

function familyOf(address: string) {
  return isIPv6(address) ? 'ipv6' : 'ipv4'
}

describe('a set of addresses', () => {
  test.for([
    [['10.0.0.0/8'], '10.255.0.1', true],
    [['10.0.0.0/8'], '11.0.0.1', false],
    [['10.1.2.3/8'], '10.0.0.1', true],
    [['0.0.0.0/0'], '255.255.255.255', true],
    [['192.0.2.1'], '192.0.2.1', true],
    [['192.0.2.1'], '192.0.2.10', false],
    [['192.0.2.1'], '192.0.2.01', false],
    [['192.0.2.1'], '192.0.2', false],
    [['192.0.2.0/24', '2001:db8::/32'], '2001:DB8::1', true],
    [['192.0.2.0/24', '2001:db8::/32'], '2001:db9::1', false],
    [['::/0'], '192.0.2.1', false],
    [['::1'], '::1', true],
    [['::ffff:10.0.0.0/104'], '10.1.2.3', true],
    [['::ffff:10.0.0.0/104'], '11.1.2.3', false],
    [['::ffff:a01:203'], '10.1.2.3', true],
    [['::ffff:0:0/96'], '192.0.2.1', true],
    [['0.0.0.0/0'], 'unknown', false],
    [['0.0.0.0/0'], '', false],
    [[], '192.0.2.1', false],
  ] as const)('%j has %s: %s', ([ranges, address, isIn]) => {
    expect(new AddressSet(ranges).has(address)).toBe(isIn)
  })

  test('has what net.BlockList has', () => {
    const ranges = fc.oneof(
      fc.tuple(fc.ipV4(), fc.nat({ max: 32 })),
      fc.tuple(fc.ipV6(), fc.nat({ max: 128 })),
    )
    const addresses = fc.oneof(fc.ipV4(), fc.ipV6())
    fc.assert(
      fc.property(fc.array(ranges, { maxLength: 4 }), addresses, (list, address) => {
        const reference = new BlockList()
        // To a BlockList an IPv4 address is in ::/0 too.
        const alike = list.filter(([base]) => isIPv6(base) === isIPv6(address))
        for (const [base, bits] of alike) reference.addSubnet(base, bits, familyOf(base))
        const set = new AddressSet(list.map(([base, bits]) => `${base}/${bits}`))
        expect(set.has(address)).toBe(reference.check(address, familyOf(address)))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('the address of a client', () => {
  const trusted = new TrustedPeers(['10.0.0.0/8', 'fd00::/8'])
  test.for([
    ['of a stranger is its own, whatever it says', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
    ['is what a trusted proxy says', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['is not what the client said of itself', '10.0.0.1', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
    [
      'is found behind several trusted proxies',
      '10.0.0.1',
      '198.51.100.1, 10.0.0.3,10.0.0.2',
      '198.51.100.1',
    ],
    ['is the furthest of all trusted ones', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['is the proxy where it says nothing', '10.0.0.1', '', '10.0.0.1'],
    ['is the proxy where it says nonsense', '10.0.0.1', '198.51.100.1, unknown', '10.0.0.1'],
    ['is without its port', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['is without brackets', '10.0.0.1', '[2001:DB8::1]:4711', '2001:db8::1'],
    ['is IPv4 where it was written as IPv6', '10.0.0.1', '::ffff:198.51.100.1', '198.51.100.1'],
  ] as const)('%s', ([, address, chain, found]) => {
    const peer = { address, isTrusted: trusted.has(address) }
    expect(clientAddress(peer, chain, trusted)).toBe(found)
  })

  test('is found within a bounded number of hops', () => {
    const chain = Array.from({ length: 1_000 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(',')
    expect(clientAddress({ address: '10.0.0.1', isTrusted: true }, chain, trusted)).toBe(
      '10.0.3.216',
    )
  })
})
