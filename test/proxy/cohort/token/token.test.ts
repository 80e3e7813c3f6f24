import { createPublicKey, KeyObject, sign } from 'node:crypto'
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, jwtVerify } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { toKeySet } from '../../../../src/control/config/key-set.ts'
import { TokenReader } from '../../../../src/proxy/cohort/token/reader.ts'
import { TOKEN_ALGORITHMS } from '../../../../src/proxy/cohort/token/settings.ts'
import { TOKEN_LENGTH } from '../../../../src/proxy/cohort/token/token.ts'
import { factsOf } from '../requests.ts'
import {
  NOW_S,
  part,
  readerWith,
  signed,
  type SigningKey,
  signingKey,
  subjectOf,
  unsigned,
} from './tokens.ts'

describe('a token that nobody verifies', () => {
  test('is believed, whoever wrote it', () => {
    const token = unsigned({ sub: 'anna' })
    expect(subjectOf(token)).toEqual({ subject: 'anna', faults: {} })
  })

  test.for([
    ['of one part', 'abc'],
    ['of two parts', 'e30.e30'],
    ['of five parts', 'e30.e30.e30.e30.e30'],
    ['that is not base64url', 'e30.e3*0.'],
    ['whose claims are no JSON', `e30.${part('{')}.`],
    ['whose claims are a list', `e30.${part([])}.`],
    [
      'whose claims are not UTF-8',
      `e30.${Buffer.from('7b2261223a22ff227d', 'hex').toString('base64url')}.`,
    ],
    ['whose time is a text', unsigned({ sub: 'anna', exp: 'tomorrow' })],
    ['whose time is null', unsigned({ sub: 'anna', nbf: null })],
  ] satisfies [string, string][])('%s is no token, and is counted', ([, token]) => {
    expect(subjectOf(token)).toEqual({ subject: null, faults: { tokenMalformed: 1 } })
  })

  test('is not looked at where it is long', () => {
    const token = unsigned({ sub: 'anna', padding: 'x'.repeat(TOKEN_LENGTH) })
    const from = { kind: 'cookie', name: 't' } as const
    const tokens = new TokenReader({ from, verification: null })
    // Beyond what a field may be in these tests.
    const carrier = { header: () => null, cookie: () => token }
    expect(tokens.read(carrier)).toBe('tooLong')
  })

  test.for([
    ['a moment before it expires', { exp: NOW_S + 1 }, 'anna', {}],
    ['when it expires', { exp: NOW_S }, null, { tokenExpired: 1 }],
    ['once it has expired', { exp: NOW_S - 3600 }, null, { tokenExpired: 1 }],
    ['a moment before its time', { nbf: NOW_S + 1 }, null, { tokenEarly: 1 }],
    ['from its time on', { nbf: NOW_S }, 'anna', {}],
    ['at any time where it names none', {}, 'anna', {}],
  ] as const)('%s', ([, times, subject, faults]) => {
    expect(subjectOf(unsigned({ sub: 'anna', ...times }))).toEqual({ subject, faults })
  })

  test('expires also when it was believed before', () => {
    const tokens = new TokenReader({
      from: { kind: 'header', name: 'authorization' },
      verification: null,
    })
    const token = unsigned({ sub: 'anna', exp: NOW_S + 10 })
    expect(subjectOf(token, tokens).subject).toBe('anna')
    expect(subjectOf(token, tokens, NOW_S + 10).faults).toEqual({ tokenExpired: 1 })
  })
})

describe('a token is read', () => {
  const token = unsigned({ sub: 'anna' })
  test.for([
    ['from the bearer', 'header', 'authorization', `Authorization: Bearer ${token}`, 'anna'],
    [
      'from the bearer in any case',
      'header',
      'authorization',
      `Authorization: bEARER  ${token}`,
      'anna',
    ],
    ['not from another scheme', 'header', 'authorization', `Authorization: Basic ${token}`, null],
    ['not without a scheme', 'header', 'authorization', `Authorization: ${token}`, null],
    ['from a header of its own', 'header', 'x-token', `X-Token: ${token}`, 'anna'],
    ['from such a header with a scheme', 'header', 'x-token', `X-Token: Bearer ${token}`, 'anna'],
    ['from a cookie', 'cookie', 'id', `Cookie: a=b; id=${token}`, 'anna'],
    ['not from an empty cookie', 'cookie', 'id', 'Cookie: id=', null],
  ] as const)('%s', ([, kind, name, line, subject]) => {
    const tokens = new TokenReader({ from: { kind, name }, verification: null })
    const { facts, faults } = factsOf({ lines: [line], tokens })
    expect(facts.claimText('sub')).toBe(subject)
    expect(faults()).toEqual({})
  })
})

describe('a claim', () => {
  const claims = {
    sub: 'Zoë',
    age: 42,
    isTester: true,
    nothing: null,
    roles: ['a', 'b', 7, null, { deep: 1 }],
    realm: { access: { roles: ['x'] } },
    'realm.access': 'plain',
    empty: [],
    one: ['alone'],
    __proto__: undefined,
  }
  const { facts } = factsOf({ lines: [`Authorization: Bearer ${unsigned(claims)}`] })

  test.for([
    ['sub', ['Zo\xc3\xab']],
    ['age', ['42']],
    ['isTester', ['true']],
    ['nothing', null],
    ['missing', null],
    ['roles', ['a', 'b', '7']],
    ['realm.access.roles', ['x']],
    ['realm.access', ['plain']],
    ['realm', []],
    ['realm.access.roles.0', null],
    ['empty', []],
    ['toString', null],
    ['__proto__', null],
    ['a.'.repeat(50), null],
  ] as const)('%s is %j', ([name, texts]) => {
    expect(facts.claim(name)).toEqual(texts)
  })

  test('is a unit where it is one text', () => {
    expect(
      ['sub', 'age', 'one', 'roles', 'empty', 'missing'].map((name) => facts.claimText(name)),
    ).toEqual(['Zo\xc3\xab', '42', 'alone', null, null, null])
  })
})

describe('a token that must be signed', () => {
  const keys = new Map<string, SigningKey>()
  beforeAll(async () => {
    for (const alg of TOKEN_ALGORITHMS) keys.set(alg, await signingKey(alg, `key-${alg}`))
  })
  const keyOf = (alg: string): SigningKey => keys.get(alg)!
  const jwksOf = (...algs: string[]) => algs.map((alg) => keyOf(alg).jwk)

  test.for(TOKEN_ALGORITHMS)('by %s is believed as by jose', async (alg) => {
    const token = await signed(keyOf(alg))
    const jwks = createLocalJWKSet({ keys: jwksOf(...TOKEN_ALGORITHMS) })
    const { payload } = await jwtVerify(token, jwks, { currentDate: new Date(NOW_S * 1_000) })
    expect(payload.sub).toBe('anna')
    expect(subjectOf(token, readerWith(jwksOf(...TOKEN_ALGORITHMS)))).toEqual({
      subject: 'anna',
      faults: {},
    })
  })

  test.for(TOKEN_ALGORITHMS)('by %s is not believed once a byte of it is another', async (alg) => {
    const token = await signed(keyOf(alg))
    const [header = '', claims = '', signature = ''] = token.split('.')
    const tokens = readerWith(jwksOf(alg))
    const forged = `${header}.${part({ sub: 'eve', exp: NOW_S + 60 })}.${signature}`
    expect(subjectOf(forged, tokens)).toEqual({ subject: null, faults: { tokenSignature: 1 } })
    const turned = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`
    expect(subjectOf(`${header}.${claims}.${turned}`, tokens).subject).toBe(null)
    expect(subjectOf(`${header}.${claims}.`, tokens).subject).toBe(null)
  })

  test('is not believed unsigned, whatever it says', () => {
    const tokens = readerWith(jwksOf('RS256', 'ES256'))
    for (const alg of ['none', 'None', 'NONE', '', null, 1, undefined, 'HS256', 'toString']) {
      const token = unsigned({ sub: 'eve' }, { alg, kid: 'key-RS256' })
      expect(subjectOf(token, tokens)).toEqual({ subject: null, faults: { tokenAlgorithm: 1 } })
    }
  })

  test('is not believed with the public key as a shared secret', async () => {
    const { createHmac } = await import('node:crypto')
    const { spki } = toKeySet({ keys: jwksOf('RS256') })[0]!
    const text = `${part({ alg: 'HS256', kid: 'key-RS256' })}.${part({ sub: 'eve' })}`
    const token = `${text}.${createHmac('sha256', spki).update(text).digest('base64url')}`
    expect(subjectOf(token, readerWith(jwksOf('RS256'))).faults).toEqual({ tokenAlgorithm: 1 })
  })

  test('is not believed by another algorithm than its key is for', async () => {
    const { privateKey, jwk } = keyOf('RS256')
    const text = `${part({ alg: 'PS256', kid: jwk.kid })}.${part({ sub: 'eve' })}`
    const key = KeyObject.from(privateKey)
    const signature = sign('sha256', Buffer.from(text), { key, padding: 6, saltLength: 32 })
    const token = `${text}.${signature.toString('base64url')}`
    expect(subjectOf(token, readerWith(jwksOf('RS256'))).faults).toEqual({ tokenKey: 1 })
    const { alg: _, ...open } = jwk
    expect(subjectOf(token, readerWith([open])).subject).toBe('eve')
  })

  test('is not believed by an algorithm that the route does not take', async () => {
    const token = await signed(keyOf('RS256'))
    const tokens = readerWith(jwksOf('RS256'), { algorithms: ['ES256'] })
    expect(subjectOf(token, tokens).faults).toEqual({ tokenAlgorithm: 1 })
  })

  test('is not believed by the key of somebody else', async () => {
    const other = await signingKey('ES256', 'key-ES256')
    const tokens = readerWith(jwksOf('ES256'))
    expect(subjectOf(await signed(other), tokens).faults).toEqual({ tokenSignature: 1 })
    const unknown = { ...other, jwk: { ...other.jwk, kid: 'x' } }
    expect(subjectOf(await signed(unknown), tokens).faults).toEqual({ tokenKey: 1 })
  })

  test('need not name its key where only one fits', async () => {
    const token = await signed(keyOf('ES256'), {}, { kid: undefined })
    expect(subjectOf(token, readerWith(jwksOf('ES256', 'RS256'))).subject).toBe('anna')
    const twice = [...jwksOf('ES256'), { ...keyOf('ES256').jwk, kid: 'second' }]
    expect(subjectOf(token, readerWith(twice)).faults).toEqual({ tokenKey: 1 })
  })

  test('is not believed while there are no keys', async () => {
    const token = await signed(keyOf('ES256'))
    expect(subjectOf(token, readerWith(null)).faults).toEqual({ tokenNoKeys: 1 })
  })

  test('must be understood whole', async () => {
    const text = `${part({ alg: 'ES256', kid: 'key-ES256', crit: ['b64'], b64: false })}.${part({ sub: 'eve' })}`
    const key = KeyObject.from(keyOf('ES256').privateKey)
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
    const token = `${text}.${signature.toString('base64url')}`
    expect(subjectOf(token, readerWith(jwksOf('ES256'))).faults).toEqual({ tokenMalformed: 1 })
  })

  test.for([
    ['from one of its issuers', { iss: 'a' }, 'anna', {}],
    ['from another issuer', { iss: 'c' }, null, { tokenIssuer: 1 }],
    ['from nobody', {}, null, { tokenIssuer: 1 }],
  ] as const)('%s', async ([, claims, subject, faults]) => {
    const tokens = readerWith(jwksOf('ES256'), { issuers: ['a', 'b'] })
    expect(subjectOf(await signed(keyOf('ES256'), claims), tokens)).toEqual({ subject, faults })
  })

  test.for([
    ['for us', { aud: 'shop' }, 'anna', {}],
    ['for us and others', { aud: ['x', 'shop'] }, 'anna', {}],
    ['for others', { aud: ['x'] }, null, { tokenAudience: 1 }],
    ['for nobody', {}, null, { tokenAudience: 1 }],
  ] satisfies [string, JWTPayload, string | null, Record<string, number>][])(
    '%s',
    async ([, claims, subject, faults]) => {
      const tokens = readerWith(jwksOf('ES256'), { audiences: ['shop'] })
      expect(subjectOf(await signed(keyOf('ES256'), claims), tokens)).toEqual({ subject, faults })
    },
  )

  test('is verified once, and its fault counted each time', async () => {
    const tokens = readerWith(jwksOf('ES256'))
    const token = await signed(keyOf('ES256'))
    const carrier = { header: () => `Bearer ${token}`, cookie: () => null }
    expect(tokens.read(carrier)).toBe(tokens.read(carrier))
    const forged = `${token.slice(0, -10)}AAAAAAAAAA`
    expect(subjectOf(forged, tokens).faults).toEqual({ tokenSignature: 1 })
    expect(subjectOf(forged, tokens).faults).toEqual({ tokenSignature: 1 })
  })
})

describe('a key set', () => {
  test('is left with the keys that signatures are verified with', async () => {
    const { publicKey } = await generateKeyPair('ES256')
    const jwk = await exportJWK(publicKey)
    const { publicKey: weak } = await generateKeyPair('RS256', { modulusLength: 2048 })
    const rsa = await exportJWK(weak)
    const set = toKeySet({
      keys: [
        { ...jwk, kid: 'good', use: 'sig', key_ops: ['verify'] },
        { ...jwk, kid: 'encrypts', use: 'enc' },
        { ...jwk, kid: 'signs', key_ops: ['sign'] },
        { ...jwk, kid: 'odd', alg: 'RS256' },
        { ...jwk, kid: 'damaged', x: 'AAAA' },
        { kty: 'oct', kid: 'secret', k: 'AAAA' },
        { ...rsa, kid: 'rsa' },
        { ...rsa, kid: 'weak', n: part('x'.repeat(128)) },
        'nonsense',
      ],
    })
    expect(set.map(({ kid, algorithms }) => [kid, algorithms])).toEqual([
      ['good', ['ES256']],
      ['rsa', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ])
    expect(createPublicKey(set[0]!.spki).asymmetricKeyType).toBe('ec')
  })

  test('has the public part of a private key, and nothing else', async () => {
    const { privateKey } = await generateKeyPair('Ed25519', { extractable: true })
    const [key] = toKeySet({ keys: [await exportJWK(privateKey)] })
    expect(key!.spki).toMatch(/^-----BEGIN PUBLIC KEY-----/)
    expect(key!.algorithms).toEqual(['EdDSA', 'Ed25519'])
  })
})
