/** Keys and tokens for tests, made by jose: what is verified is held against another's reading of the RFCs. */

import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose'
import { toKeySet } from '../../../../src/control/config/key-set.ts'
import { TokenReader } from '../../../../src/proxy/cohort/token/reader.ts'
import {
  TOKEN_ALGORITHMS,
  type TokenVerification,
} from '../../../../src/proxy/cohort/token/settings.ts'
import { factsOf } from '../requests.ts'

/** Seconds since 1970. */
export const NOW_S = 1_795_000_000

export interface SigningKey {
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

export async function signingKey(alg: string, kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

export function signed(
  { alg, privateKey, jwk }: SigningKey,
  claims: JWTPayload = {},
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  return new SignJWT({ sub: 'anna', exp: NOW_S + 60, ...claims })
    .setProtectedHeader({ alg, kid: jwk.kid!, ...header })
    .sign(privateKey)
}

/** Base64url of JSON, or of text. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  )
}

/** A token that nobody signed. */
export function unsigned(claims: unknown, header: unknown = { alg: 'none' }): string {
  return `${part(header)}.${part(claims)}.`
}

export function readerWith(
  keys: readonly JWK[] | null,
  settings: Partial<TokenVerification> = {},
): TokenReader {
  return new TokenReader({
    from: { kind: 'header', name: 'authorization' },
    verification: {
      keys: keys === null ? null : toKeySet({ keys }),
      algorithms: TOKEN_ALGORITHMS,
      issuers: [],
      audiences: [],
      ...settings,
    },
  })
}

/** Returns the subject that a bearer's token is believed for, and what was counted. */
export function subjectOf(token: string, tokens?: TokenReader, nowS = NOW_S) {
  const { facts, faults } = factsOf({
    lines: [`Authorization: Bearer ${token}`],
    nowS,
    ...(tokens !== undefined && { tokens }),
  })
  return { subject: facts.claimText('sub'), faults: faults() }
}
