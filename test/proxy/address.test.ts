import { describe, expect, test } from 'vitest'
import { plainAddress, TrustedPeers } from '../../src/proxy/address.ts'

describe('a peer is trusted', () => {
  const RANGES = ['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '::1', '::ffff:172.16.0.0/108']

  test.for([
    { address: '10.0.0.0', isTrusted: true },
    { address: '10.255.255.255', isTrusted: true },
    { address: '11.0.0.0', isTrusted: false },
    { address: '9.255.255.255', isTrusted: false },
    { address: '192.0.2.7', isTrusted: true },
    { address: '192.0.2.8', isTrusted: false },
    { address: 'fd12:3456::1', isTrusted: true },
    { address: 'fe00::1', isTrusted: false },
    { address: '::1', isTrusted: true },
    { address: '0:0:0:0:0:0:0:1', isTrusted: true },
    { address: '::2', isTrusted: false },
    { address: '::ffff:10.1.2.3', isTrusted: true },
    { address: '::ffff:11.1.2.3', isTrusted: false },
    { address: '172.16.1.1', isTrusted: true },
    { address: '172.32.1.1', isTrusted: false },
    { address: 'fd00::1%eth0', isTrusted: true },
    { address: 'fe80::1%eth0', isTrusted: false },
    { address: '', isTrusted: false },
    { address: 'localhost', isTrusted: false },
    { address: '10.0.0.1 ', isTrusted: false },
  ])('$address: $isTrusted', ({ address, isTrusted }) => {
    expect(new TrustedPeers(RANGES).has(address)).toBe(isTrusted)
  })

  test('by none of no ranges', () => {
    const nobody = new TrustedPeers([])
    expect(['127.0.0.1', '::1', '10.0.0.1', ''].map((address) => nobody.has(address))).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  test('by a range of everybody', () => {
    const everybody = new TrustedPeers(['0.0.0.0/0', '::/0'])
    expect(['127.0.0.1', '::1', '203.0.113.1'].every((address) => everybody.has(address))).toBe(
      true,
    )
  })
})

test.for([
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:a01:203', '::ffff:a01:203'],
  ['::ffff:10.1.2.300', '::ffff:10.1.2.300'],
  ['::1', '::1'],
  ['', ''],
] as const)('%s is told as %s', ([address, plain]) => {
  expect(plainAddress(address)).toBe(plain)
})
