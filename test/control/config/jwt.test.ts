import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkConfig, sourceOf } from '../../../src/control/config/load.ts'
import { TOKEN_ALGORITHMS } from '../../../src/proxy/cohort/token/settings.ts'
import { configOf, sample } from './sample.ts'

const folder = mkdtempSync(join(tmpdir(), 'sluice-jwt-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const JWK = { ...publicKey.export({ format: 'jwk' }), kid: 'one' }
const SPKI = publicKey.export({ type: 'spki', format: 'pem' })
const KEY = { kid: 'one', algorithms: ['ES256'], spki: SPKI }
const INLINE = JSON.stringify({ keys: [JWK] })

function withJwt(jwt: string): string {
  return sample({ routes: `routes: [{ name: shop, stable: a, jwt: ${jwt} }]` })
}

function tokenOf(jwt: string) {
  return configOf(withJwt(jwt)).routes[0]!.token
}

/** The faults of a file in the folder, without its name and place. */
function faultsIn(jwt: string): readonly string[] {
  const { faults } = checkConfig(withJwt(jwt), sourceOf(join(folder, 'sluice.yaml'), {}))
  return (faults ?? []).map(
    (fault) => `${fault.line}:${fault.column} ${fault.path}: ${fault.message}`,
  )
}

describe('the token of a route', () => {
  test('is the bearer, whoever wrote it, where nothing is said', () => {
    const bearer = { from: { kind: 'header', name: 'authorization' }, verification: null }
    expect(configOf(sample()).routes[0]!.token).toEqual(bearer)
    expect(tokenOf('{}')).toEqual(bearer)
  })

  test('may be in another header, or in a cookie', () => {
    expect(tokenOf('{ header: X-Token }').from).toEqual({ kind: 'header', name: 'x-token' })
    expect(tokenOf('{ cookie: id }').from).toEqual({ kind: 'cookie', name: 'id' })
  })

  test('is verified by keys that stand there', () => {
    expect(tokenOf(`{ jwks: { inline: ${INLINE} } }`).verification).toEqual({
      keys: [KEY],
      algorithms: TOKEN_ALGORITHMS,
      issuers: [],
      audiences: [],
    })
  })

  test('is verified by keys that are asked for', () => {
    const jwt =
      '{ jwks: { url: "https://id.example.com/keys.json", refresh: 1m }, issuer: i, audience: [a, b], algorithms: [ES256] }'
    expect(tokenOf(jwt).verification).toEqual({
      keys: { url: 'https://id.example.com:443/keys.json', refreshMs: 60_000 },
      algorithms: ['ES256'],
      issuers: ['i'],
      audiences: ['a', 'b'],
    })
  })

  test('is verified by the keys of a file, which is watched', () => {
    writeFileSync(join(folder, 'jwks.json'), INLINE)
    const source = sourceOf(join(folder, 'sluice.yaml'), {})
    const { config } = checkConfig(withJwt('{ jwks: { file: jwks.json } }'), source)
    expect(config?.routes[0]!.token.verification?.keys).toEqual([KEY])
    expect(source.files.names).toContain('jwks.json')
  })
})

describe('refused is', () => {
  test.for([
    ['{ jwks: {} }', '4:48 routes[0].jwt.jwks: needs one of "file", "url" and "inline"'],
    [
      '{ jwks: { file: none.json } }',
      '4:56 routes[0].jwt.jwks.file: Cannot use the key set none.json: there is no such file',
    ],
    [
      '{ issuer: i }',
      '4:50 routes[0].jwt.issuer: needs "jwks": without keys, who wrote a token is not known',
    ],
    ['{ header: a, cookie: b }', '4:40 routes[0].jwt: needs "header" or "cookie", and not both'],
    [
      `{ jwks: { inline: ${INLINE} }, algorithms: [HS256] }`,
      expect.stringMatching(
        /jwt\.algorithms\[0\]: "HS256" is not possible; only signatures by a public key are verified; possible: RS256/,
      ),
    ],
    [
      '{ jwks: { inline: { keys: [] } } }',
      expect.stringMatching(/jwks\.inline: has no public key/),
    ],
    ['{ jwks: { inline: { kes: [] } } }', expect.stringMatching(/jwks\.inline: is not a key set/)],
    [
      '{ jwks: { url: "ftp://x/y" } }',
      expect.stringMatching(/jwks\.url: .*only http:\/\/ and https:\/\//),
    ],
    ['{ jkws: {} }', '4:42 routes[0].jwt: unknown key "jkws"; did you mean "jwks"?'],
  ])('%s', ([jwt, fault]) => {
    expect(faultsIn(jwt)).toEqual([fault])
  })

  test('a file that is no key set', () => {
    writeFileSync(join(folder, 'other.json'), '{"keys":[{"kty":"oct","k":"AAAA"}]}')
    expect(faultsIn('{ jwks: { file: other.json } }').join()).toMatch(
      /Cannot use the key set other\.json: has no public key/,
    )
  })
})
