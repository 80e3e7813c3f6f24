import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  CONNECTION,
  connectionSpecific,
  CONTENT_LENGTH,
  CONTENT_TYPE,
  COOKIE,
  DATE,
  DROP,
  EXPECT,
  fieldKind,
  FORWARD,
  FORWARDED,
  HOST,
  listMembers,
  MAX_FORWARDS,
  SAID_BY_PROXY,
  TE,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
} from '../../src/proxy/headers.ts'
import { latin1 } from './http1/heads.ts'

const KINDS: Readonly<Record<string, number>> = {
  host: HOST,
  'content-length': CONTENT_LENGTH,
  'transfer-encoding': TRANSFER_ENCODING,
  connection: CONNECTION,
  upgrade: UPGRADE,
  expect: EXPECT,
  cookie: COOKIE,
  date: DATE,
  'x-forwarded-for': X_FORWARDED_FOR,
  'x-forwarded-proto': X_FORWARDED_PROTO,
  'x-forwarded-host': X_FORWARDED_HOST,
  forwarded: FORWARDED,
  'keep-alive': DROP,
  'proxy-connection': DROP,
  'proxy-authenticate': DROP,
  'proxy-authorization': DROP,
  te: TE,
  trailer: TRAILER,
  via: VIA,
  'content-type': CONTENT_TYPE,
  'max-forwards': MAX_FORWARDS,
  'x-forwarded-port': SAID_BY_PROXY,
  'x-real-ip': SAID_BY_PROXY,
  'x-forwarded-client-cert': DROP,
  'client-cert': DROP,
  'http2-settings': DROP,
  proxy: DROP,
  'x-sluice-variant': DROP,
  'x-sluice-rollout': DROP,
}

/** Of a name in the middle of other bytes. */
function kindOf(name: string): number {
  return fieldKind(latin1(`x-${name}-x`), 2, 2 + name.length)
}

describe('a field', () => {
  test.for(Object.entries(KINDS))('%s is known in any case', ([name, kind]) => {
    const mixed = name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase())
    expect([name, name.toUpperCase(), mixed].map(kindOf)).toEqual([kind, kind, kind])
  })

  test.for(Object.keys(KINDS))('%s is not what is like it', (name) => {
    const near = [`${name}s`, `x${name}`, name.slice(1), name.slice(0, -1), `${name.slice(0, -1)}~`]
    expect(new Set(near.map(kindOf))).toEqual(new Set([FORWARD]))
  })

  test.for(Object.keys(KINDS).filter((name) => name.includes('-')))(
    '%s with underscores is dropped',
    (name) => {
      expect(kindOf(name.replaceAll('-', '_'))).toBe(DROP)
      expect(kindOf(name.replace('-', '_').toUpperCase())).toBe(DROP)
    },
  )

  test.for([
    '',
    'x',
    'accept',
    'x_custom',
    'user-agent',
    'x'.repeat(31),
    'x'.repeat(32),
    'x'.repeat(5_000),
  ])('of another name is forwarded', (name) => {
    expect(kindOf(name)).toBe(FORWARD)
  })

  test('has one kind only: letters differ by case alone, and dashes by nothing', () => {
    const chars =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".split('')
    const changes = fc.tuple(
      fc.constantFrom(...Object.keys(KINDS)),
      fc.nat(),
      fc.constantFrom(...chars),
    )
    fc.assert(
      fc.property(changes, ([name, place, char]) => {
        const at = place % name.length
        const changed = name.slice(0, at) + char + name.slice(at + 1)
        const isLookalike = name[at] === '-' && char === '_'
        const expected = isLookalike ? DROP : (KINDS[changed.toLowerCase()] ?? FORWARD)
        expect({ changed, kind: kindOf(changed) }).toEqual({ changed, kind: expected })
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('a list', () => {
  test.for([
    ['', ['']],
    ['a', ['a']],
    ['A, b ,\tC\t', ['a', 'b', 'c']],
    [',a,, b', ['', 'a', '', 'b']],
    ['a b', ['a b']],
    ['\xa0a', ['\xa0a']],
    [' \t ', ['']],
  ] as const)('%j', ([value, members]) => {
    expect(listMembers(value)).toEqual(members)
  })

  test('of blanks takes no longer than it is', () => {
    const value = `a${' '.repeat(1_000_000)}b`
    expect(listMembers(value)).toEqual([value])
  })
})

describe('Connection names', () => {
  test.for([
    ['', []],
    ['close', []],
    ['keep-alive', []],
    ['Keep-Alive, Upgrade, close', []],
    ['X-Hop', ['x-hop']],
    ['close, X-Hop,,x-hop ,\tY', ['x-hop', 'y']],
    ['Host, Content-Length, Transfer-Encoding, Cookie, Set-Cookie, Authorization, Via, Date', []],
    ['X-Forwarded-For, X-Forwarded-Port, X-FORWARDED-ANYTHING, Forwarded', []],
    ['X-Forwarded', ['x-forwarded']],
  ] as const)('%j', ([value, names]) => {
    expect([...connectionSpecific(value)]).toEqual(names)
  })
})
