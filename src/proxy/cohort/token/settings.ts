/**
 * Where the token (JWT, RFC 7519) of a route's requests is, and what makes it believed. Plain data, for snapshots.
 *
 * Keys are public ones alone, each with the algorithms that it is for: so a token can neither say `none`, nor have a public
 * key taken for a shared secret.
 */

export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]

export interface TokenSettings {
  /** `Bearer` in front is left out; in `authorization`, what is under another scheme is no token. */
  readonly from: { readonly kind: 'header' | 'cookie'; readonly name: string }
  /** Null: tokens are decoded and believed, whoever wrote them. */
  readonly verification: TokenVerification | null
}

export interface TokenVerification {
  /** Null: not read yet, so that no token is believed. */
  readonly keys: readonly TokenKey[] | null
  readonly algorithms: readonly TokenAlgorithm[]
  /** One of these must have issued it; empty: anybody with a key. */
  readonly issuers: readonly string[]
  /** It must be meant for one of these; empty: for whomever. */
  readonly audiences: readonly string[]
}

export interface TokenKey {
  readonly kid: string | null
  readonly algorithms: readonly TokenAlgorithm[]
  /** SubjectPublicKeyInfo, PEM. */
  readonly spki: string
}

/** Of a route that says nothing of tokens. */
export const BEARER_TOKEN: TokenSettings = {
  from: { kind: 'header', name: 'authorization' },
  verification: null,
}
