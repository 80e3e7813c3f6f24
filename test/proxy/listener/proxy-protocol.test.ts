/** What a PROXY protocol header says, and which ones say nothing that we believe. */

import {
  array,
  assert,
  constantFrom,
  integer,
  nat,
  oneof,
  property,
  tuple,
  uint8Array,
} from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../src/proxy/listener/crc32c.ts'
import { readProxyHeader } from '../../../src/proxy/listener/proxy-protocol.ts'
import {
  IPV4_ADDRESSES,
  LOCAL_COMMAND,
  PROXY_COMMAND,
  SIGNATURE,
  TCP6_KIND,
  tlv,
  version2,
  withChecksum,
} from './proxy-headers.ts'

const REQUEST = 'GET / HTTP/1.1\r\n\r\n'

function read(header: string | Buffer) {
  return readProxyHeader(typeof header === 'string' ? Buffer.from(header, 'latin1') : header)
}

const IPV6_ADDRESSES = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0x12, 0x67, 0, 80]),
])
const LONG_V1 = `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`
const CHECKED = withChecksum({ tail: tlv(0x02, 'shop.example') })

const SOUND: readonly (readonly [name: string, header: string | Buffer, source: string | null])[] =
  [
    ['TCP4', 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n', '192.0.2.7'],
    [
      'TCP4, ports at their bounds',
      'PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n',
      '255.255.255.255',
    ],
    ['TCP6', 'PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n', '2001:db8::1'],
    ['TCP6, spelt otherwise', 'PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::2 4711 80\r\n', '2001:db8::1'],
    ['TCP6, an IPv4 client', 'PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 80\r\n', '192.0.2.7'],
    [
      'TCP6, as long as can be',
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
      'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    ],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', null],
    ['UNKNOWN with words to ignore', 'PROXY UNKNOWN 1.2.3.4 what ever\r\n', null],
    ['UNKNOWN, 107 bytes', LONG_V1, null],
    ['version 2, IPv4', version2(), '192.0.2.7'],
    ['version 2, IPv6', version2({ kind: TCP6_KIND, addresses: IPV6_ADDRESSES }), '2001:db8::1'],
    [
      'version 2, an IPv4 client in IPv6',
      version2({
        kind: TCP6_KIND,
        addresses: Buffer.concat([
          Buffer.from('00000000000000000000ffffc0000207', 'hex'),
          IPV6_ADDRESSES.subarray(16),
        ]),
      }),
      '192.0.2.7',
    ],
    ['version 2, a Unix socket', version2({ kind: 0x31, addresses: Buffer.alloc(216) }), null],
    ['version 2, unspecified', version2({ kind: 0x00, addresses: Buffer.alloc(0) }), null],
    ['version 2, unspecified, with bytes to ignore', version2({ kind: 0x00 }), null],
    [
      'version 2, local',
      version2({ command: LOCAL_COMMAND, kind: 0, addresses: Buffer.alloc(0) }),
      null,
    ],
    ['version 2, local, whatever family', version2({ command: LOCAL_COMMAND, kind: 0xff }), null],
    [
      'version 2 with TLVs',
      version2({ tail: Buffer.concat([tlv(0x04, ''), tlv(0xea, 'vpce')]) }),
      '192.0.2.7',
    ],
    [
      'version 2, 4096 bytes',
      version2({ tail: tlv(0x04, Buffer.alloc(4096 - 16 - 12 - 3)) }),
      '192.0.2.7',
    ],
    ['version 2 with its checksum', CHECKED, '192.0.2.7'],
  ]

const BAD_PORTS = ['01', '00', '65536', '99999', '100000', '-1', '+1', '0x50', '', '8 0']
const BAD_IPV4 = [
  '256.0.0.1',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '0x1.2.3.4',
  '1.2.3.4%lo',
  '::1',
  'a',
  '',
]
const BAD_IPV6 = ['1.2.3.4', ':::1', '1::2::3', '12345::', '::1%lo', '[::1]', 'g::', '']

const MALFORMED: readonly (readonly [name: string, header: string | Buffer])[] = [
  ['none at all', REQUEST],
  ['something like one', 'PROXX'],
  ['in lower case', 'proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['another protocol', 'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['no protocol', 'PROXY \r\n'],
  ['UNKNOWN with something stuck to it', 'PROXY UNKNOWNS\r\n'],
  ['two blanks', 'PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ['a tab', 'PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n'],
  ['a blank at the end', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n'],
  ['one port', 'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n'],
  ['a bare LF', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n'],
  ['a bare CR', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r'.concat('GET')],
  ['a CR within', 'PROXY UNKNOWN a\rb\r\n'],
  ['108 bytes', LONG_V1.replace('x', 'xx')],
  ['107 bytes without an end', 'PROXY UNKNOWN '.padEnd(107, 'x')],
  ...BAD_PORTS.map(
    (port) => [`source port "${port}"`, `PROXY TCP4 1.2.3.4 5.6.7.8 ${port} 2\r\n`] as const,
  ),
  ...BAD_PORTS.map(
    (port) => [`target port "${port}"`, `PROXY TCP4 1.2.3.4 5.6.7.8 1 ${port}\r\n`] as const,
  ),
  ...BAD_IPV4.map(
    (address) => [`TCP4 from "${address}"`, `PROXY TCP4 ${address} 5.6.7.8 1 2\r\n`] as const,
  ),
  ...BAD_IPV4.map(
    (address) => [`TCP4 to "${address}"`, `PROXY TCP4 5.6.7.8 ${address} 1 2\r\n`] as const,
  ),
  ...BAD_IPV6.map(
    (address) => [`TCP6 from "${address}"`, `PROXY TCP6 ${address} ::1 1 2\r\n`] as const,
  ),
  ...BAD_IPV6.map(
    (address) => [`TCP6 to "${address}"`, `PROXY TCP6 ::1 ${address} 1 2\r\n`] as const,
  ),
  ...[0x00, 0x10, 0x11, 0x22, 0x2f, 0x31, 0xff].map(
    (command) => [`command 0x${command.toString(16)}`, version2({ command })] as const,
  ),
  ...[0x01, 0x02, 0x10, 0x12, 0x13, 0x20, 0x22, 0x30, 0x32, 0x41, 0xff].map(
    (kind) =>
      [`kind 0x${kind.toString(16)}`, version2({ kind, addresses: Buffer.alloc(232) })] as const,
  ),
  ['version 2, too short for IPv4', version2({ addresses: IPV4_ADDRESSES.subarray(1) })],
  ['version 2, too short for IPv6', version2({ kind: TCP6_KIND })],
  [
    'version 2, too short for a Unix socket',
    version2({ kind: 0x31, addresses: Buffer.alloc(215) }),
  ],
  ['version 2, 4097 bytes', version2({ length: 4096 - 16 + 1 })],
  ['version 2, local, 4097 bytes', version2({ command: LOCAL_COMMAND, length: 4096 - 16 + 1 })],
  ['version 2, a TLV cut short', version2({ tail: Buffer.from([0x04, 0]) })],
  ['version 2, a TLV beyond the end', version2({ tail: tlv(0x04, 'abc').subarray(0, -1) })],
  ['version 2, a wrong checksum', version2({ tail: tlv(0x03, 'abcd') })],
  ['version 2, a checksum of three bytes', version2({ tail: tlv(0x03, 'abc') })],
  ['version 2, two checksums', withChecksum({ tail: tlv(0x03, Buffer.alloc(4)) })],
]

test.each(SOUND)('%s', (_, header, source) => {
  expect(read(header)).toEqual({ byteCount: Buffer.from(header).length, source })
})

test.each(SOUND)('%s: what follows is the connection’s', (_, header, source) => {
  const bytes = Buffer.concat([Buffer.from(header), Buffer.from(REQUEST)])
  expect(read(bytes)).toEqual({ byteCount: Buffer.from(header).length, source })
})

test.each(SOUND)('%s: cut anywhere it is not whole yet', (_, header) => {
  const bytes = Buffer.from(header)
  for (let end = 0; end < bytes.length; end++) {
    expect(readProxyHeader(bytes.subarray(0, end)), `after ${end} bytes`).toBe('incomplete')
  }
})

test.each(MALFORMED)('malformed: %s', (_, header) => {
  expect(read(header)).toBe('malformed')
})

test.each(MALFORMED)('malformed: %s; and what was incomplete is so no longer', (_, header) => {
  const bytes = Buffer.from(header)
  let isRefused = false
  for (let end = 0; end <= bytes.length; end++) {
    const found = readProxyHeader(bytes.subarray(0, end))
    if (isRefused) expect(found, `after ${end} bytes`).toBe('malformed')
    else expect(['incomplete', 'malformed']).toContain(found)
    isRefused = found === 'malformed'
  }
  expect(isRefused).toBe(true)
})

describe('whatever comes', () => {
  const mutated = tuple(
    constantFrom(...SOUND.map(([, header]) => Buffer.from(header))),
    array(tuple(nat(), integer({ min: 0, max: 255 })), { maxLength: 3 }),
  ).map(([header, changes]) => {
    const bytes = Buffer.from(header)
    for (const [at, byte] of changes) bytes[at % bytes.length] = byte
    return bytes
  })

  test('one answer, which more bytes do not change', () => {
    assert(
      property(oneof(mutated, uint8Array({ maxLength: 200 })), (bytes) => {
        const all = readProxyHeader(Buffer.from(bytes))
        if (all === 'incomplete') {
          expect(bytes.length).toBeLessThan(4096)
          return
        }
        expect(readProxyHeader(Buffer.concat([bytes, Buffer.from(REQUEST)]))).toEqual(all)
        if (all !== 'malformed') expect(all.byteCount).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a byte changed under a checksum is noticed', () => {
    assert(
      property(
        integer({ min: SIGNATURE.length + 4, max: CHECKED.length - 1 }),
        integer({ min: 1, max: 255 }),
        (at, change) => {
          const bytes = Buffer.from(CHECKED)
          bytes[at]! ^= change
          // In a type of a TLV the change may be that there is no checksum any more.
          const isType =
            at === SIGNATURE.length + 4 + IPV4_ADDRESSES.length || at === CHECKED.length - 7
          if (!isType) expect(readProxyHeader(bytes)).toBe('malformed')
          else expect(bytes[SIGNATURE.length]).toBe(PROXY_COMMAND)
        },
      ),
    )
  })
})

test('CRC-32C has its published check value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  // RFC 3720 appendix B.4.
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
})
