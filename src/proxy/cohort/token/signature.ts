/**
 * Verifies signatures of tokens (RFC 7518 section 3, RFC 8037), at once and in this thread.
 *
 * By `node:crypto` with keys that are made when a table is compiled: `jose` verifies the same, and better documented, but its
 * promises would make every request wait for a microtask or a pool of threads. What it would say is what the tests
 * hold this against.
 */

import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { CohortFault } from '../faults.ts'
import type { TokenAlgorithm, TokenKey, TokenVerification } from './settings.ts'

interface Scheme {
  /** Null: the algorithm's own. */
  readonly hash: string | null
  readonly padding?: number
  readonly saltLength?: number
  readonly dsaEncoding?: 'ieee-p1363'
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING }
const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
}
const ECDSA = { dsaEncoding: 'ieee-p1363' } as const

const SCHEMES: Readonly<Record<TokenAlgorithm, Scheme>> = {
  RS256: { hash: 'sha256', ...PKCS1 },
  RS384: { hash: 'sha384', ...PKCS1 },
  RS512: { hash: 'sha512', ...PKCS1 },
  PS256: { hash: 'sha256', ...PSS },
  PS384: { hash: 'sha384', ...PSS },
  PS512: { hash: 'sha512', ...PSS },
  ES256: { hash: 'sha256', ...ECDSA },
  ES384: { hash: 'sha384', ...ECDSA },
  ES512: { hash: 'sha512', ...ECDSA },
  EdDSA: { hash: null },
  Ed25519: { hash: null },
}

interface PublicKey {
  readonly kid: string | null
  readonly algorithms: ReadonlySet<string>
  readonly key: KeyObject
}

/** What a token says of its signature. */
export interface TokenHeader {
  readonly alg?: unknown
  readonly kid?: unknown
}

export class SignatureCheck {
  /** Null: not read yet. */
  readonly #keys: readonly PublicKey[] | null
  readonly #algorithms: ReadonlySet<string>

  constructor({ keys, algorithms }: Pick<TokenVerification, 'keys' | 'algorithms'>) {
    this.#keys = keys?.map(publicKeyOf) ?? null
    this.#algorithms = new Set(algorithms)
  }

  /** Returns null where the signature, base64url, is that of the text before it. */
  fault({ alg, kid }: TokenHeader, signed: string, signature: string): CohortFault | null {
    if (!isAlgorithm(alg) || !this.#algorithms.has(alg)) return 'tokenAlgorithm'
    if (this.#keys === null) return 'tokenNoKeys'
    const fitting = this.#keys.filter(
      (each) => each.algorithms.has(alg) && (kid === undefined || each.kid === kid),
    )
    const [only] = fitting
    // Which one it is has to be said where several could be, as for jose.
    if (only === undefined || (kid === undefined && fitting.length > 1)) return 'tokenKey'
    const { hash, ...scheme } = SCHEMES[alg]
    const isValid = verify(
      hash,
      Buffer.from(signed, 'latin1'),
      { key: only.key, ...scheme },
      Buffer.from(signature, 'base64url'),
    )
    return isValid ? null : 'tokenSignature'
  }
}

function publicKeyOf({ kid, algorithms, spki }: TokenKey): PublicKey {
  return { kid, algorithms: new Set(algorithms), key: createPublicKey(spki) }
}

function isAlgorithm(alg: unknown): alg is TokenAlgorithm {
  return typeof alg === 'string' && Object.hasOwn(SCHEMES, alg)
}
