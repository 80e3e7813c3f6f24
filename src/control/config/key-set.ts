/**
 * JSON Web Key Sets (RFC 7517), read into the public keys that signatures of tokens are verified with.
 *
 * What is not for that is passed over, as the RFC asks for (section 5): shared secrets, keys of other kinds, keys for
 * encryption. A set of which nothing is left is a mistake.
 */

import { createPublicKey, type JsonWebKeyInput } from 'node:crypto'
import {
  TOKEN_ALGORITHMS,
  type TokenAlgorithm,
  type TokenKey,
} from '../../proxy/cohort/token/settings.ts'
import { isMap } from './lookup.ts'
import { refused } from './wording.ts'

/** Keys of one set; those of issuers have two to ten. */
const KEY_LIMIT = 64
/** As `jose`, and RFC 7518 section 3.3. */
const RSA_BITS = 2_048

const RSA: readonly TokenAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const BY_CURVE: Readonly<Record<string, readonly TokenAlgorithm[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
}

/** Throws `CodedError` (`invalidConfig`) with words that follow the name of the set. */
export function readKeySet(text: string): readonly TokenKey[] {
  return toKeySet(parse(text))
}

/** As `readKeySet`, of what JSON or YAML gave. */
export function toKeySet(set: unknown): readonly TokenKey[] {
  const keys = isMap(set) ? set['keys'] : undefined
  if (!Array.isArray(keys)) {
    throw refused('is not a key set: it must be a map with a list of keys, {"keys": […]}')
  }
  if (keys.length > KEY_LIMIT) {
    throw refused(`has ${keys.length} keys; at most ${KEY_LIMIT} are possible`)
  }
  const usable = keys.flatMap((key: unknown) => (isMap(key) ? toKey(key) : []))
  if (usable.length > 0) return usable
  throw refused(
    `has no public key that a signature can be verified with (of ${keys.length}); RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 are`,
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw refused('is not JSON')
  }
}

type Key = Readonly<Record<string, unknown>>

function toKey(key: Key): readonly TokenKey[] {
  const { use, key_ops: operations, kid, alg } = key
  if (use !== undefined && use !== 'sig') return []
  if (Array.isArray(operations) && !operations.includes('verify')) return []
  const possible = algorithmsOf(key).filter((each) => alg === undefined || each === alg)
  const spki = possible.length === 0 ? null : spkiOf(key)
  if (spki === null) return []
  return [{ kid: typeof kid === 'string' ? kid : null, algorithms: possible, spki }]
}

function algorithmsOf({ kty, crv }: Key): readonly TokenAlgorithm[] {
  if (kty === 'RSA') return RSA
  const isCurve = (kty === 'EC' || kty === 'OKP') && typeof crv === 'string'
  return isCurve && Object.hasOwn(BY_CURVE, crv) ? BY_CURVE[crv]! : []
}

/** Null where the key is damaged or weak. Of a private key the public part is taken. */
function spkiOf(key: Key): string | null {
  try {
    const made = createPublicKey({ key: publicPart(key), format: 'jwk' })
    const bits = made.asymmetricKeyDetails?.modulusLength
    if (bits !== undefined && bits < RSA_BITS) return null
    return made.export({ type: 'spki', format: 'pem' })
  } catch {
    return null
  }
}

function publicPart({ kty, crv, n, e, x, y }: Key): JsonWebKeyInput['key'] {
  const members = Object.entries({ kty, crv, n, e, x, y })
  return Object.fromEntries(members.filter(([, value]) => typeof value === 'string'))
}

export function readAlgorithm(text: string): TokenAlgorithm {
  const known = TOKEN_ALGORITHMS.find((each) => each === text)
  if (known !== undefined) return known
  const why = /^(?:none|HS\d+)$/i.test(text) ? 'only signatures by a public key are verified; ' : ''
  throw refused(`"${text}" is not possible; ${why}possible: ${TOKEN_ALGORITHMS.join(', ')}`)
}
